//! The two servers that are not quite ours answer as they are meant to.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

mod raw_http;

use raw_http::exchange;
use serde_json::Value;
use verigator_server::sandbox::Sandbox;
use verigator_tests::servers;

const JSON: &str = "content-type: application/json\r\naccept: application/json\r\n";

/// Status and body of a request with these header lines.
fn ask(sandbox: &Sandbox, line: &str, headers: &str, body: &str) -> (u16, Value) {
    let answer = exchange(
        sandbox.url(),
        &format!(
            "{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-service-auth: test:test\r\n\
             {headers}content-length: {}\r\n\r\n{body}",
            body.len()
        ),
    );
    assert!(
        !answer.text().contains("verigator-idempotency"),
        "{}",
        answer.text()
    );
    let status = answer.text().split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(answer.body()).unwrap())
}

/// A service with a user: the path of the user.
fn user(sandbox: &Sandbox, created: u16) -> String {
    let body = r#"{"fqdn":"shop.example","name":"Shop"}"#;
    let (status, service) = ask(sandbox, "POST /v1/service/service", JSON, body);
    assert_eq!(status, created);
    let users = format!(
        "/v1/service/service/{}/users",
        service["id"].as_str().unwrap()
    );
    let body = r#"{"phone_number":"+37255555555","id_in_service":"john"}"#;
    let (status, user) = ask(sandbox, &format!("POST {users}"), JSON, body);
    assert_eq!(status, created);
    format!("{users}/{}", user["id"].as_str().unwrap())
}

#[test]
fn the_documents_server_takes_them_at_their_word() {
    let sandbox = servers::documents().start_blocking().unwrap();
    let body = r#"{"fqdn":"a.example","name":"A"}"#;
    for headers in [
        "",
        "accept: application/json\r\n",
        "content-type: application/json\r\n",
    ] {
        let (status, _) = ask(&sandbox, "POST /v1/service/service", headers, body);
        assert_eq!(status, 422, "{headers}");
    }
    let auth = format!("{}/auth", user(&sandbox, 201));
    let java = "user-agent: verigator-java-1.1\r\n";
    let (status, _) = ask(
        &sandbox,
        &format!("POST {auth}"),
        java,
        r#"{"method":"sms"}"#,
    );
    assert_eq!(
        status, 201,
        "whoever asks, and with no header but the credentials"
    );
    let pin = sandbox.last_pin("+37255555555").unwrap();
    let verify = format!("PUT {auth}");
    for body in [
        format!(r#"{{"token":"{pin}"}}"#),
        format!(r#"{{"token":"{pin}","method":null}}"#),
        format!(r#"{{"token":"{pin}","method":"push"}}"#),
        format!(r#"["{pin}","sms"]"#),
    ] {
        let (status, answer) = ask(&sandbox, &verify, JSON, &body);
        assert_eq!(status, 422);
        assert!(answer["message"].is_string());
    }
    let right = format!(r#"{{"token":"{pin}","method":"sms"}}"#);
    assert_eq!(
        ask(&sandbox, &verify, "", &right).0,
        422,
        "without its type"
    );
    let (status, answer) = ask(&sandbox, &verify, JSON, &right);
    assert_eq!((status, &answer["verified"]), (200, &Value::Bool(true)));
}

#[test]
fn the_old_clients_server_is_content_with_little() {
    let sandbox = servers::old_clients().start_blocking().unwrap();
    let auth = format!("{}/auth", user(&sandbox, 200));
    let (status, _) = ask(&sandbox, &format!("POST {auth}"), "", r#"{"method":"sms"}"#);
    assert_eq!(status, 200);
    let pin = sandbox.last_pin("+37255555555").unwrap();
    let (status, answer) = ask(
        &sandbox,
        &format!("PUT {auth}"),
        "",
        &format!(r#"{{"token":"{pin}"}}"#),
    );
    assert_eq!((status, &answer["verified"]), (200, &Value::Bool(true)));
}

#[test]
fn neither_knows_keys() {
    for builder in [servers::documents(), servers::old_clients()] {
        let sandbox = builder.start_blocking().unwrap();
        let headers = format!("{JSON}idempotency-key: 4a0dcd7c-4cb5-4f0e-9d8e-7dd9d6f1c4f3\r\n");
        let body = r#"{"fqdn":"shop.example","name":"Shop"}"#;
        assert!(ask(&sandbox, "POST /v1/service/service", &headers, body).0 < 300);
        assert_eq!(
            ask(&sandbox, "POST /v1/service/service", &headers, body).0,
            409
        );
    }
}
