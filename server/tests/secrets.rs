//! No secret in a log, an error, a metric, a dump or in `Debug`: unique values through every
//! endpoint of a sandbox and of a server over each store, well formed and not, then a search. Alone
//! in its binary, since it takes all of the log.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod common;
#[path = "common/log.rs"]
mod log;
#[cfg(feature = "postgres")]
#[path = "common/postgres.rs"]
mod postgres;
#[path = "common/stores.rs"]
mod stores;

use std::time::Duration;

use common::{
    Answer, Client,
    served::{self, Served},
};
use data_encoding::BASE32_NOPAD;
use log::Log;
use serde_json::{Value, json};
use stores::TestStore;
use tokio::task::JoinSet;
use verigator_server::{
    config::Rules,
    engine::pin::PinLength,
    http::Operation,
    sandbox::{DropPoint, Fault, Sandbox},
};

const ACCOUNT: &str = "aCcount-name";
const PASSWORD: &str = "pAssword-7f3a";
const WRONG_PASSWORD: &str = "wRong-pass";
const PHONE: &str = "+372987654321";
/// What an account calls its services and users: personal, so in no log and no error.
const SERVICE: &str = "sErvice-name";
const FQDN: &str = "fqdn-5e7d.example.com";
const TEMPLATE: &str = "tEmplate {pin}";
const USER: &str = "pErson@example.com";
/// Where nothing of the kind belongs: people paste anything anywhere.
const STRAY: &str = "sTray-91c4";
const GUESS: &str = "gUess-55";
const KEY: &str = "kEy-e0b2";

/// What nobody else should read of an account and its users.
const PERSONAL: [&str; 11] = [
    ACCOUNT,
    PASSWORD,
    WRONG_PASSWORD,
    "372987654321",
    SERVICE,
    FQDN,
    "tEmplate",
    USER,
    STRAY,
    GUESS,
    KEY,
];

/// What is asked.
enum Peer {
    Sandbox(Sandbox),
    Served(Box<Served>),
}

impl Peer {
    fn pin(&self) -> String {
        match self {
            Self::Sandbox(sandbox) => sandbox.last_pin(PHONE).unwrap(),
            Self::Served(served) => served.phone.last_pin(),
        }
    }

    fn code(&self, secret: &str) -> String {
        match self {
            Self::Sandbox(sandbox) => sandbox.totp_code(secret).unwrap(),
            Self::Served(served) => served.code(secret),
        }
    }

    fn advance(&self, by: Duration) {
        match self {
            Self::Sandbox(sandbox) => sandbox.advance(by),
            Self::Served(served) => served.clock.advance(by),
        }
    }
}

/// Every request that is made, and what came back in errors.
struct Watched {
    client: Client,
    errors: Vec<String>,
}

impl Watched {
    async fn raw(&mut self, method: &str, path: &str, body: impl Into<String>) -> Answer {
        let answer = self.client.raw(method, path, body.into()).await;
        if !answer.status.is_success() {
            let text = String::from_utf8(answer.bytes.clone()).unwrap();
            self.errors.push(format!(
                "{method} {}: {text} {:?}",
                answer.status, answer.headers
            ));
        }
        answer
    }

    async fn send(&mut self, method: &str, path: &str, body: Value) -> Answer {
        self.raw(method, path, body.to_string()).await
    }

    /// The same request with every field of another kind, missing, and broken off.
    async fn malformed(&mut self, method: &str, path: &str, body: &Value) {
        for name in body.as_object().unwrap().keys() {
            let mut other = body.clone();
            other[name] = json!([body[name].clone()]);
            self.send(method, path, other.clone()).await;
            other.as_object_mut().unwrap().remove(name);
            other[STRAY] = body[name].clone();
            self.send(method, path, other.clone()).await;
            other[name] = json!(format!("{}\u{0}", body[name].as_str().unwrap()));
            self.send(method, path, other).await;
        }
        let text = body.to_string();
        self.raw(method, path, &text[..text.len() - 1]).await;
        self.raw(method, path, format!("{text}{text}")).await;
        self.raw(method, path, format!("[{text}]")).await;
    }
}

