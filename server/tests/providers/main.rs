//! Messages go out by Messente and by webhook: to peers that answer as documented, and to some
//! that do not.
#![cfg(all(feature = "messente", feature = "webhook"))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod any_answer;
#[path = "../common/mod.rs"]
mod common;
mod fail_over;
#[path = "../common/log.rs"]
mod log;
mod messente;
mod peer;
#[cfg(all(feature = "cli", unix))]
mod program;
mod reports;
mod webhook;

use std::{sync::Arc, time::Duration};

use common::{Client, parts, serve_app};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use uuid::Uuid;
use verigator_server::{
    app::App,
    clock::{Clock, MovableClock},
    config::Rules,
    delivery::{
        Deliver, DeliveryError, Message,
        messente::{Messente, MessenteSettings},
        webhook::Webhook,
    },
    engine::{
        message::Sender,
        phone::Phone,
        pin::{Pin, PinLength},
    },
    random,
    store::{Hold, Pickup, Store, memory::MemoryStore},
};
use zeroize::Zeroizing;

use self::peer::{Act, Heard, Peer};

const USERNAME: &str = "api-user";
/// With a colon, which belongs to it, and a letter that is not ASCII.
const PASSWORD: &str = "api:p4ss-é";
const SECRET: &str = "webhook-s3cret";

/// What Messente answers to a message that it took.
fn taken() -> Act {
    Act::answer(
        201,
        r#"{"omnimessage_id":"632c6f3d-49d0-4a8f-952b-74023d31e51d","to":"+37255555555",
            "messages":[{"channel":"sms","message_id":"fc593ce7-68de-5e44-bc50-044a3ad0a7fa","sender":"Shop"}]}"#,
    )
}

/// What Messente answers when something is wrong.
fn errors(status: u16, code: &str) -> Act {
    let error =
        r#"{"errors":[{"code":"CODE","title":"T1tle","detail":"D3tail","source":"S0urce"}]}"#;
    Act::answer(status, &error.replace("CODE", code))
}

fn settings(url: &str) -> MessenteSettings {
    MessenteSettings {
        username: USERNAME.to_owned(),
        password: Zeroizing::new(PASSWORD.to_owned()),
        sender: Some("Shop".to_owned()),
        url: url.to_owned(),
    }
}

fn messente_at(url: &str, clock: &Arc<MovableClock>) -> Arc<dyn Deliver> {
    Arc::new(Messente::new(settings(url), Arc::clone(clock) as _).unwrap())
}

fn webhook_at(url: &str, clock: &Arc<MovableClock>) -> Arc<dyn Deliver> {
    let secret = Zeroizing::new(SECRET.to_owned());
    Arc::new(Webhook::new(url, secret, Arc::clone(clock) as _).unwrap())
}

/// A message of ten minutes, with a PIN of ten digits: fewer turn up by chance.
fn message(clock: &MovableClock) -> Message {
    let pin = Pin::generate(PinLength::new(10).unwrap(), random::fill).unwrap();
    let sender = Sender {
        name: "Shöp",
        fqdn: "shop.example.com",
        template: None,
    };
    let (to, now) = (Phone::parse("+37255555555").unwrap(), clock.now());
    let expires_at = now + Duration::from_mins(10);
    Message::new(
        Uuid::new_v4(),
        to,
        sender,
        pin,
        now,
        expires_at,
        &Rules::default(),
    )
}

/// HMAC-SHA-256 as RFC 2104 writes it down, for a key of at most 64 bytes.
fn hmac(key: &[u8], message: &[u8]) -> String {
    let padded = |with: u8| {
        let mut block = [with; 64];
        for (to, from) in block.iter_mut().zip(key) {
            *to ^= from;
        }
        block
    };
    let inner = Sha256::new_with_prefix(padded(0x36)).chain_update(message);
    let outer = Sha256::new_with_prefix(padded(0x5c)).chain_update(inner.finalize());
    HEXLOWER.encode(&outer.finalize())
}

struct Server {
    app: Arc<App>,
    store: Arc<dyn Store>,
    client: Client,
    clock: Arc<MovableClock>,
    user: String,
}

impl Server {
    /// A server that answers a start after its first round of providers, and sends at once again.
    async fn start(clock: &Arc<MovableClock>, providers: &[Arc<dyn Deliver>]) -> Self {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let mut parts = parts(Arc::clone(&store), Arc::clone(&providers[0]));
        parts.deliver = providers.to_vec();
        parts.clock = Arc::clone(clock) as _;
        parts.rules.resend_delay = Duration::ZERO;
        let app = App::new(parts).unwrap();
        let client = Client::to(&serve_app(Arc::clone(&app)).await);
        let user = client.user(&client.service("shop").await, "jo").await;
        Self {
            app,
            store,
            client,
            clock: Arc::clone(clock),
            user,
        }
    }

    async fn initiate(&self) {
        assert_eq!(self.client.initiate(&self.user, "sms").await.status, 201);
    }

    /// How often a line was counted.
    async fn counted(&self, line: &str) -> u64 {
        let metrics = self.client.get("/metrics").await;
        let text = String::from_utf8(metrics.bytes).unwrap();
        let counts = text.lines().filter_map(|it| it.strip_prefix(line));
        counts.map(|it| it.trim().parse::<u64>().unwrap()).sum()
    }

    async fn delivered(&self, provider: &str, outcome: &str) -> u64 {
        let labels = format!("provider=\"{provider}\",outcome=\"{outcome}\"");
        self.counted(&format!("verigator_deliveries_total{{{labels}}}"))
            .await
    }

    /// How often each message in the outbox has failed, once nothing is on its way any more.
    async fn left(&self) -> Vec<u32> {
        self.app.courier.stop().await;
        let now = self.clock.now() + Duration::from_hours(1);
        let pickup = Pickup {
            hold: Hold {
                lease: Uuid::new_v4(),
                until: now + Duration::from_hours(1),
            },
            now,
            at_most: 100,
        };
        let picked = self.store.pick_up_messages(pickup).await.unwrap();
        picked.messages.iter().map(|it| it.failures).collect()
    }
}
