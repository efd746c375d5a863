//! What the program offers to runners in other languages does what its description says.

use std::time::Duration;

use serde_json::{Value, json};
use verigator::{CaBundle, ErrorKind, Idempotency, Method, Outcome, blocking::Api};
use verigator_tests::faults::Services;

#[path = "../raw_http.rs"]
mod raw_http;

const NUMBER: &str = "+37255555555";

/// Status and body, when there is one.
fn ask(line: &str, url: &str, path: &str, body: &Value) -> (u16, Value) {
    let body = if body.is_null() && line != "POST" {
        String::new()
    } else {
        body.to_string()
    };
    let answer = raw_http::exchange(
        url,
        &format!(
            "{line} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ),
    );
    let status = answer.text().split(' ').nth(1).unwrap().parse().unwrap();
    (
        status,
        serde_json::from_str(answer.body()).unwrap_or_default(),
    )
}

/// What stands at an address.
fn get(url: &Value) -> Value {
    let url = url.as_str().unwrap();
    let slash = url.rfind('/').unwrap();
    let (status, body) = ask("GET", &url[..slash], &url[slash..], &Value::Null);
    assert_eq!(status, 200);
    body
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn client(endpoint: &Value) -> verigator::ApiBuilder {
    Api::builder("test", "test")
        .endpoint(text(endpoint))
        .idempotency(Idempotency::Off)
        .max_retries(0)
}

#[test]
fn proxies_are_made_on_demand() {
    let services = Services::start().unwrap();
    let places = services.places();
    let control = text(&places["faults"]["url"]);
    let sandbox = &places["faults"]["sandbox"];
    let api = client(&sandbox["url"]).build_blocking().unwrap();
    let service = api.services.create("shop.example", "Shop").unwrap().id;
    let user = api.users.create(&service, NUMBER, "john").unwrap().id;

    let (status, counting) = ask("POST", control, "/proxies", &Value::Null);
    assert_eq!(status, 201);
    let counted = client(&counting["url"]).build_blocking().unwrap();
    counted.auth.initiate(&service, &user, Method::Sms).unwrap();
    let path = format!("/proxies/{}", counting["id"]);
    let (_, counts) = ask("GET", control, &path, &Value::Null);
    assert_eq!(
        (&counts["connections"], &counts["cuts"]),
        (&json!(1), &json!(0))
    );
    let length = counts["request"].as_u64().unwrap();
    assert!(length > 200 && counts["answer"].as_u64().unwrap() > 100);
    let (status, _) = ask("POST", control, &format!("{path}/hang-up"), &Value::Null);
    assert_eq!(status, 204);
    std::thread::sleep(Duration::from_millis(100));
    counted.auth.initiate(&service, &user, Method::Sms).unwrap();
    let (_, counts) = ask("GET", control, &path, &Value::Null);
    assert_eq!(counts["connections"], 2);

    for (how, direction, after) in [
        ("reset", "request", length - 1),
        ("close", "request", 10),
        ("reset", "answer", 0),
        ("close", "answer", 100),
    ] {
        let cut = json!({"direction": direction, "after": after, "how": how, "times": 1});
        let (status, proxy) = ask("POST", control, "/proxies", &cut);
        assert_eq!(status, 201);
        let cut = client(&proxy["url"]).build_blocking().unwrap();
        let error = cut.auth.initiate(&service, &user, Method::Sms).unwrap_err();
        assert_eq!(error.outcome(), Outcome::Unknown);
        let path = format!("/proxies/{}", proxy["id"]);
        let (_, counts) = ask("GET", control, &path, &Value::Null);
        assert_eq!(
            (&counts["connections"], &counts["cuts"]),
            (&json!(1), &json!(1))
        );
        cut.auth.initiate(&service, &user, Method::Sms).unwrap();
        let (status, _) = ask("DELETE", control, &path, &Value::Null);
        assert_eq!(status, 204);
        let (status, _) = ask("GET", control, &path, &Value::Null);
        assert_eq!(status, 404);
    }
    // Two that were whole at first, four after a cut, and the two whose answers were cut.
    let url = text(&sandbox["url"]);
    let (_, messages) = ask("GET", url, "/sandbox/messages", &Value::Null);
    assert_eq!(messages.as_array().unwrap().len(), 8);

    for wrong in [
        json!({}),
        json!({"direction": "up", "after": 1, "how": "reset"}),
    ] {
        assert_eq!(ask("POST", control, "/proxies", &wrong).0, 422);
    }
}

#[test]
fn tls_is_right_or_wrong_in_one_way() {
    let services = Services::start().unwrap();
    let tls = &services.places()["tls"];
    let bundle = CaBundle::Pem(text(&tls["ca"]).as_bytes().to_vec());
    let trusting = |endpoint| {
        let builder = client(endpoint).ca_bundle(bundle.clone());
        builder.build_blocking().unwrap()
    };
    let missing = trusting(&tls["right"]).services.get("none").unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NoSuchResource);
    for name in ["wrong_name", "expired", "unknown_ca"] {
        let error = trusting(&tls[name]).services.get("none").unwrap_err();
        assert_eq!((error.outcome(), error.attempts()), (Outcome::NotSent, 1));
        let counts = &get(&tls["counts"])[name];
        assert_eq!(
            *counts,
            json!({"connections": 1, "handshakes": 0}),
            "{name}"
        );
    }
    let right = &get(&tls["counts"])["right"];
    assert_eq!(*right, json!({"connections": 1, "handshakes": 1}));
}

#[test]
fn the_redirecting_server_counts_who_follows() {
    let services = Services::start().unwrap();
    let redirecting = &services.places()["redirecting"];
    let api = client(&redirecting["url"]).build_blocking().unwrap();
    let error = api.auth.verify("s-1", "u-1", "123456").unwrap_err();
    assert_eq!((error.code(), error.attempts()), (307, 1));
    let counts = get(&redirecting["counts"]);
    assert_eq!(counts, json!({"requests": 1, "elsewhere": 0}));
}
