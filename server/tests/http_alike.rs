//! Wrong, right but expired, and right but throttled: whoever guesses is told which of them it is
//! by `status`, and nothing else tells more. In above all, not whether the guess was right.
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

use std::{collections::BTreeMap, time::Duration};

use common::{Answer, served::Served, wrong};
use serde_json::{Value, json};
use stores::TestStore;
use verigator_server::sandbox;

/// Users of one server, each with an authentication in some state.
struct Users {
    served: Served,
    service: String,
    made: usize,
}

/// A user whose authentication runs.
struct Started {
    user: String,
    /// The PIN that was sent.
    pin: String,
    /// What the authenticator shares, when it is by that.
    secret: Option<String>,
}

impl Users {
    async fn start(store: &TestStore) -> Self {
        let served = Served::start(&store.store, sandbox::rules()).await;
        let service = served.client.service("shop").await;
        Self {
            served,
            service,
            made: 0,
        }
    }

    async fn started(&mut self, method: &str) -> Started {
        self.made += 1;
        let client = &self.served.client;
        let user = client
            .user(&self.service, &format!("jo{}", self.made))
            .await;
        let secret = if method == "totp" {
            Some(self.authenticator(&user).await)
        } else {
            None
        };
        let initiated = client.initiate(&user, method).await;
        assert_eq!(initiated.json()["method"], method);
        Started {
            user,
            pin: self.served.phone.last_pin(),
            secret,
        }
    }

    /// An authenticator in use, all of whose codes are still to be used. Gives its secret.
    async fn authenticator(&self, user: &str) -> String {
        let totp = format!("{user}/totp");
        let client = &self.served.client;
        let enrolled = client.raw("POST", &totp, "").await.json();
        let secret = enrolled["secret"].as_str().unwrap().to_owned();
        let token = self.served.code(&secret);
        let confirmed = client.send("PUT", &totp, json!({ "token": token })).await;
        assert_eq!(confirmed.json()["confirmed"], true);
        self.served.clock.advance(Duration::from_mins(1));
        secret
    }

    /// One whose tries are used up.
    async fn throttled(&mut self, method: &str) -> Started {
        let started = self.started(method).await;
        for _ in 0..5 {
            let answer = self.served.client.verify(&started.user, "wrong").await;
            assert_eq!(answer.json()["status"]["result"], "INVALID");
        }
        started
    }

    /// One whose time is up.
    async fn expired(&mut self, method: &str) -> Started {
        let started = self.started(method).await;
        self.served.clock.advance(Duration::from_mins(10));
        started
    }

    /// The answer to what is right, or would be.
    async fn right(&self, started: &Started) -> Answer {
        let code = started.secret.as_ref().map(|it| self.served.code(it));
        let guess = code.unwrap_or_else(|| started.pin.clone());
        self.served.client.verify(&started.user, &guess).await
    }

    async fn wrong(&self, started: &Started) -> Answer {
        let code = started.secret.as_ref().map(|it| self.served.code(it));
        let guess = wrong(code.as_ref().unwrap_or(&started.pin));
        self.served.client.verify(&started.user, &guess).await
    }
}

/// Headers that say when and which, and how long `status` is.
fn headers(answer: &Answer) -> BTreeMap<String, String> {
    let headers = answer.headers.iter();
    let mut headers: BTreeMap<_, _> = headers
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    for name in ["date", "x-request-id", "content-length"] {
        assert!(headers.remove(name).is_some(), "{name}");
    }
    headers
}

/// The body but for `status`, of which only the form is left; and what `status` said.
fn body(answer: &Answer) -> (Value, String) {
    let mut body = answer.json();
    let status = body["status"].as_object_mut().unwrap();
    let result = status["result"].as_str().unwrap().to_owned();
    for (name, value) in status {
        *value = match value {
            Value::Bool(said) => {
                // One of the three is true, and it is the one that `result` names.
                assert_eq!(*said, name.to_uppercase() == result, "{name}");
                json!(true)
            }
            _ => json!(""),
        };
    }
    (body, result)
}

async fn answers_are_alike_but_for_their_status(store: TestStore) {
    let mut users = Users::start(&store).await;
    for method in ["sms", "totp"] {
        let pending = users.started(method).await;
        let invalid = users.wrong(&pending).await;
        let (form, result) = body(&invalid);
        assert_eq!(result, "INVALID");
        let throttled = users.throttled(method).await;
        let throttled = [users.right(&throttled).await, users.wrong(&throttled).await];
        let expired = users.expired(method).await;
        let expired = [users.right(&expired).await, users.wrong(&expired).await];
        for (answers, result) in [(throttled, "THROTTLED"), (expired, "EXPIRED")] {
            let [right, wrong] = &answers;
            assert_eq!(right.bytes, wrong.bytes, "{method}: not even in a byte");
            for answer in &answers {
                assert_eq!(answer.status, invalid.status, "{method}");
                assert_eq!(headers(answer), headers(&invalid), "{method}");
                assert_eq!(body(answer), (form.clone(), result.to_owned()), "{method}");
            }
        }
        // All that was right, but for the state it met.
        let fresh = users.started(method).await;
        let verified = users.right(&fresh).await.json();
        assert_eq!(verified, json!({"method": method, "verified": true}));
    }
}

/// What takes a store longest is what it writes: it writes whatever it answers.
async fn every_check_is_written_down(store: TestStore) {
    let mut users = Users::start(&store).await;
    for method in ["sms", "totp"] {
        let pending = users.started(method).await;
        let throttled = users.throttled(method).await;
        let expired = users.expired(method).await;
        let fresh = users.started(method).await;
        for (started, result) in [
            (&fresh, "INVALID"),
            (&throttled, "THROTTLED"),
            (&expired, "EXPIRED"),
            (&pending, "EXPIRED"),
        ] {
            for right in [false, true] {
                // A right one would be spent.
                if right && result == "INVALID" {
                    continue;
                }
                store.has_written().await;
                let answer = if right {
                    users.right(started).await
                } else {
                    users.wrong(started).await
                };
                assert_eq!(answer.json()["status"]["result"], result);
                assert!(
                    store.has_written().await,
                    "{method} {result}: nothing was written"
                );
            }
        }
    }
}

stores::on_each_store!(
    answers_are_alike_but_for_their_status;
    durable: every_check_is_written_down,
);
