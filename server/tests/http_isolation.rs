//! One account never sees, changes or feels another's: whatever others do in between, an account
//! gets the answers that it would have got alone.
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

use std::{
    collections::{BTreeSet, HashSet},
    sync::Mutex,
    time::Duration,
};

use common::{Answer, Client, served::Served, wrong};
use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::{Value, json};
use stores::TestStore;
use verigator_server::{config::Rules, http::Operation, sandbox::Sandbox};

const ACCOUNTS: [&str; 3] = ["test:test", "other:a:b", "third:x"];

/// What is done, to the services and users that were made before by whomever.
#[derive(Debug, Clone)]
struct Step {
    account: usize,
    /// Of those made so far: drawn at random, then a [place](Run::placed).
    service: usize,
    user: usize,
    /// Whether the user's own service is meant, and whether its own account does it: at random,
    /// nobody would ever get to confirming an authenticator.
    at_home: bool,
    by_owner: bool,
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

impl Act {
    fn needs_user(self) -> bool {
        !matches!(
            self,
            Self::CreateService
                | Self::GetService
                | Self::DeleteService
                | Self::CreateUser
                | Self::GetUsers
                | Self::Wait
        )
    }
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
        prop::bool::weighted(0.7),
        prop::bool::weighted(0.6),
        act,
        0..3_u8,
        key,
    )
        .prop_map(
            |(account, service, user, at_home, by_owner, act, name, key)| Step {
                account,
                service,
                user,
                at_home,
                by_owner,
                act,
                name,
                key,
            },
        );
    proptest::collection::vec(step, 1..100).prop_map(|drawn| [everything(), drawn].concat())
}

/// Each operation once, as its owner does it: chance alone leaves one out in every fiftieth run.
fn everything() -> Vec<Step> {
    let acts = [
        Act::CreateService,
        Act::GetService,
        Act::CreateUser,
        Act::GetUsers,
        Act::GetUser,
        Act::InitiateSms,
        Act::VerifyRight,
        Act::Enrol,
        Act::ConfirmRight,
        Act::RemoveTotp,
        Act::DeleteUser,
        Act::DeleteService,
    ];
    let step = |act| Step {
        account: 0,
        service: 0,
        user: 0,
        at_home: true,
        by_owner: true,
        act,
        name: 0,
        key: None,
    };
    acts.map(step).into()
}

/// The place of what there is none of.
const NOWHERE: usize = 999_999;

struct Made {
    owner: usize,
    /// None when it was not made: refused, or not by the accounts of this run.
    id: Option<String>,
}

struct User {
    /// The place of its service.
    service: usize,
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
    done: Done,
}

