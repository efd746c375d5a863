//! `/metrics`, read by the rules of the exposition format and no others, and what its gauges say.
#![allow(
    clippy::unwrap_used,
    clippy::float_cmp,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod common;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use common::{Client, parts, serve_app};
use tokio::{net::TcpStream, sync::Notify};
use verigator_server::{
    app::App,
    clock::MovableClock,
    delivery::{Deliver, DeliveryError, Message},
    metrics::COUNTED_MESSAGES,
    store::memory::MemoryStore,
};

/// A family's samples: their name, their labels as written, and their value.
#[derive(Debug, Default)]
struct Family {
    kind: String,
    samples: Vec<(String, BTreeMap<String, String>, f64)>,
}

/// Reads the text format 0.0.4 as Prometheus does, and stricter where it says what should be: each
/// family has its help, its type and then its samples, all in one place and once.
fn parse(text: &str) -> BTreeMap<String, Family> {
    assert!(text.ends_with('\n'), "the last line must end");
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut series = BTreeSet::new();
    // The family that is being read, and whether its type was given.
    let mut current = (String::new(), true);
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            assert!(current.1, "{} has no type", current.0);
            let (name, help) = help.split_once(' ').unwrap();
            assert!(is_name(name) && !help.trim().is_empty(), "{line}");
            let before = families.insert(name.to_owned(), Family::default());
            assert!(before.is_none(), "{name} comes twice");
            current = (name.to_owned(), false);
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert_eq!((name, current.1), (current.0.as_str(), false), "{line}");
            let kinds = ["counter", "gauge", "histogram"];
            assert!(kinds.contains(&kind), "{line}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            kind.clone_into(&mut families.get_mut(name).unwrap().kind);
            current.1 = true;
        } else {
            assert!(current.1, "{line} comes before its type");
            let sample = sample(line);
            let family = families.get_mut(&current.0).unwrap();
            let rest = sample.0.strip_prefix(&current.0).unwrap_or("another's");
            match family.kind.as_str() {
                "histogram" => assert!(["_bucket", "_sum", "_count"].contains(&rest), "{line}"),
                _ => assert_eq!(rest, "", "{line}"),
            }
            assert_eq!(rest == "_bucket", sample.1.contains_key("le"), "{line}");
            let identity = (sample.0.clone(), sample.1.clone());
            assert!(series.insert(identity), "{line} comes twice");
            family.samples.push(sample);
        }
    }
    assert!(current.1, "{} has no type", current.0);
    families
}

fn is_name(text: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.chars().all(is_word) && !text.starts_with(|c: char| c.is_ascii_digit())
}

/// `name{label="value",…} number`.
fn sample(line: &str) -> (String, BTreeMap<String, String>, f64) {
    let (series, number) = line.rsplit_once(' ').unwrap();
    let number: f64 = number.parse().unwrap_or_else(|_| panic!("{line}"));
    assert!(number.is_finite() && number >= 0.0, "{line}");
    let (name, mut rest) = match series.strip_suffix('}') {
        Some(series) => series.split_once('{').unwrap(),
        None => (series, ""),
    };
    assert!(is_name(name), "{line}");
    let mut labels = BTreeMap::new();
    while !rest.is_empty() {
        let (label, after) = rest.split_once("=\"").unwrap();
        let (value, after) = after.split_once('"').unwrap();
        assert!(is_name(label) && !value.contains(['\\', '\n']), "{line}");
        assert!(
            labels.insert(label.to_owned(), value.to_owned()).is_none(),
            "{line}"
        );
        let is_well_apart = after.is_empty() || after.starts_with(',') && after.len() > 1;
        assert!(is_well_apart, "{line}");
        rest = after.strip_prefix(',').unwrap_or(after);
    }
    (name.to_owned(), labels, number)
}

/// Buckets that grow, and end with all; one sum and one count for each.
fn check_histogram(family: &Family, name: &str) {
    let mut rest = family.samples.as_slice();
    while let Some((_, labels, _)) = rest.first() {
        let mut own = labels.clone();
        own.remove("le");
        let end = rest.iter().position(|it| it.0.ends_with("_sum")).unwrap();
        let (mut bound, mut below) = (f64::NEG_INFINITY, 0.0);
        for (_, labels, value) in &rest[..end] {
            let mut labels = labels.clone();
            let le: f64 = labels.remove("le").unwrap().parse().unwrap();
            assert_eq!(labels, own);
            assert!(le > bound && *value >= below, "{name} {le}");
            (bound, below) = (le, *value);
        }
        assert_eq!(bound, f64::INFINITY, "{name}");
        assert_eq!((&rest[end].1, &rest[end + 1].1), (&own, &own));
        let count = &rest[end + 1];
        assert_eq!(
            (count.0.as_str(), count.2),
            (format!("{name}_count").as_str(), below)
        );
        rest = &rest[end + 2..];
    }
}

async fn scrape(client: &Client) -> BTreeMap<String, Family> {
    let answer = client.get("/metrics").await;
    assert_eq!(answer.status, 200);
    let kind = &answer.headers["content-type"];
    assert_eq!(kind, "text/plain; version=0.0.4; charset=utf-8");
    let families = parse(std::str::from_utf8(&answer.bytes).unwrap());
    for (name, family) in &families {
        assert!(name.starts_with("verigator_"), "{name}");
        if family.kind == "histogram" {
            check_histogram(family, name);
        }
    }
    families
}

fn gauge(families: &BTreeMap<String, Family>, name: &str) -> f64 {
    let family = &families[&format!("verigator_{name}")];
    assert_eq!((family.kind.as_str(), family.samples.len()), ("gauge", 1));
    family.samples[0].2
}

