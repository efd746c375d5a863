//! The same guess by way of two servers at once.

use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;
use verigator_server::{
    clock::{Clock, SystemClock},
    engine::totp::TotpSecret,
};

use super::{
    common::{Client, wrong},
    house::House,
    ledger::new_phone,
    program::{Served, pin},
};

const ROUNDS: usize = 300;
const CALLERS: usize = 64;

struct Two {
    house: House,
    /// Until the end of the test.
    _servers: [Served; 2],
    clients: [Client; 2],
    service: String,
}

impl Two {
    async fn start() -> Self {
        let house = House::new().await;
        let servers = [house.serve(), house.serve()];
        let clients = [house.client(&servers[0]), house.client(&servers[1])];
        let service = clients[0].service("shop").await;
        Self {
            house,
            _servers: servers,
            clients,
            service,
        }
    }

    /// A user's path, and the PIN that was sent to it.
    async fn started(&self) -> (String, String) {
        let phone = new_phone();
        let body = json!({"phone_number": phone, "id_in_service": phone});
        let users = format!("{}/users", self.service);
        let made = self.clients[0].send("POST", &users, body).await;
        let user = format!("{users}/{}", made.json()["id"].as_str().unwrap());
        assert_eq!(self.clients[1].initiate(&user, "sms").await.status, 201);
        (user, pin(&self.house.printed, &phone).await.unwrap())
    }

    /// What each of many callers gets who send a guess, half of them to each server: verified, a
    /// result, or an error's code.
    async fn race(&self, user: &str, guess: &str) -> Vec<String> {
        let mut callers = JoinSet::new();
        for caller in 0..CALLERS {
            let client = self.clients[caller % 2].clone();
            let (user, guess) = (user.to_owned(), guess.to_owned());
            callers.spawn(async move {
                let body = client.verify(&user, &guess).await.json();
                match body["verified"].as_bool() {
                    Some(true) => "VERIFIED".to_owned(),
                    Some(false) => body["status"]["result"].as_str().unwrap().to_owned(),
                    None => body["code"].as_str().unwrap().to_owned(),
                }
            });
        }
        callers.join_all().await
    }
}

fn count(answers: &[String], word: &str) -> usize {
    answers.iter().filter(|it| *it == word).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_pin_is_accepted_once() {
    let two = Two::start().await;
    for round in 0..ROUNDS {
        let (user, pin) = two.started().await;
        let answers = two.race(&user, &pin).await;
        assert_eq!(count(&answers, "VERIFIED"), 1, "round {round}");
        let spent = count(&answers, "authentication_not_found");
        assert_eq!(spent, CALLERS - 1, "round {round}: {answers:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_than_five_wrong_pins_are_compared() {
    let two = Two::start().await;
    for round in 0..ROUNDS {
        let (user, pin) = two.started().await;
        let answers = two.race(&user, &wrong(&pin)).await;
        assert_eq!(count(&answers, "INVALID"), 5, "round {round}");
        let throttled = count(&answers, "THROTTLED");
        assert_eq!(throttled, CALLERS - 5, "round {round}: {answers:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_of_an_authenticator_is_accepted_once() {
    let two = Two::start().await;
    for round in 0..ROUNDS {
        let (user, _) = two.started().await;
        let totp = format!("{user}/totp");
        let secret = two.clients[0].raw("POST", &totp, "").await.json()["secret"].clone();
        let secret = TotpSecret::from_base32(secret.as_str().unwrap()).unwrap();
        // Of the step before, so that the next one is still to be used.
        let now = SystemClock.now();
        let first = secret.code_at(now - Duration::from_secs(30));
        let confirmed = two.clients[1]
            .send("PUT", &totp, json!({ "token": first }))
            .await;
        assert_eq!(confirmed.json()["confirmed"], true);
        assert_eq!(two.clients[0].initiate(&user, "totp").await.status, 201);
        let answers = two.race(&user, &secret.code_at(now)).await;
        assert_eq!(count(&answers, "VERIFIED"), 1, "round {round}");
        let spent = count(&answers, "authentication_not_found");
        assert_eq!(spent, CALLERS - 1, "round {round}: {answers:?}");
    }
}
