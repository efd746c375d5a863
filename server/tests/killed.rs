//! Servers that are killed under load, again and again: what was answered is not lost, no PIN is
//! verified twice, and every message that was committed is sent. On one file, on PostgreSQL, and two
//! servers of which one always lives.
#![cfg(all(feature = "cli", unix))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod common;
#[cfg(feature = "postgres")]
#[allow(dead_code, reason = "each test binary uses its own part")]
#[path = "common/postgres.rs"]
mod postgres;
#[path = "common/program.rs"]
mod program;

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use common::{Answer, Client};
use program::{Printed, Served, pin, run, said};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;

/// Enough to meet every step of a request.
const KILLS: u64 = 50;

/// How long after a kill a message may be somebody's who is dead: the lease of a server with one
/// provider, and some more.
const LEASE: Duration = Duration::from_secs(40);

/// What is known of one user.
#[derive(Clone)]
struct Known {
    path: String,
    phone: String,
    /// Its start was answered with 201.
    started: bool,
    /// How often its PIN was answered as verified.
    verified: usize,
    /// A check got no answer, so the PIN may be spent.
    asked: bool,
}

/// An account's users on one store, and all that was printed.
struct Place {
    folder: TempDir,
    store: String,
    auth: String,
    printed: Printed,
    known: Arc<Mutex<Vec<Known>>>,
}

impl Place {
    fn new(store: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let created = run(
            folder.path(),
            &["account", "create", "shop", "--store", store],
        );
        assert_eq!(created.status.code(), Some(0), "{}", said(&created.stderr));
        Self {
            auth: format!("shop:{}", said(&created.stdout).trim()),
            folder,
            store: store.to_owned(),
            printed: Printed::default(),
            known: Arc::default(),
        }
    }

    fn serve(&self) -> Served {
        let folder: &Path = self.folder.path();
        Served::start(folder, &["--store", &self.store], &self.printed)
    }

    /// Signs users in by some of the servers, in several tasks, until one of these is gone.
    fn load(&self, servers: &[&Served], service: &str) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        for task in 0..6 {
            let mut clients: Vec<_> = servers.iter().map(|it| it.client(&self.auth)).collect();
            // Each begins at another.
            clients.rotate_left(task % servers.len());
            let (known, printed) = (Arc::clone(&self.known), Arc::clone(&self.printed));
            tasks.spawn(load(clients, service.to_owned(), known, printed));
        }
        tasks
    }

    fn verified(&self) -> usize {
        let known = self.known.lock().unwrap();
        known.iter().map(|it| it.verified).sum()
    }

    /// Lets some more users sign in, and then a moment pass: not always the same.
    async fn a_while(&self, kill: u64) {
        let (before, begun) = (self.verified(), Instant::now());
        while self.verified() < before + 3 {
            assert!(
                begun.elapsed() < Duration::from_secs(30),
                "nobody is served"
            );
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_millis(kill * 37 % 50)).await;
    }

    /// Looks at everybody once nobody is killed any more: by `served`, which is the last.
    async fn looks_well(&self, served: &Served, patience: Duration) {
        let client = served.client(&self.auth);
        let known = self.known.lock().unwrap().clone();
        let begun = Instant::now();
        let (mut verified, mut resumed) = (0, 0);
        for it in &known {
            assert_eq!(client.get(&it.path).await.status, 200, "a user was lost");
            assert!(it.verified <= 1, "verified {} times", it.verified);
            if !it.started {
                continue;
            }
            let mut sent = pin(&self.printed, &it.phone).await;
            while sent.is_none() && begun.elapsed() < patience {
                sent = pin(&self.printed, &it.phone).await;
            }
            let sent = sent.unwrap_or_else(|| panic!("a message was lost"));
            let answer = client.verify(&it.path, &sent).await;
            if it.verified == 1 {
                verified += 1;
                assert_eq!(answer.status, 404, "a PIN is right twice");
            } else if answer.status == 200 {
                assert_eq!(answer.json()["verified"], true, "a start was lost");
                resumed += 1;
            } else {
                assert!(it.asked, "a start was lost");
            }
        }
        let all = known.len();
        assert!(verified > 50, "only {verified} of {all} were verified");
        assert!(resumed > 0, "no kill came between a message and its check");
    }
}

