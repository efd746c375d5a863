//! The wire contract around the operations: who may, which path is whose, what every answer carries.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod common;

use common::{Client, PHONE};
use serde_json::json;
use verigator_server::sandbox::Sandbox;

const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

async fn setup() -> (Sandbox, Client) {
    let sandbox = Sandbox::builder()
        .account("other", "a:b")
        .start()
        .await
        .unwrap();
    let client = Client::new(&sandbox);
    (sandbox, client)
}

#[tokio::test]
async fn credentials() {
    let (sandbox, _) = setup().await;
    for auth in [
        "",
        "test",
        "test:",
        ":test",
        "test:wrong",
        "nobody:test",
        "TEST:test",
        ":",
    ] {
        let client = Client::new(&sandbox).with_auth(auth);
        for path in [
            "/v1/service/service",
            &format!("/v1/service/service/{NOBODY}/users"),
        ] {
            let answer = client.send("POST", path, json!({})).await;
            assert_eq!(
                answer.error(),
                (401, "wrong_credentials".to_owned()),
                "{auth} {path}"
            );
            assert!(!answer.headers.contains_key("www-authenticate"));
        }
    }
    // The password may hold colons.
    let other = Client::new(&sandbox).with_auth("other:a:b");
    other.service("shop").await;
}

#[tokio::test]
async fn one_account_never_sees_anothers() {
    let (sandbox, client) = setup().await;
    let service = client.service("shop").await;
    let user = client.user(&service, "jo").await;
    client.initiate(&user, "sms").await;
    let pin = sandbox.last_pin(PHONE).unwrap();
    let other = Client::new(&sandbox).with_auth("other:a:b");
    let single = |path: &str| path.replacen("/service/service/", "/service/", 1);
    let person = json!({"id_in_service": "zoe", "phone_number": PHONE});
    for (method, path, body) in [
        ("GET", service.clone(), json!(null)),
        ("DELETE", service.clone(), json!(null)),
        ("GET", format!("{service}/users"), json!(null)),
        ("POST", format!("{service}/users"), person),
        ("GET", user.clone(), json!(null)),
        ("GET", user.replace("/users/", "/user/"), json!(null)),
        ("GET", format!("{service}/users/{NOBODY}"), json!(null)),
        ("GET", format!("{service}/users/x"), json!(null)),
        ("DELETE", user.clone(), json!(null)),
        ("POST", format!("{user}/auth"), json!({"method": "sms"})),
        ("PUT", format!("{user}/auth"), json!({ "token": pin })),
        ("POST", format!("{user}/totp"), json!(null)),
        ("PUT", format!("{user}/totp"), json!({"token": "1"})),
        ("DELETE", format!("{user}/totp"), json!(null)),
    ] {
        for path in [single(&path), path] {
            let answer = other.send(method, &path, body.clone()).await;
            let forbidden = (403, "service_forbidden".to_owned());
            assert_eq!(answer.error(), forbidden, "{method} {path}");
        }
    }
    assert_eq!(
        client.verify(&user, &pin).await.json()["verified"],
        true,
        "nothing was touched"
    );
    // A user of one's own service is not reached through another's, nor the other way round.
    let mine = other.service("mine").await;
    let stolen = format!("{mine}/users/{}", user.rsplit('/').next().unwrap());
    assert_eq!(
        other.get(&stolen).await.error(),
        (404, "user_not_found".to_owned())
    );
}

#[tokio::test]
async fn the_alias_with_a_single_service_is_the_same() {
    let (sandbox, client) = setup().await;
    let user = client.user(&client.service("shop").await, "jo").await;
    let alias = user.replacen("/service/service/", "/service/", 1);
    assert_eq!(
        client.get(&alias).await.json(),
        client.get(&user).await.json()
    );
    assert_eq!(client.initiate(&alias, "sms").await.status, 201);
    let pin = sandbox.last_pin(PHONE).unwrap();
    assert_eq!(client.verify(&alias, &pin).await.json()["verified"], true);
    // The doubled word is the collection, not an id.
    assert_eq!(client.get("/v1/service/service").await.status, 405);
}