/// A service and a user: their paths.
async fn service_and_user(watched: &mut Watched) -> (String, String) {
    let services = "/v1/service/service";
    let body = json!({"name": SERVICE, "fqdn": FQDN, "template": TEMPLATE});
    let service = watched.send("POST", services, body.clone()).await.json();
    watched.malformed("POST", services, &body).await;
    let service = format!("{services}/{}", service["id"].as_str().unwrap());
    watched.send("POST", services, body).await;
    watched.raw("GET", &service, "").await;

    let users = format!("{service}/users");
    let body = json!({"id_in_service": USER, "phone_number": PHONE});
    watched.malformed("POST", &users, &body).await;
    let user = watched.send("POST", &users, body.clone()).await.json();
    let user = format!("{users}/{}", user["id"].as_str().unwrap());
    watched.send("POST", &users, body).await;
    watched.raw("GET", &users, "").await;
    watched.raw("GET", &user, "").await;
    watched
        .raw("GET", &user.replace("/users/", "/user/"), "")
        .await;

    (service, user)
}

/// Authentications by both methods. Gives the PINs and the secret that came up.
async fn authentications(peer: &Peer, watched: &mut Watched, user: &str) -> Vec<String> {
    let mut secrets = Vec::new();
    let (auth, totp) = (format!("{user}/auth"), format!("{user}/totp"));
    watched.send("PUT", &auth, json!({"token": GUESS})).await;
    watched
        .malformed("POST", &auth, &json!({"method": STRAY}))
        .await;
    for _ in 0..2 {
        watched.send("POST", &auth, json!({"method": "sms"})).await;
    }
    let pin = peer.pin();
    watched
        .malformed("PUT", &auth, &json!({"token": pin}))
        .await;
    let body = json!({"token": pin, "method": STRAY});
    watched.send("PUT", &auth, body).await;
    watched.send("PUT", &auth, json!({"token": GUESS})).await;
    watched.send("PUT", &auth, json!({"token": pin})).await;
    watched.send("PUT", &auth, json!({"token": pin})).await;
    secrets.push(pin);

    watched.send("PUT", &totp, json!({"token": GUESS})).await;
    let keyed = watched.client.with_key(KEY);
    let enrolled = keyed.send("POST", &totp, json!({})).await.json();
    let secret = enrolled["secret"].as_str().unwrap().to_owned();
    secrets.push(enrolled["qr"].as_str().unwrap()[40..80].to_owned());
    watched.send("PUT", &totp, json!({"token": GUESS})).await;
    let code = peer.code(&secret);
    watched
        .malformed("PUT", &totp, &json!({"token": code}))
        .await;
    watched.send("PUT", &totp, json!({"token": code})).await;
    watched.send("PUT", &totp, json!({"token": code})).await;
    watched.raw("POST", &totp, "").await;
    watched.send("POST", &auth, json!({"method": "totp"})).await;
    watched.send("PUT", &auth, json!({"token": code})).await;
    // One that runs, beside an authenticator in use.
    peer.advance(Duration::from_secs(31));
    watched.send("POST", &auth, json!({"method": "sms"})).await;
    secrets.push(peer.pin());
    secrets.push(secret);
    secrets
}

