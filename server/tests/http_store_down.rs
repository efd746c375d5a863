//! A store that fails: the server says so, and says nothing else.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

#[path = "common/choosing.rs"]
mod choosing;
mod common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use choosing::Choosing;
use common::{Client, PHONE, parts, serve, wrong};
use serde_json::json;
use tokio::time::timeout;
use verigator_server::{
    delivery::console::Console,
    store::{Store, StoreError, memory::MemoryStore},
};

fn down<T>() -> Result<T, StoreError> {
    Err(StoreError::Unavailable(
        "connection to db-secret-host refused".into(),
    ))
}

#[tokio::test]
async fn it_is_503_and_the_process_is_alive_but_not_ready() {
    let store = Arc::new(Choosing::new(|_| down()));
    let client = Client::to(&serve(parts(store, Arc::new(Console))).await);
    assert_eq!(client.get("/healthz").await.status, 200);
    for path in ["/readyz", "/v1/service/service/x"] {
        let answer = client.get(path).await;
        assert_eq!(answer.error(), (503, "store_unavailable".to_owned()));
        assert_eq!(answer.headers["retry-after"], "1");
        assert!(
            !String::from_utf8(answer.bytes)
                .unwrap()
                .contains("db-secret-host")
        );
    }
}

#[tokio::test]
async fn its_numbers_are_told_without_those_of_the_store() {
    let fails = Choosing::new(|_| down());
    let hangs = Choosing::new(|_| down()).hanging_on("queue");
    for store in [fails, hangs] {
        let client = Client::to(&serve(parts(Arc::new(store), Arc::new(Console))).await);
        client.get("/readyz").await;
        // Whoever scrapes does not wait for long.
        let scrape = timeout(Duration::from_secs(10), client.get("/metrics"));
        let answer = scrape.await.unwrap();
        assert_eq!(answer.status, 200);
        let text = String::from_utf8(answer.bytes).unwrap();
        let down = "verigator_requests_total{operation=\"-\",status=\"503\"} 1\n";
        assert!(text.contains(down), "{text}");
        assert!(!text.contains("outbox"), "{text}");
    }
}

/// A store that goes away in the middle of a request keeps its key; the next request with it need
/// not wait until the claim is over by itself.
#[tokio::test]
async fn a_key_is_given_back_once_the_store_is_there_again() {
    let memory: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let away = Arc::new(AtomicU32::new(0));
    let store = {
        let away = Arc::clone(&away);
        Arc::new(Choosing::new(move |step| match step {
            "create_user" | "abandon_key" if away.load(Ordering::Relaxed) > 0 => {
                away.fetch_sub(1, Ordering::Relaxed);
                down()
            }
            _ => Ok(Arc::clone(&memory)),
        }))
    };
    let client = Client::to(&serve(parts(store, Arc::new(Console))).await);
    let users = format!("{}/users", client.service("shop").await);
    let jo = json!({"id_in_service": "jo", "phone_number": PHONE});
    let client = client.with_key("k");
    let begun = Instant::now();
    // The user, and giving the key back at once and a second later.
    away.store(3, Ordering::Relaxed);
    let answer = client.send("POST", &users, jo.clone()).await;
    assert_eq!(answer.status, 503);
    let answer = loop {
        let answer = client.send("POST", &users, jo.clone()).await;
        if answer.status != 409 {
            break answer;
        }
        assert_eq!(answer.code(), "idempotency_in_progress");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(answer.status, 201);
    assert!(
        begun.elapsed() < Duration::from_secs(30),
        "only when the claim was over"
    );
}

/// A check claims its key in its own step: one that did not happen holds none.
#[tokio::test]
async fn a_check_that_failed_can_be_asked_for_again_at_once() {
    let memory: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let away = Arc::new(AtomicU32::new(0));
    let store = {
        let away = Arc::clone(&away);
        Arc::new(Choosing::new(move |step| match step {
            "check" if away.swap(0, Ordering::Relaxed) > 0 => down(),
            _ => Ok(Arc::clone(&memory)),
        }))
    };
    let client = Client::to(&serve(parts(store, Arc::new(Console))).await);
    let user = client.user(&client.service("shop").await, "jo").await;
    assert_eq!(client.initiate(&user, "sms").await.status, 201);
    let client = client.with_key("k");
    away.store(1, Ordering::Relaxed);
    let guess = wrong("000000");
    assert_eq!(client.verify(&user, &guess).await.status, 503);
    let answer = client.verify(&user, &guess).await;
    assert_eq!(answer.status, 200);
    assert_eq!(client.verify(&user, &guess).await.bytes, answer.bytes);
}
