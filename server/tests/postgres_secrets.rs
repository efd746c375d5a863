//! No secret in the log at its most verbose, with all that the libraries beneath the PostgreSQL
//! store have to say, also when the database fails. Alone in its binary, since it takes all of the
//! log.
#![cfg(feature = "postgres")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod common;
mod kept;
#[path = "common/log.rs"]
mod log;
#[path = "common/postgres.rs"]
mod postgres;

use std::sync::Arc;

use kept::{Place, Server};
use log::Log;
use serde_json::json;
use verigator_server::{
    engine::keys::Keys,
    store::{Store, postgres::Database},
};

struct Url(String);

impl Place for Url {
    async fn open(&self, keys: Keys) -> Arc<dyn Store> {
        let database = Database::connect(&self.0.parse().unwrap()).await.unwrap();
        Arc::new(database.open(keys).await.unwrap())
    }

    async fn rows(&self, _: &str) -> i64 {
        panic!("nothing is counted here")
    }
}

const DATABASE_PASSWORD: &str = "dAtabase-7c21";
const SERVICE: &str = "sErvice-name";
const FQDN: &str = "fqdn-5e7d.example.com";
const USER: &str = "pErson@example.com";
const PHONE: &str = "+372987654321";
const GUESS: &str = "gUess-55";
const KEY: &str = "kEy-e0b2";

#[tokio::test]
async fn no_secret_is_logged() {
    let log = Log::default();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(log.clone())
        .init();
    let mut database = tokio::task::spawn_blocking(postgres::Postgres::start)
        .await
        .unwrap();
    let url = database.database().await;
    let url = Url(url.replace('@', &format!(":{DATABASE_PASSWORD}@")));
    let server = Server::start(&url, &["ab"]).await;
    let client = server.client.with_key(KEY);
    let made = json!({"name": SERVICE, "fqdn": FQDN});
    let service = client.send("POST", "/v1/service/service", made).await;
    let service = service.json()["id"].as_str().unwrap().to_owned();
    let users = format!("/v1/service/service/{service}/users");
    let made = json!({"id_in_service": USER, "phone_number": PHONE});
    let user = server.client.send("POST", &users, made.clone()).await;
    let user = format!("{users}/{}", user.json()["id"].as_str().unwrap());
    assert_eq!(server.client.send("POST", &users, made).await.status, 409);
    assert_eq!(server.client.initiate(&user, "sms").await.status, 201);
    let mut secrets = vec![server.pin()];
    server.client.verify(&user, GUESS).await;
    assert_eq!(server.client.verify(&user, &server.pin()).await.status, 200);
    let totp = format!("{user}/totp");
    let enrolled = server.client.send("POST", &totp, json!({})).await.json();
    secrets.push(enrolled["secret"].as_str().unwrap().to_owned());
    server.client.initiate(&user, "sms").await;
    secrets.push(server.pin());

    // What the database says of a row that breaks a rule of its tables is not repeated.
    let other = postgres::client(&url.0).await;
    for rule in [
        "ALTER TABLE users ADD CHECK (tries_left > 4)",
        "ALTER TABLE outbox ADD CHECK (failures > 0) NOT VALID",
        "ALTER TABLE services ADD CHECK (created_at = 0) NOT VALID",
    ] {
        other.batch_execute(rule).await.unwrap();
    }
    // Each by a server of its own: one tells of a failure only now and then.
    let another = || Server::start(&url, &["ab"]);
    let (one, two, three, four) = (
        another().await,
        another().await,
        another().await,
        another().await,
    );
    assert_eq!(one.client.verify(&user, GUESS).await.status, 503);
    assert_eq!(two.client.initiate(&user, "sms").await.status, 503);
    let made = json!({"name": format!("{SERVICE}2"), "fqdn": format!("2{FQDN}")});
    let answer = three.client.send("POST", "/v1/service/service", made).await;
    assert_eq!(answer.status, 503);
    let _database = tokio::task::spawn_blocking(move || {
        database.stop_now();
        database
    })
    .await
    .unwrap();
    assert_eq!(four.client.get(&user).await.status, 503);

    // All of it was there to be seen.
    let log = log.read();
    for word in [
        "executing statement",
        "violates check constraint",
        "INSERT INTO accounts",
        "Connection refused",
    ] {
        assert!(log.contains(word), "{word}");
    }
    let bytes = PHONE.bytes().map(|it| it.to_string());
    secrets.push(bytes.collect::<Vec<_>>().join(", "));
    let known = [
        DATABASE_PASSWORD,
        SERVICE,
        FQDN,
        USER,
        &PHONE[1..],
        GUESS,
        KEY,
        "$argon2id$",
        "test:test",
    ];
    for secret in known.into_iter().chain(secrets.iter().map(String::as_str)) {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}