/// Signs users in, by one server after another, until one is gone.
async fn load(
    clients: Vec<Client>,
    service: String,
    known: Arc<Mutex<Vec<Known>>>,
    printed: Printed,
) {
    static NEXT: AtomicU64 = AtomicU64::new(10_000_000);
    let mut turns = clients.iter().cycle();
    let mut send = async |method: &str, path: &str, body: Value| {
        let client = turns.next().unwrap();
        client.try_raw(method, path, body.to_string()).await
    };
    loop {
        let phone = format!("+372{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let body = json!({"phone_number": phone, "id_in_service": phone});
        let Ok(made) = send("POST", &format!("{service}/users"), body).await else {
            return;
        };
        assert_eq!(made.status, 201);
        let path = format!("{service}/users/{}", made.json()["id"].as_str().unwrap());
        let place = {
            let mut known = known.lock().unwrap();
            known.push(Known {
                path: path.clone(),
                phone: phone.clone(),
                started: false,
                verified: 0,
                asked: false,
            });
            known.len() - 1
        };
        let auth = format!("{path}/auth");
        let Ok(start) = send("POST", &auth, json!({"method": "sms"})).await else {
            return;
        };
        assert_eq!(start.status, 201);
        known.lock().unwrap()[place].started = true;
        let Some(pin) = pin(&printed, &phone).await else {
            return;
        };
        known.lock().unwrap()[place].asked = true;
        let mut checks = JoinSet::new();
        for turn in 0..4 {
            let (client, auth) = (clients[turn % clients.len()].clone(), auth.clone());
            let body = json!({ "token": pin }).to_string();
            checks.spawn(async move { client.try_raw("PUT", &auth, body).await });
        }
        let answers = checks.join_all().await;
        let right = |it: &&Answer| it.json()["verified"] == Value::Bool(true);
        let verified = answers.iter().flatten().filter(right).count();
        known.lock().unwrap()[place].verified += verified;
        if answers.iter().any(Result::is_err) {
            return;
        }
    }
}

async fn killed_again_and_again(place: &Place, patience: Duration) {
    let mut service = None;
    for kill in 0..KILLS {
        let mut served = place.serve();
        if service.is_none() {
            service = Some(served.client(&place.auth).service("shop").await);
        }
        let load = place.load(&[&served], service.as_ref().unwrap());
        place.a_while(kill).await;
        assert_eq!(served.end("-KILL"), None);
        load.join_all().await;
    }
    let served = place.serve();
    place.looks_well(&served, patience).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_file_nothing_is_lost_and_nothing_accepted_twice() {
    let place = Place::new("sqlite:verigator.db");
    killed_again_and_again(&place, Duration::ZERO).await;
}

#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_postgresql_nothing_is_lost_and_nothing_accepted_twice() {
    let place = Place::new(&postgres::database().await);
    killed_again_and_again(&place, LEASE).await;
}

#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_servers_one_always_lives() {
    let place = Place::new(&postgres::database().await);
    let mut servers = [place.serve(), place.serve()];
    let service = servers[0].client(&place.auth).service("shop").await;
    // While both live, each message is sent once.
    let [one, other] = &servers;
    let mut load = place.load(&[one, other], &service);
    for _ in 0..20 {
        place.a_while(0).await;
    }
    {
        let printed = place.printed.lock().unwrap();
        let twice = printed.values().filter(|pins| pins.len() > 1).count();
        assert_eq!(twice, 0, "sent twice, of {}", printed.len());
    }
    for kill in 0..KILLS / 5 {
        let killed = usize::from(kill % 2 == 0);
        assert_eq!(servers[killed].end("-KILL"), None);
        load.join_all().await;
        // The other serves on, alone.
        let alone = place.load(&[&servers[1 - killed]], &service);
        place.a_while(kill).await;
        servers[killed] = place.serve();
        drop(alone);
        let [one, other] = &servers;
        load = place.load(&[one, other], &service);
        place.a_while(kill).await;
    }
    drop(load);
    place.looks_well(&servers[0], LEASE).await;
}