/// Takes each message when it is told to.
#[derive(Default)]
struct Slow(Notify);

#[async_trait]
impl Deliver for Slow {
    fn provider(&self) -> &'static str {
        "slow"
    }

    async fn deliver(&self, _: &Message) -> Result<(), DeliveryError> {
        self.0.notified().await;
        Ok(())
    }
}

struct Server {
    app: Arc<App>,
    client: Client,
    url: String,
    clock: Arc<MovableClock>,
    slow: Arc<Slow>,
}

impl Server {
    async fn start(answer_after_attempt: bool) -> Self {
        let (clock, slow) = (Arc::new(MovableClock::default()), Arc::new(Slow::default()));
        let mut parts = parts(Arc::new(MemoryStore::default()), Arc::clone(&slow) as _);
        parts.answer_after_attempt = answer_after_attempt;
        parts.clock = Arc::clone(&clock) as _;
        let app = App::new(parts).unwrap();
        let url = serve_app(Arc::clone(&app)).await;
        Self {
            app,
            client: Client::to(&url),
            url,
            clock,
            slow,
        }
    }

    async fn users(&self, number: usize) -> Vec<String> {
        let service = self.client.service("shop").await;
        let mut users = Vec::new();
        for n in 0..number {
            users.push(self.client.user(&service, &format!("user{n}")).await);
        }
        users
    }
}

/// Asks until it is so.
async fn until(client: &Client, what: &str, is_so: impl Fn(&BTreeMap<String, Family>) -> bool) {
    for _ in 0..1_000 {
        if is_so(&scrape(client).await) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what}");
}

#[tokio::test]
async fn the_text_is_well_formed_and_tells_the_version() {
    let server = Server::start(false).await;
    let client = &server.client;
    for user in server.users(2).await {
        client.initiate(&user, "sms").await;
        client.verify(&user, "x").await;
    }
    client.get("/nothing").await;
    let families = scrape(client).await;
    for name in [
        "requests_total",
        "pins_sent_total",
        "checks_total",
        "deliveries_total",
        "store_seconds",
        "connections",
        "requests_in_flight",
        "outbox_messages",
        "outbox_oldest_seconds",
        "build_info",
    ] {
        assert!(
            families.contains_key(&format!("verigator_{name}")),
            "{name}"
        );
    }
    let build = &families["verigator_build_info"];
    let version = [("version".to_owned(), env!("CARGO_PKG_VERSION").to_owned())];
    assert_eq!(
        (&build.samples[0].1, build.samples[0].2),
        (&version.into(), 1.0)
    );
    let steps = &families["verigator_store_seconds"].samples;
    let steps: BTreeSet<&str> = steps.iter().map(|it| it.1["step"].as_str()).collect();
    assert!(steps.len() > 5 && steps.contains("queue"), "{steps:?}");
}

#[tokio::test]
async fn the_outbox_is_counted_and_its_oldest_is_timed() {
    let server = Server::start(false).await;
    let (client, slow) = (&server.client, &server.slow);
    let users = server.users(3).await;
    let outbox = async || {
        let families = scrape(client).await;
        ["outbox_messages", "outbox_oldest_seconds"].map(|it| gauge(&families, it))
    };
    assert_eq!(outbox().await, [0.0, 0.0]);
    client.initiate(&users[0], "sms").await;
    client.initiate(&users[1], "sms").await;
    // On their way, and so not overdue.
    until(client, "they are on their way", |it| {
        gauge(it, "outbox_messages") == 2.0 && gauge(it, "outbox_oldest_seconds") == 0.0
    })
    .await;
    slow.0.notify_waiters();
    until(client, "they are sent", |it| {
        gauge(it, "outbox_messages") == 0.0
    })
    .await;

    // No worker comes any more.
    server.app.courier.stop().await;
    client.initiate(&users[2], "sms").await;
    let [messages, oldest] = outbox().await;
    assert!(messages == 1.0 && oldest < 60.0, "{oldest}");
    server.clock.advance(Duration::from_secs(90));
    let [messages, oldest] = outbox().await;
    assert!(
        messages == 1.0 && (90.0..150.0).contains(&oldest),
        "{oldest}"
    );
    let text = client.get("/metrics").await;
    let text = String::from_utf8(text.bytes).unwrap();
    assert!(
        text.contains(&format!("at most {COUNTED_MESSAGES} are counted")),
        "{text}"
    );
}

#[tokio::test]
async fn connections_and_requests_are_counted_while_they_last() {
    // A start is answered once its message is taken.
    let server = Server::start(true).await;
    let client = &server.client;
    let both = |it: &BTreeMap<String, Family>| {
        ["connections", "requests_in_flight"].map(|name| gauge(it, name))
    };
    // The one that asks.
    until(client, "nothing else runs", |it| both(it) == [1.0, 1.0]).await;
    let silent = TcpStream::connect(server.url.strip_prefix("http://").unwrap());
    let silent = silent.await.unwrap();
    until(client, "it is connected", |it| both(it) == [2.0, 1.0]).await;
    drop(silent);
    until(client, "it is gone", |it| both(it) == [1.0, 1.0]).await;

    let user = server.users(1).await.remove(0);
    let other = client.clone();
    let asked = tokio::spawn(async move { other.initiate(&user, "sms").await.status });
    until(client, "another request runs", |it| both(it) == [2.0, 2.0]).await;
    server.slow.0.notify_waiters();
    assert_eq!(asked.await.unwrap(), 201);
    until(client, "it has ended", |it| both(it)[1] == 1.0).await;
}
