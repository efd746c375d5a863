//! What a store leaves behind, with a whole server above it: what is there after a new start, what a
//! thief finds, and what is swept.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use data_encoding::BASE32_NOPAD;
use serde_json::json;
use verigator_server::{
    clock::MovableClock,
    config::Rules,
    delivery::{Deliver, DeliveryError, Message},
    engine::{keys::Keys, pin::PinLength},
    store::Store,
};

use crate::common::{Client, PHONE, parts, serve};

/// Where a store keeps everything.
pub(crate) trait Place {
    /// A store there.
    async fn open(&self, keys: Keys) -> Arc<dyn Store>;

    /// All that is kept there, as whoever steals it has it.
    async fn dump(&self) -> Vec<u8>;

    /// How many rows a table has.
    async fn rows(&self, table: &str) -> i64;
}

/// Keeps the last PIN.
#[derive(Default)]
pub(crate) struct Phone(Mutex<String>);

#[async_trait]
impl Deliver for Phone {
    fn provider(&self) -> &'static str {
        "phone"
    }

    async fn deliver(&self, message: &Message) -> Result<(), DeliveryError> {
        message.pin.expose().clone_into(&mut self.0.lock().unwrap());
        Ok(())
    }
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
        let client = Client::to(&serve(parts).await);
        Self {
            client,
            phone,
            clock,
        }
    }

    pub(crate) fn pin(&self) -> String {
        self.phone.0.lock().unwrap().clone()
    }
}

/// Each byte as the character of its number: texts are searched much faster than bytes.
fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|it| char::from(*it)).collect()
}

pub(crate) async fn a_thief_finds_no_secret(place: &impl Place) {
    let server = Server::start(place, &["ab"]).await;
    let client = &server.client;
    let user = client
        .user(&client.service("shop-in-clear").await, "jo")
        .await;
    let mut secrets = Vec::new();
    // One that was right, one that runs, and guesses with a key, whose requests are remembered.
    for n in 0..2 {
        assert_eq!(client.initiate(&user, "sms").await.status, 201);
        secrets.push(server.pin().into_bytes());
        if n == 0 {
            let keyed = client.with_key("key-in-clear");
            let verified = keyed.verify(&user, &server.pin()).await.json();
            assert_eq!(verified["verified"], true);
        }
    }
    let totp = format!("{user}/totp");
    let enrolled = client
        .with_key("k")
        .send("POST", &totp, json!({}))
        .await
        .json();
    let secret = enrolled["secret"].as_str().unwrap();
    let qr = enrolled["qr"].as_str().unwrap();
    secrets.push(secret.as_bytes().to_vec());
    secrets.push(BASE32_NOPAD.decode(secret.as_bytes()).unwrap());
    secrets.push(qr.as_bytes()[40..80].to_vec());
    secrets.push(PHONE.as_bytes()[1..].to_vec());
    secrets.push(b"test:test".to_vec());
    secrets.push(b"key-in-clear".to_vec());
    secrets.push([0xab; 32].to_vec());
    secrets.push("ab".repeat(32).into_bytes());

    let dump = text(&place.dump().await);
    assert!(
        dump.contains("shop-in-clear"),
        "the search finds what is there"
    );
    assert!(dump.contains("$argon2id$"));
    for secret in secrets {
        assert!(
            !dump.contains(&text(&secret)),
            "{}",
            String::from_utf8_lossy(&secret)
        );
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
    server.clock.advance(Duration::from_hours(25));
    let keyed = client.with_key("new");
    assert_eq!(keyed.initiate(&user, "sms").await.status, 201);
    // Some stores do it beside the requests.
    let begun = Instant::now();
    while rows().await != (2, 1) {
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "{:?}",
            rows().await
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
