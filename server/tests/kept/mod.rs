//! What a store leaves behind, with a whole server above it: what is there after a new start,
//! and what is swept.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::json;
use verigator_server::{
    app::App,
    clock::MovableClock,
    config::Rules,
    engine::{keys::Keys, pin::PinLength},
    store::Store,
};

use crate::common::{Client, parts, serve_app, served::Phone};

/// Where a store keeps everything.
pub(crate) trait Place {
    /// A store there.
    async fn open(&self, keys: Keys) -> Arc<dyn Store>;

    /// How many rows a table has.
    async fn rows(&self, table: &str) -> i64;
}

pub(crate) struct Server {
    pub(crate) client: Client,
    phone: Arc<Phone>,
    clock: Arc<MovableClock>,
}

impl Server {
    /// A server over what is kept at a place; the first key encrypts.
    pub(crate) async fn start(place: &impl Place, keys: &[&str]) -> Self {
        let text: Vec<String> = keys.iter().map(|it| it.repeat(32)).collect();
        let keys = Keys::parse(&text.join("\n")).unwrap();
        let key = keys.mac_key();
        let store = place.open(keys).await;
        let (phone, clock) = (
            Arc::new(Phone::default()),
            Arc::new(MovableClock::default()),
        );
        let mut parts = parts(store, Arc::clone(&phone) as _);
        parts.clock = Arc::clone(&clock) as _;
        parts.key = key;
        parts.rules = Rules {
            // Six digits would turn up in some hash by chance.
            pin_length: PinLength::new(10).unwrap(),
            resend_delay: Duration::ZERO,
            ..Rules::default()
        };
        let app = App::new(parts).unwrap();
        // As the program does: there may be messages from before.
        app.courier.wake();
        let client = Client::to(&serve_app(app).await);
        Self {
            client,
            phone,
            clock,
        }
    }

    pub(crate) fn pin(&self) -> String {
        self.phone.last_pin()
    }
}

pub(crate) async fn everything_is_there_after_a_new_start_also_with_a_new_key(place: &impl Place) {
    let first = Server::start(place, &["01"]).await;
    let client = &first.client;
    let service = client.service("shop").await;
    let user = client.user(&service, "jo").await;
    for _ in 0..5 {
        assert_eq!(client.initiate(&user, "sms").await.status, 201);
    }
    let pin = first.pin();
    let auth = format!("{user}/auth");
    let guess = json!({"token": "wrong"});
    let kept = client.with_key("k").send("PUT", &auth, guess.clone()).await;

    let second = Server::start(place, &["02", "01"]).await;
    let client = &second.client;
    let replayed = client.with_key("k").send("PUT", &auth, guess).await;
    assert_eq!(replayed.bytes, kept.bytes, "an answer");
    let keyed = client.with_key("k");
    let reused = keyed.send("PUT", &auth, json!({"token": "x"})).await;
    assert_eq!(reused.code(), "idempotency_key_reused");
    let sixth = client.initiate(&user, "sms").await;
    assert_eq!(sixth.code(), "too_many_messages", "what was sent");
    // The same number as another user: found by its hash alone.
    let other = client.user(&service, "zoe").await;
    let sixth = client.initiate(&other, "sms").await;
    assert_eq!(
        sixth.code(),
        "too_many_messages",
        "what was sent to the number"
    );
    assert_eq!(client.verify(&user, &pin).await.json()["verified"], true);

    // Numbers were sealed anew, so the old key may go.
    let third = Server::start(place, &["02"]).await;
    third.clock.advance(Duration::from_hours(2));
    assert_eq!(third.client.initiate(&user, "sms").await.status, 201);
    let verified = third.client.verify(&user, &third.pin()).await.json();
    assert_eq!(verified["verified"], true);
}

pub(crate) async fn what_is_over_is_swept(place: &impl Place) {
    let server = Server::start(place, &["01"]).await;
    let client = &server.client;
    let service = client.service("shop").await;
    let rows = async || {
        (
            place.rows("sent").await,
            place.rows("idempotency_keys").await,
        )
    };
    let user = client.user(&service, "jo").await;
    for n in 0..5 {
        let keyed = client.with_key(&format!("k{n}"));
        assert_eq!(keyed.initiate(&user, "sms").await.status, 201);
    }
    assert_eq!(rows().await, (10, 5));
    // A day, and as much longer as any store leaves it for servers whose clocks are behind.
    server.clock.advance(Duration::from_hours(27));
    let keyed = client.with_key("new");
    assert_eq!(keyed.initiate(&user, "sms").await.status, 201);
    // Some stores do it beside the requests.
    let begun = Instant::now();
    let mut new = 1;
    while rows().await != (2 * new, new) {
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "{:?}",
            rows().await
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
        // Others with those who come, and no more than come.
        if new < 5 {
            let keyed = client.with_key(&format!("new{new}"));
            assert_eq!(keyed.initiate(&user, "sms").await.status, 201);
            new += 1;
        }
    }
}
