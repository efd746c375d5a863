//! Requests that are not what they should be: always a 4xx with a message, never a 5xx.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod common;

use std::sync::LazyLock;

use common::{Client, PHONE};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use verigator_server::sandbox::Sandbox;

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table")]
async fn bodies_that_are_refused() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = Client::new(&sandbox);
    let service = client.service("shop").await;
    let user = client.user(&service, "jo").await;
    client.initiate(&user, "sms").await;
    let users = format!("{service}/users");
    let (auth, totp) = (format!("{user}/auth"), format!("{user}/totp"));
    let long = "x".repeat(256);
    let domain = |fqdn: Value| json!({"name": "n", "fqdn": fqdn});
    let person = |name: Value, phone: Value| json!({"id_in_service": name, "phone_number": phone});
    let cases = [
        (
            "POST",
            "/v1/service/service",
            json!({"fqdn": "a.ee"}),
            "name is missing",
        ),
        (
            "POST",
            "/v1/service/service",
            json!({"name": "n"}),
            "fqdn is missing",
        ),
        (
            "POST",
            "/v1/service/service",
            json!({"name": 1, "fqdn": "a.ee"}),
            "name must be a string",
        ),
        (
            "POST",
            "/v1/service/service",
            json!({"name": " ", "fqdn": "a.ee"}),
            "name must be 1 to",
        ),
        (
            "POST",
            "/v1/service/service",
            json!({"name": "a\nb", "fqdn": "a.ee"}),
            "name must be 1",
        ),
        (
            "POST",
            "/v1/service/service",
            json!({"name": long[..101], "fqdn": "a.ee"}),
            "name must",
        ),
        (
            "POST",
            "/v1/service/service",
            domain(json!("")),
            "fqdn must be a host name",
        ),
        (
            "POST",
            "/v1/service/service",
            domain(json!("http://a.ee")),
            "fqdn must be a host name",
        ),
        (
            "POST",
            "/v1/service/service",
            domain(json!({})),
            "fqdn must be a string",
        ),
        (
            "POST",
            &users,
            person(json!(null), json!(PHONE)),
            "id_in_service is missing",
        ),
        (
            "POST",
            &users,
            person(json!(""), json!(PHONE)),
            "id_in_service must be 1",
        ),
        (
            "POST",
            &users,
            person(json!(long), json!(PHONE)),
            "id_in_service must be 1",
        ),
        (
            "POST",
            &users,
            person(json!("a\u{0}"), json!(PHONE)),
            "id_in_service must be 1",
        ),
        (
            "POST",
            &users,
            person(json!("zoe"), json!("+123")),
            "phone_number: a phone number",
        ),
        (
            "POST",
            &users,
            person(json!("zoe"), json!(372)),
            "phone_number must be a string",
        ),
        ("POST", &auth, json!({}), "method is missing"),
        (
            "POST",
            &auth,
            json!({"method": "SMS"}),
            "method must be sms or totp",
        ),
        (
            "POST",
            &auth,
            json!({"method": ["sms"]}),
            "method must be a string",
        ),
        ("PUT", &auth, json!({}), "token is missing"),
        (
            "PUT",
            &auth,
            json!({"token": 123_456}),
            "token must be a string",
        ),
        (
            "PUT",
            &auth,
            json!({"token": "  "}),
            "token must be 1 to 64",
        ),
        (
            "PUT",
            &auth,
            json!({"token": long}),
            "token must be 1 to 64",
        ),
        (
            "PUT",
            &auth,
            json!({"token": "1", "method": "mail"}),
            "method must be sms or totp",
        ),
        (
            "PUT",
            &totp,
            json!({"token": true}),
            "token must be a string",
        ),
    ];
    for (method, path, body, message) in cases {
        let answer = client.send(method, path, body.clone()).await;
        assert_eq!(
            answer.error(),
            (422, "invalid_body".to_owned()),
            "{method} {path} {body}"
        );
        let said = answer.json()["message"].as_str().unwrap().to_owned();
        assert!(said.starts_with(message), "{said}");
    }
    for body in [
        &b""[..],
        b"{",
        b"[]",
        b"\"x\"",
        b"{\"token\":\"\xff\"}",
        b"{}{}",
        b"nul",
    ] {
        for (method, path) in [("POST", "/v1/service/service"), ("PUT", auth.as_str())] {
            let answer = client.raw(method, path, body.to_vec()).await;
            assert_eq!(answer.error(), (422, "invalid_body".to_owned()), "{body:?}");
        }
    }
    // None of that was a guess.
    let pin = sandbox.last_pin(PHONE).unwrap();
    assert_eq!(client.verify(&user, &pin).await.json()["verified"], true);
}

