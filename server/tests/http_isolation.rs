//! One account never sees, changes or feels another's: whatever others do in between, an account
//! gets the answers that it would have got alone.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod common;

use std::{collections::HashSet, time::Duration};

use common::{Answer, Client, wrong};
use proptest::prelude::*;
use serde_json::{Value, json};
use verigator_server::{config::Rules, sandbox::Sandbox};

const ACCOUNTS: [&str; 3] = ["test:test", "other:a:b", "third:x"];

/// What is done, to the services and users that were made before by whomever.
#[derive(Debug, Clone)]
struct Step {
    account: usize,
    /// Of those made so far, counted round.
    service: usize,
    user: usize,
    act: Act,
    /// Names and keys are few, so that accounts meet in them.
    name: u8,
    key: Option<u8>,
}

#[derive(Debug, Clone, Copy)]
enum Act {
    CreateService,
    GetService,
    DeleteService,
    CreateUser,
    GetUsers,
    GetUser,
    GetUserAsJava,
    DeleteUser,
    InitiateSms,
    InitiateTotp,
    VerifyRight,
    VerifyWrong,
    Enrol,
    ConfirmRight,
    ConfirmWrong,
    RemoveTotp,
    /// Lets the resend delay pass, for all.
    Wait,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let act = prop_oneof![
        3 => Just(Act::CreateService),
        1 => Just(Act::GetService),
        1 => Just(Act::DeleteService),
        4 => Just(Act::CreateUser),
        1 => Just(Act::GetUsers),
        1 => Just(Act::GetUser),
        1 => Just(Act::GetUserAsJava),
        1 => Just(Act::DeleteUser),
        3 => Just(Act::InitiateSms),
        2 => Just(Act::InitiateTotp),
        3 => Just(Act::VerifyRight),
        3 => Just(Act::VerifyWrong),
        2 => Just(Act::Enrol),
        2 => Just(Act::ConfirmRight),
        1 => Just(Act::ConfirmWrong),
        1 => Just(Act::RemoveTotp),
        3 => Just(Act::Wait),
    ];
    let key = prop_oneof![3 => Just(None), 1 => (0_u8..8).prop_map(Some)];
    let step = (
        0..3_usize,
        any::<usize>(),
        any::<usize>(),
        act,
        0..3_u8,
        key,
    )
        .prop_map(|(account, service, user, act, name, key)| Step {
            account,
            service,
            user,
            act,
            name,
            key,
        });
    proptest::collection::vec(step, 1..100)
}

struct Made {
    owner: usize,
    /// None when it was not made: refused, or not by the accounts of this run.
    id: Option<String>,
}

struct User {
    id: Option<String>,
    pin: Option<String>,
    secret: Option<String>,
}

/// A run of the steps of some accounts, each against the same server.
struct Run {
    sandbox: Sandbox,
    clients: Vec<Client>,
    services: Vec<Made>,
    users: Vec<User>,
    /// Services that are gone. By id, since the replay of a creation makes two entries of one.
    deleted: HashSet<String>,
}

impl Run {
    async fn start() -> Self {
        let builder = Sandbox::builder()
            .account("other", "a:b")
            .account("third", "x")
            .rules(Rules::default());
        let sandbox = builder.start().await.unwrap();
        let client = |auth: &&str| Client::new(&sandbox).with_auth(auth);
        Self {
            clients: ACCOUNTS.iter().map(client).collect(),
            sandbox,
            services: Vec::new(),
            users: Vec::new(),
            deleted: HashSet::new(),
        }
    }

    /// Does a step, or keeps its place when the account has no part in this run.
    async fn step(&mut self, step: &Step, takes_part: bool) -> Option<Answer> {
        if matches!(step.act, Act::Wait) {
            self.sandbox.advance(Duration::from_secs(31));
            return None;
        }
        let answer = if takes_part {
            Some(self.send(step).await)
        } else {
            None
        };
        let id = answer.as_ref().and_then(id);
        match step.act {
            Act::CreateService => self.services.push(Made {
                owner: step.account,
                id,
            }),
            Act::CreateUser => self.users.push(User {
                id,
                pin: None,
                secret: None,
            }),
            _ => {}
        }
        if let Some(answer) = answer.as_ref().filter(|it| it.status.is_success()) {
            self.learn(step, answer);
        }
        answer
    }

    /// What a caller would remember of an answer.
    fn learn(&mut self, step: &Step, answer: &Answer) {
        let (services, users) = (self.services.len(), self.users.len());
        match step.act {
            Act::DeleteService if services > 0 => {
                let id = self.services[step.service % services].id.clone();
                self.deleted.extend(id);
            }
            Act::InitiateSms | Act::InitiateTotp if users > 0 => {
                let last = self.sandbox.messages().pop();
                self.users[step.user % users].pin = last.map(|it| it.pin);
            }
            Act::Enrol if users > 0 => {
                let secret = answer.json()["secret"].as_str().unwrap().to_owned();
                self.users[step.user % users].secret = Some(secret);
            }
            _ => {}
        }
    }

    fn service(&self, step: &Step) -> Option<&Made> {
        let place = step.service.checked_rem(self.services.len())?;
        Some(&self.services[place])
    }