/// Values where none belongs, and keys.
async fn astray(watched: &mut Watched, service: &str, user: &str) {
    let (auth, totp) = (format!("{user}/auth"), format!("{user}/totp"));
    // In a path, a query, a header.
    for path in [
        format!("/{STRAY}"),
        format!("/v1/service/service/{STRAY}/users/{STRAY}/auth"),
        format!("{service}/users/{STRAY}"),
        format!("{service}/users?{STRAY}={STRAY}"),
        format!("/v1/service/{STRAY}"),
        format!("/sandbox/messages?to={STRAY}"),
        "/metrics".to_owned(),
        "/readyz".to_owned(),
    ] {
        watched.raw("GET", &path, "").await;
    }
    for client in [
        watched
            .client
            .clone()
            .with_auth(&format!("{ACCOUNT}:{WRONG_PASSWORD}")),
        watched.client.clone().with_auth(STRAY),
        watched.client.clone().with_auth(""),
        watched.client.clone().with_header("Cookie", STRAY),
        watched.client.clone().with_header("User-Agent", STRAY),
    ] {
        let mut other = Watched {
            client,
            errors: Vec::new(),
        };
        other.raw("GET", service, "").await;
        watched.errors.append(&mut other.errors);
    }

    // Twice with a key, then another request.
    let plain = watched.client.clone();
    watched.client = plain.with_key(KEY);
    let body = json!({"token": GUESS});
    for path in [&auth, &auth, &totp] {
        watched.send("PUT", path, body.clone()).await;
    }
    watched.client = plain.with_key(&format!("{KEY} {STRAY}"));
    watched.send("PUT", &auth, body.clone()).await;
    watched.client = plain;
}

/// Requests that meet each other in the store.
async fn at_once(watched: &mut Watched, service: &str) {
    let mut tasks = JoinSet::new();
    for n in 0..16 {
        let (client, path) = (watched.client.clone(), format!("{service}/users"));
        let body = json!({"id_in_service": format!("{USER}{}", n % 2), "phone_number": PHONE});
        tasks.spawn(async move { client.send("POST", &path, body).await });
    }
    let answers = tasks.join_all().await;
    let errors = answers.iter().filter(|it| !it.status.is_success());
    watched
        .errors
        .extend(errors.map(|it| format!("{:?}", it.json())));
}

/// Faults on the way, of which only a sandbox is capable.
async fn faults(sandbox: &Sandbox, watched: &mut Watched, user: &str) {
    let (auth, body) = (format!("{user}/auth"), json!({"token": GUESS}));
    sandbox.fail_next(Fault::status(500)).unwrap();
    watched.send("PUT", &auth, body.clone()).await;
    for point in [DropPoint::AfterRequest, DropPoint::BeforeAnswer] {
        sandbox.fail_next(Fault::drop(point)).unwrap();
        let broken = watched.client.try_raw("PUT", &auth, body.to_string()).await;
        assert!(broken.is_err());
    }
}

/// A store that fails in the middle of it all.
async fn failures(store: &TestStore, watched: &mut Watched, service: &str, user: &str) {
    store.execute("ALTER TABLE users RENAME TO gone").await;
    let auth = format!("{user}/auth");
    let body = json!({"id_in_service": format!("{USER}3"), "phone_number": PHONE});
    for (method, path, body) in [
        ("POST", &format!("{service}/users"), body),
        ("POST", &auth, json!({"method": "sms"})),
        ("PUT", &auth, json!({"token": GUESS})),
    ] {
        let answer = watched.send(method, path, body).await;
        assert_eq!(answer.error(), (503, "store_unavailable".to_owned()));
    }
    store.execute("ALTER TABLE gone RENAME TO users").await;
}

/// User and service are removed, at last.
async fn removals(peer: &Peer, watched: &mut Watched, service: &str, user: &str) {
    peer.advance(Duration::from_hours(1));
    let totp = format!("{user}/totp");
    for path in [&totp, user, service] {
        watched.raw("DELETE", path, "").await;
        watched.raw("DELETE", path, "").await;
    }
}

