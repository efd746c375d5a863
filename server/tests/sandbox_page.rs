//! The sandbox's page of messages, as far as no browser is needed: what it answers, what it streams,
//! and that a server has no such page.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod common;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::body::Body;
use common::{Client, PHONE, parts, serve};
use data_encoding::BASE64;
use http_body_util::BodyExt;
use hyper::{Response, body::Incoming};
use hyper_util::{client::legacy::Client as Hyper, rt::TokioExecutor};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::time::timeout;
use verigator_server::{
    delivery::console::Console,
    sandbox::{Fault, Sandbox},
    store::memory::MemoryStore,
};

/// Not how long anything may take, but when a test gives up.
const PATIENCE: Duration = Duration::from_secs(15);

/// What is between the tags of a page's only element of this name.
fn inside<'a>(html: &'a str, name: &str) -> &'a str {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    assert_eq!(html.matches(&open).count(), 1, "{name}");
    let (_, rest) = html.split_once(&open).unwrap();
    rest.split_once(&close).unwrap().0
}

#[tokio::test]
async fn it_is_one_document_that_may_load_nothing_else() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = Client::new(&sandbox).with_auth("");
    let answer = client.get("/").await;
    assert_eq!(answer.status, 200);
    let header = |name: &str| answer.headers[name].to_str().unwrap();
    assert_eq!(header("content-type"), "text/html; charset=utf-8");
    assert_eq!(header("cache-control"), "no-store");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(header("referrer-policy"), "no-referrer");

    let html = String::from_utf8(answer.bytes.clone()).unwrap();
    let policy: Vec<_> = header("content-security-policy").split("; ").collect();
    for (directive, element) in [("script-src", "script"), ("style-src", "style")] {
        let digest = BASE64.encode(&Sha256::digest(inside(&html, element)));
        let allowed = format!("{directive} 'sha256-{digest}'");
        assert!(policy.contains(&allowed.as_str()), "{allowed}");
    }
    for directive in [
        "default-src 'none'",
        "connect-src 'self'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    ] {
        assert!(policy.contains(&directive), "{directive}");
    }
    for elsewhere in [" src=", "@import", "href=\"http", "href=\"page", "url("] {
        assert!(!html.contains(elsewhere), "{elsewhere}");
    }
    // It is the same whoever asks, and holds no message.
    assert_eq!(client.raw("HEAD", "/", "").await.status, 200);
    assert_eq!(client.raw("POST", "/", "").await.status, 405);
}

/// An open stream, as a browser reads it.
struct Events {
    response: Response<Incoming>,
    unread: String,
}

impl Events {
    async fn open(sandbox: &Sandbox) -> Self {
        let url = format!("{}/sandbox/messages/stream", sandbox.url());
        let http: Hyper<_, Body> = Hyper::builder(TokioExecutor::new()).build_http();
        let response = http.get(url.parse().unwrap()).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self {
            response,
            unread: String::new(),
        }
    }

    /// The next event's name and data; none at the end.
    async fn next(&mut self) -> Option<(String, Value)> {
        let reading = async {
            loop {
                if let Some((event, rest)) = self.unread.split_once("\n\n") {
                    let field = |name: &str| event.lines().find_map(|it| it.strip_prefix(name));
                    let name = field("event: ").map(str::to_owned);
                    let data = field("data: ").map(|it| serde_json::from_str(it).unwrap());
                    self.unread = String::from(rest);
                    // A comment keeps the connection alive.
                    if let (Some(name), Some(data)) = (name, data) {
                        return Some((name, data));
                    }
                    continue;
                }
                let frame = self.response.frame().await?.unwrap();
                let bytes = frame.into_data().unwrap();
                self.unread.push_str(std::str::from_utf8(&bytes).unwrap());
            }
        };
        timeout(PATIENCE, reading).await.unwrap()
    }
}

#[tokio::test]
async fn a_stream_begins_with_all_and_goes_on_with_what_is_new() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = Client::new(&sandbox);
    let user = client.user(&client.service("shop").await, "jo").await;
    let mut early = Events::open(&sandbox).await;
    assert_eq!(early.next().await, Some(("all".to_owned(), json!([]))));

    let mut seen = Vec::new();
    for _ in 0..3 {
        assert_eq!(client.initiate(&user, "sms").await.status, 201);
        sandbox.advance(Duration::from_secs(30));
        let (name, new) = early.next().await.unwrap();
        assert_eq!(name, "new");
        seen.extend(new.as_array().unwrap().clone());
    }
    let all = serde_json::to_value(sandbox.messages()).unwrap();
    assert_eq!(Value::from(seen), all);
    assert_eq!(all[0]["to"], PHONE);

    let mut late = Events::open(&sandbox).await;
    assert_eq!(late.next().await, Some(("all".to_owned(), all)));
}

#[tokio::test]
async fn it_begins_with_the_latest_thousand() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = Client::new(&sandbox);
    let user = client.user(&client.service("shop").await, "jo").await;
    for _ in 0..1_001 {
        assert_eq!(client.initiate(&user, "sms").await.status, 201);
        sandbox.advance(Duration::from_secs(30));
    }
    let (_, latest) = Events::open(&sandbox).await.next().await.unwrap();
    let all = serde_json::to_value(sandbox.messages()).unwrap();
    assert_eq!(latest.as_array().unwrap(), &all.as_array().unwrap()[1..]);
}

#[tokio::test]
async fn it_meets_no_faults() {
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.fail_next(Fault::status(500)).unwrap();
    let client = Client::new(&sandbox);
    assert_eq!(client.get("/").await.status, 200);
    Events::open(&sandbox).await;
}

#[tokio::test]
async fn a_sandbox_that_stops_ends_its_streams() {
    let sandbox = Sandbox::start().await.unwrap();
    let mut events = Events::open(&sandbox).await;
    events.next().await.unwrap();
    let begun = Instant::now();
    sandbox.stop();
    assert!(begun.elapsed() < PATIENCE);
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn a_server_has_no_such_page() {
    let parts = parts(Arc::<MemoryStore>::default(), Arc::new(Console));
    let client = Client::to(&serve(parts).await);
    for path in ["/", "/sandbox/messages", "/sandbox/messages/stream"] {
        let nothing = (404, "not_found".to_owned());
        assert_eq!(client.get(path).await.error(), nothing, "{path}");
    }
}
