//! What the server says of itself: its contract and its counts.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod common;

use std::collections::BTreeSet;

use common::{Client, PHONE, wrong};
use serde_json::Value;
use verigator_server::{http::Operation, sandbox::Sandbox};

#[tokio::test]
async fn the_contract_names_every_operation_where_it_is() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = Client::new(&sandbox).with_auth("");
    let answer = client.get("/openapi.json").await;
    assert_eq!(answer.headers["content-type"], "application/json");
    let document = answer.json();
    let (mut operations, mut names) = (BTreeSet::new(), BTreeSet::new());
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, documented) in item.as_object().unwrap() {
            if method == "parameters" {
                continue;
            }
            let name = documented["operationId"].as_str().unwrap();
            assert!(names.insert(name), "{name} is there twice");
            let method = method.to_uppercase();
            let answer = client.raw(&method, path, "").await;
            match Operation::of(&method.parse().unwrap(), path) {
                Some(operation) => {
                    let expected = match name {
                        "users.get_as_java" => "users.get",
                        other => other,
                    };
                    assert_eq!(operation.as_str(), expected, "{method} {path}");
                    // Who has no account is told so at paths that are some.
                    assert_eq!(answer.status, 401, "{method} {path}");
                    operations.insert(expected.to_owned());
                }
                // What a provider that is not set up would report.
                None if path.starts_with("/delivery/") => {
                    assert_eq!(answer.status, 404, "{method} {path}");
                }
                None => assert_eq!(answer.status, 200, "{method} {path}"),
            }
        }
    }
    let all = Operation::ALL.iter().map(|it| it.as_str().to_owned());
    assert_eq!(operations, all.collect());
    refers_to_what_is_there(&document, &document);
    for (link, to) in document["components"]["links"].as_object().unwrap() {
        let name = to["operationId"].as_str().unwrap();
        assert!(names.contains(name), "{link} leads nowhere");
    }
}

fn refers_to_what_is_there(value: &Value, document: &Value) {
    match value {
        Value::Object(fields) => {
            if let Some(path) = fields.get("$ref").and_then(Value::as_str) {
                let there = document.pointer(path.strip_prefix('#').unwrap());
                assert!(there.is_some(), "{path}");
            }
            fields
                .values()
                .for_each(|it| refers_to_what_is_there(it, document));
        }
        Value::Array(items) => items
            .iter()
            .for_each(|it| refers_to_what_is_there(it, document)),
        _ => {}
    }
}

#[tokio::test]
async fn what_happened_is_counted() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = Client::new(&sandbox);
    let user = client.user(&client.service("shop").await, "jo").await;
    client.initiate(&user, "sms").await;
    client.initiate(&user, "sms").await;
    let pin = sandbox.last_pin(PHONE).unwrap();
    client.verify(&user, &wrong(&pin)).await;
    client.verify(&user, &pin).await;
    client.get("/nothing/at/all").await;
    let metrics = client.with_auth("").get("/metrics").await;
    assert_eq!(
        metrics.headers["content-type"],
        "text/plain; version=0.0.4; charset=utf-8"
    );
    let text = String::from_utf8(metrics.bytes).unwrap();
    for line in [
        "verigator_requests_total{operation=\"auth.initiate\",status=\"201\"} 1",
        "verigator_requests_total{operation=\"auth.initiate\",status=\"409\"} 1",
        "verigator_requests_total{operation=\"auth.verify\",status=\"200\"} 2",
        "verigator_requests_total{operation=\"-\",status=\"404\"} 1",
        "verigator_pins_sent_total 1",
        "verigator_checks_total{method=\"sms\",result=\"INVALID\"} 1",
        "verigator_checks_total{method=\"sms\",result=\"VERIFIED\"} 1",
        "verigator_deliveries_total{provider=\"sandbox\",outcome=\"sent\"} 1",
        "verigator_store_seconds_count{step=\"start_authentication\"} 2",
        "verigator_store_seconds_count{step=\"check\"} 2",
    ] {
        assert!(
            text.lines().any(|it| it == line),
            "{line} is not in\n{text}"
        );
    }
}
