//! `Idempotency-Key`: once, and then the same answer again.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use common::{Client, PHONE, parts, serve};
use jiff::Timestamp;
use serde_json::json;
use tokio::sync::Semaphore;
use verigator_server::{
    app::Parts,
    clock::{Clock, SystemClock},
    delivery::{Deliver, DeliveryError, Message},
    sandbox::{Fault, Sandbox},
    store::memory::MemoryStore,
};

fn keyed(sandbox: &Sandbox, key: &str) -> Client {
    Client::new(sandbox).with_key(key)
}

#[tokio::test]
async fn the_first_answer_is_given_again() {
    let sandbox = Sandbox::start().await.unwrap();
    let plain = Client::new(&sandbox);
    let client = keyed(&sandbox, "a");
    let body = json!({"name": "shop", "fqdn": "shop.ee"});
    let first = client
        .send("POST", "/v1/service/service", body.clone())
        .await;
    let again = client
        .send("POST", "/v1/service/service", body.clone())
        .await;
    assert_eq!(first.status, 201);
    assert_eq!((first.status, &first.bytes), (again.status, &again.bytes));
    assert_eq!(again.headers["content-type"], "application/json");
    assert_ne!(first.headers["x-request-id"], again.headers["x-request-id"]);

    // An error below 500 is an answer like any other, and stays what it was.
    let service = format!(
        "/v1/service/service/{}",
        first.json()["id"].as_str().unwrap()
    );
    let client = keyed(&sandbox, "b");
    let conflict = client
        .send("POST", "/v1/service/service", body.clone())
        .await;
    assert_eq!(conflict.status, 409);
    plain.send("DELETE", &service, json!(null)).await;
    let again = client
        .send("POST", "/v1/service/service", body.clone())
        .await;
    assert_eq!(
        (again.status.as_u16(), &again.bytes),
        (409, &conflict.bytes)
    );

    // After a day the key is new.
    sandbox.advance(Duration::from_hours(24));
    assert_eq!(
        client
            .send("POST", "/v1/service/service", body)
            .await
            .status,
        201
    );
}

#[tokio::test]
async fn one_key_sends_one_message_and_burns_one_try() {
    let sandbox = Sandbox::start().await.unwrap();
    let plain = Client::new(&sandbox);
    let user = plain.user(&plain.service("shop").await, "jo").await;
    let client = keyed(&sandbox, "start");
    for _ in 0..3 {
        assert_eq!(
            client.initiate(&user, "sms").await.json(),
            json!({"method": "sms"})
        );
    }
    assert_eq!(sandbox.messages().len(), 1);

    let client = keyed(&sandbox, "guess");
    for _ in 0..10 {
        assert_eq!(
            client.verify(&user, "wrong").await.json()["status"]["result"],
            "INVALID"
        );
    }
    let pin = sandbox.last_pin(PHONE).unwrap();
    let client = keyed(&sandbox, "right");
    for _ in 0..2 {
        assert_eq!(client.verify(&user, &pin).await.json()["verified"], true);
    }
}

#[tokio::test]
async fn another_request_with_the_key_is_a_mistake() {
    let sandbox = Sandbox::builder()
        .account("other", "other")
        .start()
        .await
        .unwrap();
    let plain = Client::new(&sandbox);
    let service = plain.service("shop").await;
    let (jo, zoe) = (
        plain.user(&service, "jo").await,
        plain.user(&service, "zoe").await,
    );
    let client = keyed(&sandbox, "k");
    assert_eq!(client.initiate(&jo, "sms").await.status, 201);
    let reused = (422, "idempotency_key_reused".to_owned());
    assert_eq!(
        client.initiate(&jo, "totp").await.error(),
        reused,
        "another body"
    );
    assert_eq!(
        client.initiate(&zoe, "sms").await.error(),
        reused,
        "another path"
    );
    let body = json!({"method": "sms"});
    let put = client.send("PUT", &format!("{jo}/auth"), body).await;
    assert_eq!(put.error(), reused, "another method");
    // A GET and a DELETE take no key, and another account's key is another key.
    assert_eq!(client.get(&jo).await.status, 200);
    assert_eq!(client.send("DELETE", &zoe, json!(null)).await.status, 202);
    keyed(&sandbox, "k")
        .with_auth("other:other")
        .service("shop")
        .await;
}

