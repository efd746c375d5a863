//! The PostgreSQL store with a whole server above it: what is there after a new start, races over
//! HTTP, and what happens while the database is away.
#![cfg(feature = "postgres")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod common;
mod kept;
#[path = "common/postgres.rs"]
mod postgres;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use common::PHONE;
use kept::{Place, Server};
use serde_json::json;
use uuid::Uuid;
use verigator_server::{
    clock::{Clock, SystemClock},
    config::Rules,
    engine::{
        authentication::{Method, StartRequest},
        keys::Keys,
        pin::{MacKey, Pin, PinLength, Resend},
    },
    random,
    store::{Hold, Once, Pickup, ServiceScope, Started, Store, UserScope, postgres::Database},
};

/// The URL of a database.
struct Url(String);

impl Place for Url {
    async fn open(&self, keys: Keys) -> Arc<dyn Store> {
        let database = Database::connect(&self.0.parse().unwrap()).await.unwrap();
        Arc::new(database.open(keys).await.unwrap())
    }

    async fn rows(&self, table: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        let client = postgres::client(&self.0).await;
        client.query_one(&sql, &[]).await.unwrap().get(0)
    }
}

#[tokio::test]
async fn everything_is_there_after_a_new_start_also_with_a_new_key() {
    let url = Url(postgres::database().await);
    kept::everything_is_there_after_a_new_start_also_with_a_new_key(&url).await;
}

#[tokio::test]
async fn what_is_over_is_swept() {
    kept::what_is_over_is_swept(&Url(postgres::database().await)).await;
}

/// A server that has nothing to do sends what another committed, or even picked up, before it died.
#[tokio::test]
async fn what_a_dead_server_did_not_send_another_does() {
    let url = Url(postgres::database().await);
    let alive = Server::start(&url, &["01"]).await;
    let user = alive
        .client
        .user(&alive.client.service("shop").await, "jo")
        .await;
    assert_eq!(alive.client.initiate(&user, "sms").await.status, 201);
    // So long that it has looked into the outbox again, and found nothing.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let dead = url.open(Keys::parse(&"01".repeat(32)).unwrap()).await;
    let account = dead.account("test").await.unwrap().unwrap().id;
    let ids: Vec<Uuid> = user.split('/').filter_map(|it| it.parse().ok()).collect();
    let scope = UserScope {
        service: ServiceScope {
            account,
            service: ids[0],
        },
        user: ids[1],
    };
    for picks_up in [false, true] {
        let (id, key, now) = (Uuid::new_v4(), MacKey::new([1; 32]), SystemClock.now());
        let length = PinLength::new(10).unwrap();
        let pin = Pin::new(Resend::New, length, &key, id, random::fill).unwrap();
        let rules = Rules {
            resend_delay: Duration::ZERO,
            ..Rules::default()
        };
        let start = StartRequest {
            method: Method::Sms,
            id,
            pin: &pin,
            key: &key,
            now,
            rules: &rules,
        };
        let lease = Pickup {
            hold: Hold {
                lease: Uuid::new_v4(),
                until: now + Duration::from_secs(2),
            },
            now,
            at_most: 1,
        };
        let started = dead.start_authentication(scope, &start, None, None).await;
        assert!(matches!(started, Ok(Once::Done(Started::Sms(_)))));
        // It may be that the other was faster.
        let picked = picks_up
            && !dead
                .pick_up_messages(lease)
                .await
                .unwrap()
                .messages
                .is_empty();
        let begun = Instant::now();
        while alive.pin() != pin.expose() {
            assert!(begun.elapsed() < Duration::from_secs(30), "it is lost");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let waited = SystemClock.now().duration_since(now);
        assert!(!picked || waited.as_secs() >= 2, "sent by two");
    }
}

/// Every request is answered in time and asks its client to come again; none is lost or stuck
/// once the database is back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_database_is_away_it_is_503_with_retry_after() {
    let mut database = tokio::task::spawn_blocking(postgres::Postgres::start)
        .await
        .unwrap();
    let url = Url(database.database().await);
    let server = Server::start(&url, &["01"]).await;
    let client = &server.client;
    let service = client.service("shop").await;
    let user = client.user(&service, "jo").await;
    assert_eq!(client.initiate(&user, "sms").await.status, 201);
    let pin = server.pin();
    assert_eq!(client.get("/readyz").await.status, 200);

    database = tokio::task::spawn_blocking(move || {
        database.stop_now();
        database
    })
    .await
    .unwrap();
    let (auth, totp) = (format!("{user}/auth"), format!("{user}/totp"));
    let users = format!("{service}/users");
    let begun = Instant::now();
    for (method, path, body) in [
        ("GET", "/readyz", json!({})),
        (
            "POST",
            "/v1/service/service",
            json!({"name": "x", "fqdn": "x.ee"}),
        ),
        ("GET", &service, json!({})),
        ("GET", &users, json!({})),
        (
            "POST",
            &users,
            json!({"id_in_service": "x", "phone_number": PHONE}),
        ),
        ("GET", &user, json!({})),
        ("POST", &auth, json!({"method": "sms"})),
        ("PUT", &auth, json!({"token": pin})),
        ("POST", &totp, json!({})),
        ("PUT", &totp, json!({"token": pin})),
        ("DELETE", &totp, json!({})),
        ("DELETE", &user, json!({})),
        ("DELETE", &service, json!({})),
    ] {
        for client in [client, &client.with_key("k")] {
            let answer = client.send(method, path, body.clone()).await;
            assert_eq!(
                answer.error(),
                (503, "store_unavailable".to_owned()),
                "{path}"
            );
            assert_eq!(answer.headers["retry-after"], "1");
        }
    }
    assert!(begun.elapsed() < Duration::from_mins(1), "a request waits");
    assert_eq!(client.get("/healthz").await.status, 200);

    let _database = tokio::task::spawn_blocking(move || {
        database.start_again();
        database
    })
    .await
    .unwrap();
    assert_eq!(client.get("/readyz").await.status, 200);
    let verified = client.with_key("k").verify(&user, &pin).await.json();
    assert_eq!(verified["verified"], true);
    assert_eq!(client.initiate(&user, "sms").await.status, 201);
    let verified = client.verify(&user, &server.pin()).await.json();
    assert_eq!(verified["verified"], true);
}