/// What is no HTTP gets a status all the same.
#[tokio::test]
async fn heads_that_are_none_get_a_4xx() {
    let sandbox = Sandbox::start().await.unwrap();
    let address = sandbox.url().strip_prefix("http://").unwrap().to_owned();
    let many = "a: b\r\n".repeat(200);
    let long = "x".repeat(70_000);
    let huge = "x".repeat(500_000);
    for head in [
        "\0\0\0\0\r\n\r\n".to_owned(),
        "nonsense\r\n\r\n".to_owned(),
        "GET /healthz HTTP/9.9\r\n\r\n".to_owned(),
        "GET /healthz HTTP/1.1\r\nno colon\r\n\r\n".to_owned(),
        "GET /healthz HTTP/1.1\r\na b: c\r\n\r\n".to_owned(),
        "POST /v1/service/service HTTP/1.1\r\nContent-Length: x\r\n\r\n".to_owned(),
        "POST /v1/service/service HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"
            .to_owned(),
        format!("GET /healthz HTTP/1.1\r\n{many}\r\n"),
        format!("GET /{long} HTTP/1.1\r\n\r\n"),
        format!("GET / HTTP/1.1\r\na: {huge}\r\n\r\n"),
    ] {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        // The server may answer and close before it read all.
        let _ = stream.write_all(head.as_bytes()).await;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        let start = &head[..head.len().min(60)];
        assert!(answer.starts_with(b"HTTP/1.1 4"), "{start}: {answer:?}");
    }
    assert_eq!(Client::new(&sandbox).get("/healthz").await.status, 200);
}

struct Fixture {
    sandbox: Sandbox,
    runtime: tokio::runtime::Runtime,
    paths: Vec<String>,
}

static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let sandbox = Sandbox::start_blocking().unwrap();
    let client = Client::new(&sandbox);
    let paths = runtime.block_on(async {
        let service = client.service("shop").await;
        let user = client.user(&service, "jo").await;
        vec![
            "/v1/service/service".to_owned(),
            format!("{service}/users"),
            user.clone(),
            format!("{user}/auth"),
            format!("{user}/totp"),
        ]
    });
    Fixture {
        sandbox,
        runtime,
        paths,
    }
});

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[+0-9 ()-]{0,20}".prop_map(Value::from),
        Just(json!("sms")),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        proptest::collection::vec(inner, 0..4).prop_map(Value::from)
    })
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let name = prop_oneof![
        Just("name".to_owned()),
        Just("fqdn".to_owned()),
        Just("phone_number".to_owned()),
        Just("id_in_service".to_owned()),
        Just("method".to_owned()),
        Just("token".to_owned()),
        any::<String>(),
    ];
    let object = proptest::collection::hash_map(name, value(), 0..6)
        .prop_map(|fields| serde_json::to_vec(&fields).unwrap());
    prop_oneof![4 => object, 1 => proptest::collection::vec(any::<u8>(), 0..200)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_body_gets_an_answer_below_500_in_json(
        body in body(),
        path in 0_usize..5,
        method in prop::sample::select(vec!["POST", "PUT", "GET", "PATCH"]),
    ) {
        let Fixture { sandbox, runtime, paths } = &*FIXTURE;
        let answer = runtime.block_on(Client::new(sandbox).raw(method, &paths[path], body));
        prop_assert!(answer.status.as_u16() < 500, "{}", answer.status);
        prop_assert!(answer.json().is_object());
        if !answer.status.is_success() {
            prop_assert!(!answer.json()["message"].as_str().unwrap().is_empty());
        }
    }

    #[test]
    fn any_path_gets_an_answer_below_500_in_json(path in "[!-~&&[^#\"<>`{}|^\\\\]]{0,60}") {
        let Fixture { sandbox, runtime, .. } = &*FIXTURE;
        for base in ["", "/v1/service/", "/sandbox/messages?to="] {
            let path = format!("{base}{}{path}", if base.is_empty() { "/" } else { "" });
            let answer = runtime.block_on(Client::new(sandbox).raw("GET", &path, ""));
            prop_assert!(answer.status.as_u16() < 500, "{}", answer.status);
            answer.json();
        }
    }

    #[test]
    fn any_credentials_get_401(auth in "[ -~]{0,40}") {
        prop_assume!(auth.trim() != "test:test");
        let Fixture { sandbox, runtime, paths } = &*FIXTURE;
        let client = Client::new(sandbox).with_auth(&auth);
        let answer = runtime.block_on(client.get(&paths[2]));
        prop_assert_eq!(answer.status.as_u16(), 401);
    }
}