#[tokio::test]
async fn keys_that_are_none() {
    let sandbox = Sandbox::start().await.unwrap();
    let body = json!({"name": "shop", "fqdn": "shop.ee"});
    for key in ["", "a b", "ä", "a\tb", &"x".repeat(256)] {
        let answer = keyed(&sandbox, key)
            .send("POST", "/v1/service/service", body.clone())
            .await;
        assert_eq!(
            answer.error(),
            (422, "invalid_idempotency_key".to_owned()),
            "{key}"
        );
    }
    let twice = keyed(&sandbox, "a").with_header("Idempotency-Key", "b");
    assert_eq!(
        twice
            .send("POST", "/v1/service/service", body.clone())
            .await
            .status,
        422
    );
    let longest = keyed(&sandbox, &"x".repeat(255));
    assert_eq!(
        longest
            .send("POST", "/v1/service/service", body)
            .await
            .status,
        201
    );
}

#[tokio::test]
async fn answers_that_ask_to_come_again_are_not_kept() {
    let sandbox = Sandbox::start().await.unwrap();
    let plain = Client::new(&sandbox);
    let user = plain.user(&plain.service("shop").await, "jo").await;
    plain.initiate(&user, "sms").await;
    let client = keyed(&sandbox, "k");
    assert_eq!(
        client.initiate(&user, "sms").await.error(),
        (409, "resend_too_soon".to_owned())
    );
    sandbox.advance(Duration::from_secs(30));
    assert_eq!(client.initiate(&user, "sms").await.status, 201);

    let client = keyed(&sandbox, "fault");
    sandbox.advance(Duration::from_secs(30));
    sandbox.fail_next(Fault::status(500)).unwrap();
    assert_eq!(client.initiate(&user, "sms").await.status, 500);
    assert_eq!(client.initiate(&user, "sms").await.status, 201);
}

/// Delivers when it is let.
struct Gate(Arc<Semaphore>);

#[async_trait]
impl Deliver for Gate {
    fn provider(&self) -> &'static str {
        "gate"
    }

    async fn deliver(&self, _: &Message) -> Result<(), DeliveryError> {
        self.0.acquire().await.unwrap().forget();
        Ok(())
    }
}

fn with(gate: Gate) -> Parts {
    parts(Arc::new(MemoryStore::default()), Arc::new(gate))
}

#[tokio::test]
async fn while_the_first_still_runs_the_second_is_told_to_wait() {
    let gate = Arc::new(Semaphore::new(0));
    let url = serve(with(Gate(Arc::clone(&gate)))).await;
    let plain = Client::to(&url);
    let user = plain.user(&plain.service("shop").await, "jo").await;
    let client = Arc::new(Client::to(&url).with_key("k"));
    let first = tokio::spawn({
        let (client, user) = (Arc::clone(&client), user.clone());
        async move { client.initiate(&user, "sms").await }
    });
    // Until the first has its key, the second would be the first; the gate then holds it.
    let waiting = loop {
        tokio::time::sleep(Duration::from_millis(20)).await;
        if plain.verify(&user, "x").await.status == 200 {
            break client.initiate(&user, "sms").await;
        }
    };
    assert_eq!(waiting.error(), (409, "idempotency_in_progress".to_owned()));
    assert_eq!(waiting.headers["retry-after"], "1");
    assert_eq!(
        client.initiate(&user, "totp").await.code(),
        "idempotency_key_reused"
    );
    gate.add_permits(1);
    assert_eq!(first.await.unwrap().status, 201);
    assert_eq!(
        client.initiate(&user, "sms").await.status,
        201,
        "replayed: the gate is shut"
    );
}

#[tokio::test]
async fn a_panic_is_a_500_in_json_and_gives_the_key_back() {
    let clock = Arc::new(Bomb::default());
    let mut parts = with(Gate(Arc::new(Semaphore::new(9))));
    parts.clock = Arc::clone(&clock) as _;
    let url = serve(parts).await;
    let plain = Client::to(&url);
    let user = plain.user(&plain.service("shop").await, "jo").await;
    let client = Client::to(&url).with_key("k");
    // The credentials and the key take the first two.
    clock.0.store(3, Ordering::Relaxed);
    let answer = client.initiate(&user, "sms").await;
    assert_eq!(answer.error(), (500, "internal".to_owned()));
    assert!(answer.headers.contains_key("x-request-id"));
    assert_eq!(client.initiate(&user, "sms").await.status, 201);
}

/// Panics at a reading that is so far away; never at 0.
#[derive(Default)]
struct Bomb(AtomicU32);

impl Clock for Bomb {
    fn now(&self) -> Timestamp {
        let left = self.0.load(Ordering::Relaxed);
        self.0.store(left.saturating_sub(1), Ordering::Relaxed);
        assert_ne!(left, 1, "on purpose");
        SystemClock.now()
    }
}