    async fn send(&self, step: &Step) -> Answer {
        // What was not made has an id of its own all the same.
        let id = |id: Option<&String>, place: Option<usize>| {
            let place = place.unwrap_or(999_999);
            let nobody = || format!("00000000-0000-4000-8000-{place:012}");
            id.cloned().unwrap_or_else(nobody)
        };
        let place = step.service.checked_rem(self.services.len());
        let service = id(self.service(step).and_then(|it| it.id.as_ref()), place);
        let service = format!("/v1/service/service/{service}");
        let place = step.user.checked_rem(self.users.len());
        let user = place.map(|place| &self.users[place]);
        let user_id = id(user.and_then(|it| it.id.as_ref()), place);
        let path = format!("{service}/users/{user_id}");
        let pin = user
            .and_then(|it| it.pin.clone())
            .unwrap_or("000000".to_owned());
        let code = user.and_then(|it| self.sandbox.totp_code(it.secret.as_ref()?).ok());
        let code = code.unwrap_or("000000".to_owned());
        let name = step.name;
        let (auth, totp) = (format!("{path}/auth"), format!("{path}/totp"));
        let (method, path, body) = match step.act {
            Act::CreateService => (
                "POST",
                "/v1/service/service".to_owned(),
                json!({"name": format!("shop {name}"), "fqdn": format!("shop{name}.ee")}),
            ),
            Act::GetService => ("GET", service, Value::Null),
            Act::DeleteService => ("DELETE", service, Value::Null),
            Act::CreateUser => (
                "POST",
                format!("{service}/users"),
                json!({"id_in_service": format!("jo{name}"), "phone_number": format!("+372555555{name}")}),
            ),
            Act::GetUsers => ("GET", format!("{service}/users"), Value::Null),
            Act::GetUser => ("GET", path, Value::Null),
            Act::GetUserAsJava => ("GET", path.replace("/users/", "/user/"), Value::Null),
            Act::DeleteUser => ("DELETE", path, Value::Null),
            Act::InitiateSms => ("POST", auth, json!({"method": "sms"})),
            Act::InitiateTotp => ("POST", auth, json!({"method": "totp"})),
            Act::VerifyRight => ("PUT", auth, json!({ "token": pin })),
            Act::VerifyWrong => ("PUT", auth, json!({ "token": wrong(&pin) })),
            Act::Enrol => ("POST", totp, Value::Null),
            Act::ConfirmRight => ("PUT", totp, json!({ "token": code })),
            Act::ConfirmWrong => ("PUT", totp, json!({ "token": "x" })),
            Act::RemoveTotp => ("DELETE", totp, Value::Null),
            Act::Wait => unreachable!("sends nothing"),
        };
        let client = &self.clients[step.account];
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        match step.key {
            Some(key) => {
                client
                    .with_key(&key.to_string())
                    .raw(method, &path, body)
                    .await
            }
            None => client.raw(method, &path, body).await,
        }
    }
}

fn id(answer: &Answer) -> Option<String> {
    if answer.status.is_success() {
        answer.json()["id"].as_str().map(str::to_owned)
    } else {
        None
    }
}

/// An answer without what is new in every run.
fn seen(answer: &Answer) -> (u16, Value) {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                for name in ["id", "ctime", "uri", "secret", "qr"] {
                    fields.remove(name);
                }
                fields.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut body = answer.json();
    strip(&mut body);
    // How long there is left to wait depends on the time of day.
    if answer.headers.contains_key("retry-after") {
        body["message"].take();
    }
    (answer.status.as_u16(), body)
}

async fn history(steps: &[Step]) -> Result<(), TestCaseError> {
    let mut together = Run::start().await;
    let mut alone = Vec::new();
    for _ in ACCOUNTS {
        alone.push(Run::start().await);
    }
    for step in steps {
        let target = together.service(step).map(|it| {
            let is_there = it
                .id
                .as_ref()
                .is_some_and(|id| !together.deleted.contains(id));
            (it.owner, is_there)
        });
        let is_foreign = !matches!(step.act, Act::CreateService)
            && target.is_some_and(|(owner, _)| owner != step.account);
        let answer = together.step(step, true).await;
        for (account, run) in alone.iter_mut().enumerate() {
            let own = run.step(step, account == step.account).await;
            if let (Some(answer), Some(own), false) = (&answer, own, is_foreign) {
                prop_assert_eq!(seen(answer), seen(&own), "{:?}", step);
            }
        }
        let Some(answer) = answer else { continue };
        if is_foreign && step.key.is_none() {
            let refused = match target {
                Some((_, true)) => (403, "service_forbidden"),
                _ => (404, "service_not_found"),
            };
            let error = answer.error();
            prop_assert_eq!((error.0, error.1.as_str()), refused, "{:?}", step);
        }
        if is_foreign {
            prop_assert!(!answer.status.is_success(), "{:?}", step);
            let fields: Vec<String> = answer.json().as_object().unwrap().keys().cloned().collect();
            prop_assert_eq!(fields, ["code", "message"]);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn an_account_gets_the_answers_it_would_have_got_alone(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(history(&steps))?;
    }
}
