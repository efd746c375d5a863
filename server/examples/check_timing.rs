//! How long a store takes for a guess that is wrong, right but expired, and right but throttled:
//! medians of many measurements that take turns, so that what else the machine does hits all alike.
//!
//! `cargo run -p verigator-server --example check_timing [postgres://…]` prints a line for each
//! store; the database must be an empty one. That they take the same is no assertion, since a busy
//! machine would fail it: what is certain is counted by the tests instead.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a measurement"
)]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use uuid::Uuid;
use verigator_server::{
    config::Rules,
    engine::{
        authentication::{CheckRequest, Method, StartRequest},
        budget::Budgets,
        keys::Keys,
        phone::Phone,
        pin::{MacKey, Pin, PinLength},
    },
    random,
    store::{
        Account, NewService, NewUser, Once, ServiceScope, Started, Store, UserScope,
        memory::MemoryStore, postgres::Database, sqlite::SqliteStore,
    },
};

const ROUNDS: usize = 1_000;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

struct Bench {
    store: Arc<dyn Store>,
    service: ServiceScope,
    key: MacKey,
    rules: Rules,
}

impl Bench {
    async fn new(store: Arc<dyn Store>) -> Self {
        let account = Account {
            id: random::uuid().unwrap(),
            username: "bench".to_owned(),
            password_hash: String::new(),
            disabled: false,
            created_at: at(0),
        };
        store.create_account(&account).await.unwrap();
        let new = NewService {
            id: random::uuid().unwrap(),
            account: account.id,
            name: "bench".to_owned(),
            fqdn: "bench".to_owned(),
            template: None,
            created_at: at(0),
        };
        let service = store.create_service(&new).await.unwrap().id;
        Self {
            store,
            service: ServiceScope {
                account: account.id,
                service,
            },
            key: MacKey::new([1; 32]),
            rules: Rules {
                tries: 1,
                lock_after: u32::MAX,
                resend_delay: Duration::ZERO,
                budgets: Budgets::unlimited(),
                ..Rules::default()
            },
        }
    }

    async fn user(&self) -> UserScope {
        let id: Uuid = random::uuid().unwrap();
        let new = NewUser {
            id,
            id_in_service: id.to_string(),
            phone: Phone::parse("+37255555555").unwrap(),
            created_at: at(0),
        };
        self.store.create_user(self.service, &new).await.unwrap();
        UserScope {
            service: self.service,
            user: id,
        }
    }

    async fn start(&self, user: UserScope) -> String {
        let start = StartRequest {
            method: Method::Sms,
            id: random::uuid().unwrap(),
            pin: &Pin::generate(PinLength::default(), random::fill).unwrap(),
            key: &self.key,
            now: at(0),
            rules: &self.rules,
        };
        let started = self.store.start_authentication(user, &start, None, None);
        match started.await.unwrap() {
            Once::Done(Started::Sms(message)) => message.pin.expose().to_owned(),
            other => panic!("{other:?}"),
        }
    }

    async fn check(&self, user: UserScope, guess: &str, second: i64) -> Duration {
        let check = CheckRequest {
            guess,
            key: &self.key,
            now: at(second),
            rules: &self.rules,
        };
        let begun = Instant::now();
        self.store.check(user, &check, None).await.unwrap();
        begun.elapsed()
    }
}

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let keys = Keys::parse(&"01".repeat(32)).unwrap();
    let sqlite = SqliteStore::open(&folder.path().join("db"), keys.clone()).unwrap();
    let mut stores: Vec<(&str, Arc<dyn Store>)> = vec![
        ("memory", Arc::new(MemoryStore::default())),
        ("SQLite", Arc::new(sqlite)),
    ];
    if let Some(url) = std::env::args().nth(1) {
        let database = Database::connect(&url.parse().unwrap()).await.unwrap();
        stores.push(("PostgreSQL", Arc::new(database.open(keys).await.unwrap())));
    }
    println!("store        wrong  expired  throttled  (medians, µs)");
    for (name, store) in stores {
        let bench = Bench::new(store).await;
        let [pending, expired, throttled] =
            [bench.user().await, bench.user().await, bench.user().await];
        let late = bench.start(expired).await;
        let spoilt = bench.start(throttled).await;
        bench.check(throttled, "wrong", 0).await;
        let mut times = [(); 3].map(|()| Vec::with_capacity(ROUNDS));
        for round in 0..ROUNDS {
            // One try each, and a new one after it is throttled.
            bench.start(pending).await;
            let mut turns = [
                (0, pending, "wrong", 0),
                (1, expired, late.as_str(), 600),
                (2, throttled, spoilt.as_str(), 0),
            ];
            // Whoever comes after the start finds less at hand.
            turns.rotate_left(round % 3);
            for (which, user, guess, second) in turns {
                times[which].push(bench.check(user, guess, second).await);
            }
        }
        let median = |times: &mut Vec<Duration>| {
            times.sort_unstable();
            times[ROUNDS / 2].as_secs_f64() * 1e6
        };
        let [wrong, expired, throttled] = times.each_mut().map(median);
        println!("{name:<11} {wrong:>6.1}  {expired:>7.1}  {throttled:>9.1}");
    }
}