/// The names of operations that succeeded.
type Done = BTreeSet<&'static str>;

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
            done: Done::new(),
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
                service: step.service,
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
        let service = self.services.get(step.service);
        let user = self.users.get_mut(step.user);
        match (step.act, user) {
            (Act::DeleteService, _) => {
                self.deleted.extend(service.and_then(|it| it.id.clone()));
            }
            (Act::InitiateSms | Act::InitiateTotp, Some(user)) => {
                user.pin = self.sandbox.messages().pop().map(|it| it.pin);
            }
            (Act::Enrol, Some(user)) => {
                let secret = answer.json()["secret"].as_str().unwrap().to_owned();
                user.secret = Some(secret);
            }
            _ => {}
        }
    }

    /// The same step with the places of what it means, mostly made lately; and who does it. They
    /// are the same in every run.
    fn placed(&self, step: &Step) -> Step {
        let lately = |drawn: usize, made: usize| {
            let last = drawn.checked_rem(made.min(4));
            last.map_or(NOWHERE, |last| made - 1 - last)
        };
        let user = lately(step.user, self.users.len());
        let home = self
            .users
            .get(user)
            .filter(|_| step.at_home && step.act.needs_user());
        let service = lately(step.service, self.services.len());
        let service = home.map_or(service, |it| it.service);
        let owner = self.services.get(service).filter(|_| step.by_owner);
        Step {
            account: owner.map_or(step.account, |it| it.owner),
            service,
            user,
            ..step.clone()
        }
    }

    async fn send(&mut self, step: &Step) -> Answer {
        // What was not made has an id of its own all the same.
        let id = |id: Option<&String>, place: usize| {
            let nobody = || format!("00000000-0000-4000-8000-{place:012}");
            id.cloned().unwrap_or_else(nobody)
        };
        let service = self.services.get(step.service);
        let service = id(service.and_then(|it| it.id.as_ref()), step.service);
        let service = format!("/v1/service/service/{service}");
        let user = self.users.get(step.user);
        let user_id = id(user.and_then(|it| it.id.as_ref()), step.user);
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
        let answer = match step.key {
            Some(key) => {
                client
                    .with_key(&key.to_string())
                    .raw(method, &path, body)
                    .await
            }
            None => client.raw(method, &path, body).await,
        };
        let operation = Operation::of(&method.parse().unwrap(), &path);
        let operation = operation.filter(|_| answer.status.is_success());
        self.done.extend(operation.map(Operation::as_str));
        answer
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

/// Gives the operations that were done, all accounts together.
async fn history(steps: &[Step]) -> Result<Done, TestCaseError> {
    let mut together = Run::start().await;
    let mut alone = Vec::new();
    for _ in ACCOUNTS {
        alone.push(Run::start().await);
    }
    for step in steps {
        let step = &together.placed(step);
        let target = together.services.get(step.service).map(|it| {
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
    Ok(together.done)
}

/// Whatever there is to be done is in the histories, and is done.
#[test]
fn an_account_gets_the_answers_it_would_have_got_alone() {
    let done = Mutex::new(Done::new());
    let mut runner = TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(96)
    });
    let run = runner.run(&steps(), |steps| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let mut more = runtime.block_on(history(&steps))?;
        done.lock().unwrap().append(&mut more);
        Ok(())
    });
    run.unwrap_or_else(|error| panic!("{error}\n{runner}"));
    let all = Operation::ALL.map(Operation::as_str);
    assert_eq!(done.into_inner().unwrap(), all.into());
}

/// What an account gets for every operation that the contract names, at another's service and at
/// one that is not there.
async fn no_operation_reaches_another_account(store: TestStore) {
    let served = Served::start(&store.store, Rules::default()).await;
    let client = &served.client;
    served.account("other", "a:b").await;
    let other = client.clone().with_auth("other:a:b");
    let service = client.service("shop").await;
    let user = client.user(&service, "jo").await;
    client.initiate(&user, "sms").await;
    let pin = served.phone.last_pin();
    let service_id = service.rsplit('/').next().unwrap();
    let user_id = user.rsplit('/').next().unwrap();
    // Valid for each operation that has a body: fields of others are ignored.
    let body = json!({
        "name": "cafe", "fqdn": "cafe.ee", "id_in_service": "zoe", "phone_number": "+37255555555",
        "method": "sms", "token": pin,
    });
    let contract = client.get("/openapi.json").await.json();
    let mut met = BTreeSet::new();
    for (path, item) in contract["paths"].as_object().unwrap() {
        // The only operation that needs an account and names no service adds one.
        if !path.contains("{service_id}") {
            assert!(
                !path.starts_with("/v1/") || path == "/v1/service/service",
                "{path}"
            );
            continue;
        }
        for (method, documented) in item.as_object().unwrap() {
            if method == "parameters" {
                continue;
            }
            met.insert(documented["operationId"].as_str().unwrap().to_owned());
            let method = method.to_uppercase();
            let at = |service: &str| {
                path.replace("{service_id}", service)
                    .replace("{user_id}", user_id)
            };
            let nowhere = at("00000000-0000-4000-8000-000000000000");
            for (path, refused) in [
                (at(service_id), (403, "service_forbidden")),
                (nowhere, (404, "service_not_found")),
            ] {
                let single = path.replace("/service/service/", "/service/");
                for path in [path, single] {
                    let answer = other.send(&method, &path, body.clone()).await;
                    let (status, code) = answer.error();
                    assert_eq!((status, code.as_str()), refused, "{method} {path}");
                }
            }
        }
    }
    let all = Operation::ALL
        .iter()
        .filter(|it| **it != Operation::ServicesCreate);
    let all = all.map(|it| it.as_str().to_owned());
    assert_eq!(met, all.chain(["users.get_as_java".to_owned()]).collect());

    // None of it was felt.
    let users = client.get(&format!("{service}/users")).await.json();
    assert_eq!(users["total"], 1);
    let auth = client
        .send("PUT", &format!("{user}/auth"), json!({ "token": pin }))
        .await;
    assert_eq!(auth.json()["verified"], true);
    let totp = client.raw("DELETE", &format!("{user}/totp"), "").await;
    assert_eq!(totp.code(), "totp_not_enrolled");
}

stores::on_each_store!(no_operation_reaches_another_account);