#[tokio::test]
async fn ids_that_are_no_uuids_are_not_found() {
    let (_sandbox, client) = setup().await;
    let service = client.service("shop").await;
    let id = service.rsplit('/').next().unwrap();
    for odd in [
        "x",
        "%20",
        "a%2Fb",
        "%2e%2e",
        "%FF",
        "%",
        "%00",
        "1234",
        "users",
        &id.replace('-', ""),
        &format!("%7B{id}%7D"),
        &format!("urn:uuid:{id}"),
        &"9".repeat(5_000),
    ] {
        for tail in ["", "/users", "/users/x", "/users/x/auth", "/users/x/totp"] {
            for base in ["/v1/service/service", "/v1/service"] {
                let path = format!("{base}/{odd}{tail}");
                let method = match tail {
                    "/users/x/auth" | "/users/x/totp" => "PUT",
                    _ => "GET",
                };
                let answer = client.send(method, &path, json!({"token": "1"})).await;
                let not_found = (404, "service_not_found".to_owned());
                assert_eq!(answer.error(), not_found, "{method} {path}");
            }
        }
        let user = format!("{service}/users/{odd}");
        let not_found = (404, "user_not_found".to_owned());
        assert_eq!(client.get(&user).await.error(), not_found, "{user}");
        assert_eq!(
            client.initiate(&user, "sms").await.error(),
            not_found,
            "{user}"
        );
    }
    // An id is one segment also when it is escaped more than it needs.
    let escaped = id.replace('-', "%2D");
    assert_eq!(
        client
            .get(&format!("/v1/service/service/{escaped}"))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn what_the_old_java_client_needs() {
    let (_sandbox, client) = setup().await;
    let java = client.with_header("User-Agent", "verigator-java-1.1");
    let body = json!({"fqdn": "shop.ee", "name": "Shop"});
    let service = java.send("POST", "/v1/service/service", body).await;
    assert_eq!(service.status, 200);
    let service = format!(
        "/v1/service/service/{}",
        service.json()["id"].as_str().unwrap()
    );
    let body = json!({"id_in_service": "jo", "phone_number": PHONE});
    let user = java.send("POST", &format!("{service}/users"), body).await;
    assert_eq!(user.status, 200);
    let user = format!("{service}/users/{}", user.json()["id"].as_str().unwrap());
    assert_eq!(java.initiate(&user, "sms").await.status, 200);
    assert_eq!(java.send("DELETE", &user, json!(null)).await.status, 202);
}

#[tokio::test]
async fn paths_and_methods_that_are_none() {
    let (_sandbox, client) = setup().await;
    let client = client.with_auth("");
    for path in [
        "/v1",
        "/v2/service/service",
        "/v1/service",
        "/healthz/x",
        "/v1/service/a/b",
    ] {
        assert_eq!(
            client.get(path).await.error(),
            (404, "not_found".to_owned()),
            "{path}"
        );
    }
    for (method, path) in [
        ("PATCH", "/v1/service/service"),
        ("PUT", "/v1/service/service/x"),
        ("OPTIONS", "/v1/service/service/x/users"),
        ("DELETE", "/v1/service/service/x/users/y/auth"),
        ("POST", "/v1/service/service/x/user/y"),
        ("POST", "/healthz"),
        ("TRACE", "/readyz"),
        ("NONSENSE", "/readyz"),
    ] {
        let answer = client.raw(method, path, "").await;
        assert_eq!(
            answer.error(),
            (405, "method_not_allowed".to_owned()),
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn health_needs_no_account() {
    let (_sandbox, client) = setup().await;
    let client = client.with_auth("");
    for path in ["/healthz", "/readyz"] {
        assert_eq!(client.get(path).await.status, 200);
    }
}

#[tokio::test]
async fn every_answer_carries_an_id_and_says_that_keys_are_honoured() {
    let (_sandbox, client) = setup().await;
    let mut ids = Vec::new();
    for (method, path) in [
        ("GET", "/healthz"),
        ("GET", "/nothing"),
        ("PATCH", "/v1/service/service"),
        ("POST", "/v1/service/service"),
        ("GET", "/v1/service/service/x"),
    ] {
        let answer = client.raw(method, path, "").await;
        assert_eq!(
            answer.headers["verigator-idempotency"], "honoured",
            "{path}"
        );
        assert_eq!(answer.headers["content-type"], "application/json", "{path}");
        let id = answer.headers["x-request-id"].to_str().unwrap().to_owned();
        assert!(uuid::Uuid::parse_str(&id).is_ok());
        assert!(!ids.contains(&id));
        ids.push(id);
    }
    let denied = client.with_auth("no").get("/v1/service/service/x").await;
    assert_eq!(denied.headers["verigator-idempotency"], "honoured");
}
