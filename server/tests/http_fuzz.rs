//! Requests of which nothing can be foreseen: always an answer below 500, in JSON, that the
//! contract knows. Every path and method of the contract takes part, with what it does not foresee.
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

use std::{collections::BTreeSet, sync::Mutex};

use common::{Answer, Client, PHONE, served::Served};
use proptest::{prelude::*, sample::select, test_runner::TestRunner};
use serde_json::{Value, json};
use stores::TestStore;
use tokio::runtime::Handle;
use verigator_server::{http::Operation, sandbox};

/// An operation of the contract; its path still has names in braces.
#[derive(Clone, Debug)]
struct Documented {
    method: String,
    path: String,
}

#[derive(Clone, Debug)]
struct Request {
    documented: Documented,
    /// In place of the one that is documented.
    method: Option<&'static str>,
    /// In place of the ids that are there.
    ids: Option<String>,
    query: Option<String>,
    headers: Vec<(&'static str, Vec<u8>)>,
    body: Vec<u8>,
}

fn documented() -> Vec<Documented> {
    let contract: Value = serde_json::from_str(include_str!("../src/http/openapi.json")).unwrap();
    let paths = contract["paths"].as_object().unwrap().iter();
    let operations = paths.flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().keys();
        methods
            .filter(|it| *it != "parameters")
            .map(|method| Documented {
                method: method.to_uppercase(),
                path: path.clone(),
            })
    });
    operations.collect()
}

fn request() -> impl Strategy<Value = Request> {
    let method = select(vec![
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW",
    ]);
    // What may stand in a path as it is, and any bytes with a percent sign.
    let id = prop_oneof![
        "[!-~&&[^#\"<>`{}|^\\\\?]]{0,60}",
        any::<Vec<u8>>().prop_map(|bytes| {
            let percent = bytes.iter().map(|it| format!("%{it:02x}"));
            percent.collect()
        }),
        "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    ];
    let headers = (
        select(vec![
            "X-Service-Auth",
            "Idempotency-Key",
            "Content-Type",
            "Accept",
            "User-Agent",
            "Content-Encoding",
            "Expect",
            "Cookie",
            "X-Request-Id",
        ]),
        prop::collection::vec(prop_oneof![Just(9_u8), 32_u8..127, 128_u8..], 0..60),
    );
    (
        select(documented()),
        prop::option::weighted(0.2, method),
        prop::option::weighted(0.3, id),
        prop::option::weighted(0.2, "[!-~&&[^#\"<>`{}|^\\\\]]{0,40}"),
        prop::collection::vec(headers, 0..3),
        body(),
    )
        .prop_map(|(documented, method, ids, query, headers, body)| Request {
            documented,
            method,
            ids,
            query,
            headers,
            body,
        })
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[\\x00-\\x1f\\u{7f}-\\u{9f}a]{1,4}".prop_map(Value::from),
        "[+0-9 ()-]{0,20}".prop_map(Value::from),
        "[a-z]{1,20}\\.ee".prop_map(Value::from),
        "\\{pin\\}[a-z ]{0,20}".prop_map(Value::from),
        select(vec!["sms", "totp", PHONE, "123456"]).prop_map(Value::from),
        (0_usize..2_000).prop_map(|length| Value::from("ä".repeat(length))),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop::collection::vec(inner, 0..4).prop_map(Value::from)
    })
}

/// Objects with the fields that some operation reads, what is no object, and what is no JSON.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let name = prop_oneof![
        8 => select(vec!["name", "fqdn", "template", "phone_number", "id_in_service", "method", "token"])
            .prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    let object = prop::collection::hash_map(name, value(), 0..6)
        .prop_map(|fields| serde_json::to_vec(&fields).unwrap())
        .boxed();
    let right = |name: String| {
        let right = json!({
            "name": name, "fqdn": format!("{name}.ee"), "phone_number": PHONE, "id_in_service": name,
            "method": "sms", "token": "123456",
        });
        right.to_string().into_bytes()
    };
    let all = "[a-z]{1,20}".prop_map(right);
    let right = right("n".to_owned());
    let length = right.len();
    let nearly = (0..length, any::<u8>()).prop_map(move |(place, byte)| {
        let mut body = right.clone();
        body[place] = byte;
        body
    });
    let odd = select(vec![
        "{\"token\":\"\\ud800\"}",
        "{\"token\":1e999}",
        "{\"token\":\"1\",\"token\":2}",
        "\u{feff}{}",
    ]);
    let deep = (1_usize..40_000)
        .prop_map(|depth| [b"{\"token\":".repeat(depth / 9), b"[".repeat(depth)].concat());
    let number =
        (1_usize..40_000).prop_map(|digits| format!("{{\"token\":{}}}", "9".repeat(digits)));
    prop_oneof![
        8 => object,
        2 => all,
        2 => value().prop_map(|it| serde_json::to_vec(&it).unwrap()),
        2 => nearly,
        1 => odd.prop_map(|it| it.as_bytes().to_vec()),
        1 => deep,
        1 => number.prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..200),
    ]
}

