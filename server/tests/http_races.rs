//! Many at once, over HTTP and with several threads: one success, and no more than the allowed
//! tries.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod common;
#[cfg(feature = "postgres")]
#[path = "common/postgres.rs"]
mod postgres;
#[path = "common/stores.rs"]
mod stores;

use std::{sync::Arc, time::Duration};

use common::{Client, served::Served, wrong};
use serde_json::json;
use stores::TestStore;
use tokio::task::JoinSet;
use verigator_server::{clock::Clock, config::Rules, engine::totp::TotpSecret, sandbox};

const CALLERS: usize = 64;

/// What each of many callers gets who send a guess: its status and result.
async fn race(
    client: &Arc<Client>,
    user: &str,
    guess: impl Fn(usize) -> String,
) -> Vec<(u16, String)> {
    let mut tasks = JoinSet::new();
    for caller in 0..CALLERS {
        let (client, user, guess) = (Arc::clone(client), user.to_owned(), guess(caller));
        tasks.spawn(async move {
            let answer = client.verify(&user, &guess).await;
            let body = answer.json();
            let result = match body["verified"].as_bool() {
                Some(true) => "VERIFIED",
                Some(false) => body["status"]["result"].as_str().unwrap(),
                None => body["code"].as_str().unwrap(),
            };
            (answer.status.as_u16(), result.to_owned())
        });
    }
    tasks.join_all().await
}

fn count(answers: &[(u16, String)], status: u16, result: &str) -> usize {
    answers
        .iter()
        .filter(|(got, word)| *got == status && word == result)
        .count()
}

/// A server in the test's own runtime, so that its requests run beside each other; and a service.
async fn setup(store: &TestStore) -> (Served, Arc<Client>, String) {
    let rules = Rules {
        resend_delay: Duration::ZERO,
        ..sandbox::rules()
    };
    let served = Served::start(&store.store, rules).await;
    let client = Arc::new(served.client.clone());
    let service = client.service("shop").await;
    (served, client, service)
}

async fn a_right_pin_is_accepted_once(store: TestStore) {
    let (served, client, service) = setup(&store).await;
    let user = client.user(&service, "jo").await;
    for round in 0..store.rounds {
        client.initiate(&user, "sms").await;
        let pin = served.phone.last_pin();
        let answers = race(&client, &user, |_| pin.clone()).await;
        assert_eq!(count(&answers, 200, "VERIFIED"), 1, "round {round}");
        let spent = count(&answers, 404, "authentication_not_found");
        assert_eq!(spent, CALLERS - 1, "round {round}");
    }
}

async fn no_more_than_five_wrong_pins_are_compared(store: TestStore) {
    let (served, client, service) = setup(&store).await;
    for round in 0..store.rounds {
        let user = client.user(&service, &format!("jo{round}")).await;
        client.initiate(&user, "sms").await;
        let pin = served.phone.last_pin();
        let answers = race(&client, &user, |_| wrong(&pin)).await;
        assert_eq!(count(&answers, 200, "INVALID"), 5, "round {round}");
        let throttled = count(&answers, 200, "THROTTLED");
        assert_eq!(throttled, CALLERS - 5, "round {round}");
    }
}

async fn a_right_pin_among_wrong_ones_is_accepted_once_or_comes_too_late(store: TestStore) {
    let (served, client, service) = setup(&store).await;
    for round in 0..store.rounds {
        let user = client.user(&service, &format!("jo{round}")).await;
        client.initiate(&user, "sms").await;
        let pin = served.phone.last_pin();
        let guess = |caller| match caller % 8 {
            0 => pin.clone(),
            _ => wrong(&pin),
        };
        let answers = race(&client, &user, guess).await;
        let verified = count(&answers, 200, "VERIFIED");
        let invalid = count(&answers, 200, "INVALID");
        assert!(
            verified <= 1 && invalid <= 5,
            "round {round}: {verified} and {invalid}"
        );
        assert!(
            verified == 1 || invalid == 5,
            "round {round}: neither spent nor throttled"
        );
    }
}

async fn a_code_of_an_authenticator_is_accepted_once(store: TestStore) {
    let (served, client, service) = setup(&store).await;
    for round in 0..store.rounds {
        let user = client.user(&service, &format!("jo{round}")).await;
        let totp = format!("{user}/totp");
        let secret = client.raw("POST", &totp, "").await.json()["secret"].clone();
        let secret = TotpSecret::from_base32(secret.as_str().unwrap()).unwrap();
        // Of the step before, so that the next one is still to be used.
        let now = served.clock.now();
        let first = secret.code_at(now - Duration::from_secs(30));
        let confirmed = client.send("PUT", &totp, json!({ "token": first })).await;
        assert_eq!(confirmed.json()["confirmed"], true);
        let code = secret.code_at(now);
        client.initiate(&user, "totp").await;
        let answers = race(&client, &user, |_| code.clone()).await;
        assert_eq!(count(&answers, 200, "VERIFIED"), 1, "round {round}");
        let spent = count(&answers, 404, "authentication_not_found");
        assert_eq!(spent, CALLERS - 1, "round {round}");
        // Neither it nor the confirming one opens the next authentication.
        client.initiate(&user, "totp").await;
        for used in [&code, &first] {
            let again = client.verify(&user, used).await.json();
            assert_eq!(again["status"]["result"], "INVALID", "round {round}");
        }
    }
}

/// Many starts at once: one message, as within the resend delay.
async fn one_of_many_starts_sends(store: TestStore) {
    let served = Served::start(&store.store, sandbox::rules()).await;
    let client = Arc::new(served.client);
    let service = client.service("shop").await;
    for round in 0..30 {
        let user = client.user(&service, &format!("jo{round}")).await;
        let mut tasks = JoinSet::new();
        for _ in 0..CALLERS {
            let (client, user) = (Arc::clone(&client), user.clone());
            tasks.spawn(async move { client.initiate(&user, "sms").await.status.as_u16() });
        }
        let mut statuses = tasks.join_all().await;
        statuses.sort_unstable();
        assert_eq!((statuses[0], statuses[1]), (201, 409), "round {round}");
    }
}

stores::on_each_store!(
    a_right_pin_is_accepted_once,
    no_more_than_five_wrong_pins_are_compared,
    a_right_pin_among_wrong_ones_is_accepted_once_or_comes_too_late,
    a_code_of_an_authenticator_is_accepted_once,
    one_of_many_starts_sends,
);
