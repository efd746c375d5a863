//! Requests that are not what they should be: always a 4xx with a message, never a 5xx.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod common;

use std::{
    cell::Cell,
    io::{Read, Write},
};

use common::{Client, PHONE};
use proptest::{prelude::*, test_runner::TestRunner};
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

/// Any bytes at all: no answer, or one below 500.
#[test]
fn any_bytes_get_no_5xx() {
    let sandbox = Sandbox::start_blocking().unwrap();
    let address = sandbox.url().strip_prefix("http://").unwrap().to_owned();
    let line = prop_oneof![
        "(GET|POST|PUT|X) [!-~]{1,40} HTTP/1\\.[019]",
        "[ -~]{0,60}",
        "(Host|Content-Length|Transfer-Encoding|Connection|Expect|Upgrade): [ -~]{0,20}",
    ];
    let lines = proptest::collection::vec(line, 0..6).prop_map(|it| it.join("\r\n").into_bytes());
    let bytes = proptest::collection::vec(any::<u8>(), 0..200);
    let strategy = (prop_oneof![lines, bytes.clone()], bytes);
    let mut runner = TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(1_000)
    });
    let answered = Cell::new(0);
    let run = runner.run(&strategy, |(head, body)| {
        let mut stream = std::net::TcpStream::connect(&address).unwrap();
        let _ = stream.write_all(&[&head[..], b"\r\n\r\n", &body].concat());
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answers = Vec::new();
        let _ = stream.read_to_end(&mut answers);
        let answers = String::from_utf8_lossy(&answers);
        for (place, _) in answers.match_indices("HTTP/1.") {
            let status = answers[place..].split(' ').nth(1).unwrap_or_default();
            prop_assert!(status < "500", "{}", answers);
            answered.set(answered.get() + 1);
        }
        Ok(())
    });
    run.unwrap_or_else(|error| panic!("{error}\n{runner}"));
    assert!(answered.get() > 100, "only {} answers", answered.get());
}