/// Runs `test` on so many drawn values, on a thread that may wait for the runtime.
fn each<S: Strategy>(
    cases: u32,
    strategy: &S,
    test: impl AsyncFn(S::Value) -> Result<(), TestCaseError>,
) {
    let mut runner = TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(cases)
    });
    let runtime = Handle::current();
    let run =
        tokio::task::block_in_place(|| runner.run(strategy, |value| runtime.block_on(test(value))));
    run.unwrap_or_else(|error| panic!("{error}\n{runner}"));
}

async fn send(client: &Client, request: &Request, service: &str, user: &str) -> Answer {
    let method = request.method.unwrap_or(&request.documented.method);
    let (service, user) = match &request.ids {
        // What is there is not removed: the rest would meet nothing.
        None if method == "DELETE" && !request.documented.path.ends_with("totp") => ("0", "0"),
        None => (service, user),
        Some(ids) => (ids.as_str(), ids.as_str()),
    };
    let path = request.documented.path.replace("{service_id}", service);
    let mut path = path.replace("{user_id}", user);
    if let Some(query) = &request.query {
        path = format!("{path}?{query}");
    }
    let mut client = client.clone();
    for (name, value) in &request.headers {
        if *name == "X-Service-Auth" {
            client.auth.clear();
        }
        client.headers.push(((*name).to_owned(), value.clone()));
    }
    client.raw(method, &path, request.body.clone()).await
}

async fn any_request_gets_an_answer_below_500(store: TestStore) {
    let served = Served::start(&store.store, sandbox::rules()).await;
    let client = &served.client.clone().without_reuse();
    let service = client.service("shop").await;
    let user = client.user(&service, "jo").await;
    let id = |path: &str| path.rsplit('/').next().unwrap().to_owned();
    let (service, user) = (id(&service), id(&user));
    let met = Mutex::new(BTreeSet::new());
    each(3_000, &request(), async |request| {
        let answer = send(client, &request, &service, &user).await;
        let status = answer.status.as_u16();
        prop_assert!((200..500).contains(&status), "{}", status);
        let method = request.method.unwrap_or(&request.documented.method);
        let is_metrics = request.documented.path == "/metrics" && status == 200;
        if method != "HEAD" && !is_metrics {
            let body = answer.json();
            prop_assert!(body.is_object());
            if !answer.status.is_success() {
                prop_assert!(!body["message"].as_str().unwrap().is_empty());
                prop_assert!(!body["code"].as_str().unwrap().is_empty());
            }
        }
        if answer.status.is_success() && request.ids.is_none() {
            let path = &request.documented.path;
            let operation = Operation::of(&method.parse().unwrap(), path);
            met.lock().unwrap().extend(operation.map(Operation::as_str));
        }
        Ok(())
    });
    // Some got all the way to the store.
    let met = met.into_inner().unwrap();
    for operation in [
        "services.create",
        "services.get",
        "users.get_all",
        "users.get",
        "totp.enrol",
    ] {
        assert!(met.contains(operation), "{operation}: {met:?}");
    }
}

/// PostgreSQL cannot keep it, so none of them does.
async fn nul_is_refused_in_every_field_that_is_kept(store: TestStore) {
    let served = Served::start(&store.store, sandbox::rules()).await;
    let client = &served.client;
    let service = client.service("shop").await;
    let user = client.user(&service, "jo").await;
    let users = format!("{service}/users");
    let new_service = json!({"name": "n", "fqdn": "n.ee", "template": "{pin}"});
    let new_user = json!({"id_in_service": "zoe", "phone_number": PHONE});
    for (path, body) in [
        ("/v1/service/service", new_service),
        (users.as_str(), new_user),
    ] {
        for name in body.as_object().unwrap().keys() {
            for nul in ["\0", "a\0b"] {
                let mut body = body.clone();
                body[name] = json!(format!("{}{nul}", body[name].as_str().unwrap()));
                let answer = client.send("POST", path, body).await;
                assert_eq!(answer.error(), (422, "invalid_body".to_owned()), "{name}");
            }
        }
        assert_eq!(client.send("POST", path, body).await.status, 201);
    }
    // A guess is not kept.
    client.initiate(&user, "sms").await;
    let answer = client.verify(&user, "123\u{0}456").await;
    assert_eq!(answer.json()["status"]["result"], "INVALID");
}

async fn any_credentials_get_401(store: TestStore) {
    let served = Served::start(&store.store, sandbox::rules()).await;
    let bytes = prop::collection::vec(prop_oneof![32_u8..127, 128_u8..], 0..60);
    let auth = (select(vec!["", "test:", "test", ":test"]), bytes);
    each(500, &auth, async |(start, rest)| {
        let auth = [start.as_bytes(), &rest].concat();
        prop_assume!(auth.trim_ascii() != b"test:test");
        let mut client = served.client.clone().with_auth("");
        client.headers.push(("X-Service-Auth".to_owned(), auth));
        let answer = client.get("/v1/service/service/0").await;
        prop_assert_eq!(answer.error(), (401, "wrong_credentials".to_owned()));
        Ok(())
    });
}

stores::on_each_store!(
    any_request_gets_an_answer_below_500,
    nul_is_refused_in_every_field_that_is_kept,
    any_credentials_get_401,
);
