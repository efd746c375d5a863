//! No secret in a log, an error, a metric or in `Debug`: unique values through every endpoint, well
//! formed and not, then a search. Alone in its binary, since it takes all of the log.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod common;

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use common::{Answer, Client};
use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter;
use verigator_server::{
    config::Rules,
    engine::pin::PinLength,
    sandbox::{DropPoint, Fault, Sandbox},
};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

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

/// Authentications by both methods. Gives the PIN and the secret that came up.
async fn authentications(sandbox: &Sandbox, watched: &mut Watched, user: &str) -> Vec<String> {
    let mut secrets = Vec::new();
    let (auth, totp) = (format!("{user}/auth"), format!("{user}/totp"));
    watched.send("PUT", &auth, json!({"token": GUESS})).await;
    watched
        .malformed("POST", &auth, &json!({"method": STRAY}))
        .await;
    for _ in 0..2 {
        watched.send("POST", &auth, json!({"method": "sms"})).await;
    }
    let pin = sandbox.last_pin(PHONE).unwrap();
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
    let enrolled = watched.raw("POST", &totp, "").await.json();
    let secret = enrolled["secret"].as_str().unwrap().to_owned();
    secrets.push(enrolled["qr"].as_str().unwrap()[40..80].to_owned());
    watched.send("PUT", &totp, json!({"token": GUESS})).await;
    let code = sandbox.totp_code(&secret).unwrap();
    watched
        .malformed("PUT", &totp, &json!({"token": code}))
        .await;
    watched.send("PUT", &totp, json!({"token": code})).await;
    watched.send("PUT", &totp, json!({"token": code})).await;
    watched.raw("POST", &totp, "").await;
    watched.send("POST", &auth, json!({"method": "totp"})).await;
    watched.send("PUT", &auth, json!({"token": code})).await;
    watched.raw("DELETE", &totp, "").await;
    watched.raw("DELETE", &totp, "").await;
    secrets.push(secret);
    secrets
}

/// Values where none belongs, keys and faults; at last, user and service are removed.
async fn the_rest(sandbox: &Sandbox, watched: &mut Watched, service: &str, user: &str) {
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

    // Twice with a key, then another request; then faults.
    let plain = watched.client.clone();
    watched.client = plain.with_key(KEY);
    let body = json!({"token": GUESS});
    for path in [&auth, &auth, &totp] {
        watched.send("PUT", path, body.clone()).await;
    }
    watched.client = plain.with_key(&format!("{KEY} {STRAY}"));
    watched.send("PUT", &auth, body.clone()).await;
    watched.client = plain;
    sandbox.fail_next(Fault::status(500)).unwrap();
    watched.send("PUT", &auth, body.clone()).await;
    for point in [DropPoint::AfterRequest, DropPoint::BeforeAnswer] {
        sandbox.fail_next(Fault::drop(point)).unwrap();
        let broken = watched.client.try_raw("PUT", &auth, body.to_string()).await;
        assert!(broken.is_err());
    }
    sandbox.advance(Duration::from_hours(1));
    watched.raw("DELETE", user, "").await;
    watched.raw("DELETE", user, "").await;
    watched.raw("DELETE", service, "").await;
    watched.raw("DELETE", service, "").await;
}

#[tokio::test]
async fn no_secret_is_logged_or_shown() {
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
    let builder = Sandbox::builder().rules(rules).account(ACCOUNT, PASSWORD);
    let sandbox = builder.start().await.unwrap();
    let mut watched = Watched {
        client: Client::new(&sandbox).with_auth(&format!("{ACCOUNT}:{PASSWORD}")),
        errors: Vec::new(),
    };
    let (service, user) = service_and_user(&mut watched).await;
    let secrets = authentications(&sandbox, &mut watched, &user).await;
    the_rest(&sandbox, &mut watched, &service, &user).await;
    let metrics = watched.client.get("/metrics").await;
    let metrics = String::from_utf8(metrics.bytes).unwrap();
    let shown = format!("{sandbox:?} {:?}", sandbox.messages());
    sandbox.stop();
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let errors = watched.errors.join("\n");

    // All of it was there to be seen.
    for status in [200, 201, 202, 401, 404, 409, 422, 500] {
        assert!(log.contains(&format!("status={status}")), "{status}");
    }
    for operation in verigator_server::http::Operation::ALL {
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

    let digits = &PHONE[1..];
    let known = [
        ACCOUNT,
        PASSWORD,
        WRONG_PASSWORD,
        digits,
        SERVICE,
        FQDN,
        "tEmplate",
        USER,
        STRAY,
        GUESS,
        KEY,
    ];
    for secret in known.into_iter().chain(secrets.iter().map(String::as_str)) {
        for (place, text) in [
            ("the log", &log),
            ("an error", &errors),
            ("the metrics", &metrics),
            ("Debug", &shown),
        ] {
            assert!(!text.contains(secret), "{secret} is in {place}");
        }
    }
}