/// Everything there is to do, with a search after it.
async fn search(peer: Peer, store: Option<TestStore>, log: &Log) {
    let client = match &peer {
        Peer::Sandbox(sandbox) => Client::new(sandbox),
        Peer::Served(served) => served.client.clone(),
    };
    let mut watched = Watched {
        client: client.with_auth(&format!("{ACCOUNT}:{PASSWORD}")),
        errors: Vec::new(),
    };
    let (service, user) = service_and_user(&mut watched).await;
    let secrets = authentications(&peer, &mut watched, &user).await;
    astray(&mut watched, &service, &user).await;
    at_once(&mut watched, &service).await;
    let mut dumps = Vec::new();
    let store = store.filter(TestStore::is_durable);
    if let Some(store) = &store {
        dumps.push(store.dump().await);
        failures(store, &mut watched, &service, &user).await;
    }
    if let Peer::Sandbox(sandbox) = &peer {
        faults(sandbox, &mut watched, &user).await;
    }
    removals(&peer, &mut watched, &service, &user).await;
    if let Some(store) = &store {
        dumps.push(store.dump().await);
    }
    let metrics = watched.client.get("/metrics").await;
    let metrics = String::from_utf8(metrics.bytes).unwrap();
    let shown = match &peer {
        Peer::Sandbox(sandbox) => format!("{sandbox:?} {:?}", sandbox.messages()),
        Peer::Served(_) => String::new(),
    };
    let log = log.take();
    let errors = watched.errors.join("\n");

    // All of it was there to be seen.
    for status in [200, 201, 202, 401, 404, 409, 422] {
        assert!(log.contains(&format!("status={status}")), "{status}");
    }
    for operation in Operation::ALL {
        assert!(
            log.contains(operation.as_str()),
            "{operation} is not in the log"
        );
        assert!(
            metrics.contains(operation.as_str()),
            "{operation} was not counted"
        );
    }
    assert!(errors.contains("token must be a string"), "{errors}");

    for secret in PERSONAL
        .into_iter()
        .chain(secrets.iter().map(String::as_str))
    {
        for (place, text) in [
            ("the log", &log),
            ("an error", &errors),
            ("the metrics", &metrics),
            ("Debug", &shown),
        ] {
            assert!(!text.contains(secret), "{secret} is in {place}");
        }
    }
    if store.is_some() {
        holds_no_secret(&dumps, &secrets);
    }
}

/// Each byte as the character of its number: texts are searched much faster than bytes.
fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|it| char::from(*it)).collect()
}

/// Searches what a thief of the database has. Names are there in clear.
fn holds_no_secret(dumps: &[Vec<u8>], secrets: &[String]) {
    let dumps: Vec<String> = dumps.iter().map(|it| text(it)).collect();
    for there in [SERVICE, USER, "$argon2id$"] {
        assert!(dumps[0].contains(there), "the search finds what is there");
    }
    let in_clear = [ACCOUNT, SERVICE, FQDN, "tEmplate", USER];
    let known = PERSONAL.iter().filter(|it| !in_clear.contains(it));
    let mut wanted: Vec<String> = known.map(|it| (*it).to_owned()).collect();
    wanted.extend(secrets.iter().cloned());
    // The authenticator's secret as it is, and the server's key in every form.
    let secret = secrets.last().unwrap().as_bytes();
    wanted.push(text(&BASE32_NOPAD.decode(secret).unwrap()));
    wanted.push(text(&[0xab; 32]));
    wanted.push(served::KEY.repeat(32));
    for dump in &dumps {
        for it in &wanted {
            assert!(!dump.contains(it), "{it} is in a dump");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_logged_shown_or_kept_in_clear() {
    let log = Log::default();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(log.clone())
        .init();
    // Ten digits: six would turn up in some id or duration by chance. The codes of an
    // authenticator have six, so its secret is looked for in their place.
    let rules = Rules {
        pin_length: PinLength::new(10).unwrap(),
        ..Rules::default()
    };
    let builder = Sandbox::builder()
        .rules(rules.clone())
        .account(ACCOUNT, PASSWORD);
    search(Peer::Sandbox(builder.start().await.unwrap()), None, &log).await;
    for store in stores::every().await {
        let served = Served::start(&store.store, rules.clone()).await;
        served.account(ACCOUNT, PASSWORD).await;
        search(Peer::Served(Box::new(served)), Some(store), &log).await;
    }
}
