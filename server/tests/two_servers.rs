//! Two processes on one PostgreSQL, asked at the same moment: as if they were one.
#![cfg(all(feature = "cli", feature = "postgres", unix))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod common;
#[allow(dead_code, reason = "each test binary uses its own part")]
#[path = "common/postgres.rs"]
mod postgres;
#[path = "common/program.rs"]
mod program;

use common::{Client, wrong};
use program::{Printed, Served, pin, run, said};
use serde_json::json;
use tempfile::TempDir;
use tokio::task::JoinSet;

const ROUNDS: usize = 300;
const CALLERS: usize = 64;

struct Two {
    _folder: TempDir,
    _servers: [Served; 2],
    clients: [Client; 2],
    service: String,
    printed: Printed,
}

impl Two {
    async fn start() -> Self {
        let (folder, url) = (tempfile::tempdir().unwrap(), postgres::database().await);
        let store = ["--store", &url];
        let created = run(
            folder.path(),
            &[&["account", "create", "shop"], &store[..]].concat(),
        );
        assert_eq!(created.status.code(), Some(0), "{}", said(&created.stderr));
        let auth = format!("shop:{}", said(&created.stdout).trim());
        let printed = Printed::default();
        let servers = [(); 2].map(|()| Served::start(folder.path(), &store, &printed));
        let clients = servers.each_ref().map(|it| it.client(&auth));
        let service = clients[0].service("shop").await;
        Self {
            _folder: folder,
            _servers: servers,
            clients,
            service,
            printed,
        }
    }

    /// A new user with a PIN: the user's path, and the PIN.
    async fn started(&self, round: usize) -> (String, String) {
        let phone = format!("+3725{round:07}");
        let body = json!({"phone_number": phone, "id_in_service": phone});
        let [one, other] = &self.clients;
        let made = one
            .send("POST", &format!("{}/users", self.service), body)
            .await;
        let id = made.json()["id"].as_str().unwrap().to_owned();
        let user = format!("{}/users/{id}", self.service);
        assert_eq!(other.initiate(&user, "sms").await.status, 201);
        (user, pin(&self.printed, &phone).await.unwrap())
    }

    /// What all callers get who send the same guess, half of them to each server.
    async fn race(&self, user: &str, guess: &str) -> Vec<String> {
        let mut tasks = JoinSet::new();
        for caller in 0..CALLERS {
            let client = self.clients[caller % 2].clone();
            let (user, guess) = (user.to_owned(), guess.to_owned());
            tasks.spawn(async move {
                let answer = client.verify(&user, &guess).await;
                let body = answer.json();
                let result = match body["verified"].as_bool() {
                    Some(true) => "VERIFIED",
                    Some(false) => body["status"]["result"].as_str().unwrap(),
                    None => body["code"].as_str().unwrap(),
                };
                result.to_owned()
            });
        }
        tasks.join_all().await
    }
}

fn count(results: &[String], word: &str) -> usize {
    results.iter().filter(|it| *it == word).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_pin_is_accepted_by_one_of_them_and_once() {
    let two = Two::start().await;
    for round in 0..ROUNDS {
        let (user, pin) = two.started(round).await;
        let results = two.race(&user, &pin).await;
        assert_eq!(count(&results, "VERIFIED"), 1, "round {round}");
        let spent = count(&results, "authentication_not_found");
        assert_eq!(spent, CALLERS - 1, "round {round}: {results:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_than_five_wrong_pins_are_compared_by_both_together() {
    let two = Two::start().await;
    for round in 0..ROUNDS / 10 {
        let (user, pin) = two.started(round).await;
        let results = two.race(&user, &wrong(&pin)).await;
        assert_eq!(count(&results, "INVALID"), 5, "round {round}");
        let throttled = count(&results, "THROTTLED");
        assert_eq!(throttled, CALLERS - 5, "round {round}: {results:?}");
    }
}
