//! The wire contract, answer by answer.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod common;

use std::time::Duration;

use common::{Client, PHONE, wrong};
use serde_json::{Value, json};
use verigator_server::sandbox::Sandbox;

async fn setup() -> (Sandbox, Client) {
    let sandbox = Sandbox::builder()
        .account("other", "a:b")
        .start()
        .await
        .unwrap();
    let client = Client::new(&sandbox);
    (sandbox, client)
}

fn is_ctime(value: &Value) -> bool {
    let text = value.as_str().unwrap();
    let shape: String = text
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    shape == "0000-00-00T00:00:00.000000"
}

#[tokio::test]
async fn services() {
    let (_sandbox, client) = setup().await;
    let body = json!({"fqdn": "Shop.ee", "name": "Shop", "unknown": [1]});
    let made = client
        .send("POST", "/v1/service/service", body.clone())
        .await;
    assert_eq!(made.status, 201);
    assert_eq!(made.headers["content-type"], "application/json");
    let made = made.json();
    assert_eq!(made.as_object().unwrap().len(), 3);
    assert_eq!(made["name"], "Shop");
    assert!(is_ctime(&made["ctime"]), "{}", made["ctime"]);

    let path = format!("/v1/service/service/{}", made["id"].as_str().unwrap());
    let got = client.get(&path).await;
    assert_eq!((got.status.as_u16(), got.json()), (200, made));

    for body in [
        body,
        json!({"fqdn": "shop.ee", "name": "Another"}),
        json!({"fqdn": "another.ee", "name": "Shop"}),
    ] {
        let again = client.send("POST", "/v1/service/service", body).await;
        assert_eq!(again.error(), (409, "service_already_exists".to_owned()));
    }

    let gone = client.send("DELETE", &path, json!(null)).await;
    assert_eq!((gone.status.as_u16(), gone.json()), (202, json!({})));
    for method in ["GET", "DELETE"] {
        let none = client.send(method, &path, json!(null)).await;
        assert_eq!(none.error(), (404, "service_not_found".to_owned()));
    }
}

#[tokio::test]
async fn users() {
    let (_sandbox, client) = setup().await;
    let service = client.service("shop").await;
    let empty = client.get(&format!("{service}/users")).await;
    assert_eq!(empty.json(), json!({"users": [], "total": 0, "count": 0}));

    let body =
        json!({"phone_number": "00372 5555 5555", "id_in_service": "john.doe@verigator.com"});
    let made = client
        .send("POST", &format!("{service}/users"), body.clone())
        .await;
    assert_eq!(made.status, 201);
    let made = made.json();
    assert_eq!(
        made.as_object().unwrap().len(),
        3,
        "the phone number is never returned"
    );
    assert_eq!(made["id_in_service"], "john.doe@verigator.com");
    assert!(is_ctime(&made["ctime"]));

    let again = client.send("POST", &format!("{service}/users"), body).await;
    assert_eq!(again.error(), (409, "user_already_exists".to_owned()));

    let id = made["id"].as_str().unwrap();
    for path in [
        format!("{service}/users/{id}"),
        format!("{service}/user/{id}"),
    ] {
        assert_eq!(client.get(&path).await.json(), made);
    }
    let all = client.get(&format!("{service}/users")).await;
    assert_eq!(all.status, 200);
    assert_eq!(all.json(), json!({"users": [made], "total": 1, "count": 1}));

    let path = format!("{service}/users/{id}");
    let gone = client.send("DELETE", &path, json!(null)).await;
    assert_eq!((gone.status.as_u16(), gone.json()), (202, json!({})));
    assert_eq!(
        client.get(&path).await.error(),
        (404, "user_not_found".to_owned())
    );
    assert_eq!(
        client.initiate(&path, "sms").await.error(),
        (404, "user_not_found".to_owned())
    );
    assert_eq!(
        client.verify(&path, "1").await.error(),
        (404, "user_not_found".to_owned())
    );
}

#[tokio::test]
async fn an_authentication_by_sms() {
    let (sandbox, client) = setup().await;
    let user = client.user(&client.service("shop").await, "jo").await;
    let early = client.verify(&user, "123456").await;
    assert_eq!(early.error(), (404, "authentication_not_found".to_owned()));

    let started = client.initiate(&user, "totp").await;
    assert_eq!(
        (started.status.as_u16(), started.json()),
        (201, json!({"method": "sms"}))
    );
    let pin = sandbox.last_pin(PHONE).unwrap();
    assert_eq!(
        sandbox.messages()[0].text,
        format!("{pin} is your shop verification code")
    );

    let invalid = client.verify(&user, &wrong(&pin)).await;
    assert_eq!(invalid.status, 200);
    assert_eq!(
        String::from_utf8(invalid.bytes).unwrap(),
        "{\"method\":\"sms\",\"verified\":false,\"status\":{\"throttled\":false,\
         \"expired\":false,\"invalid\":true,\"result\":\"INVALID\"}}"
    );
    let spaced = format!(" {} {} ", &pin[..3], &pin[3..]);
    let body = json!({"token": spaced, "method": "totp", "auth_id": 7});
    let right = client.send("PUT", &format!("{user}/auth"), body).await;
    assert_eq!(right.status, 200);
    assert_eq!(
        String::from_utf8(right.bytes).unwrap(),
        "{\"method\":\"sms\",\"verified\":true}"
    );
    let spent = client.verify(&user, &pin).await;
    assert_eq!(spent.error(), (404, "authentication_not_found".to_owned()));
}

#[tokio::test]
async fn wrong_expired_and_throttled_look_alike_but_for_the_status() {
    let (sandbox, client) = setup().await;
    let user = client.user(&client.service("shop").await, "jo").await;
    let status = |result: &str| {
        json!({"method": "sms", "verified": false, "status": {
            "throttled": result == "THROTTLED", "expired": result == "EXPIRED",
            "invalid": result == "INVALID", "result": result,
        }})
    };
    client.initiate(&user, "sms").await;
    sandbox.advance(Duration::from_mins(10));
    let pin = sandbox.last_pin(PHONE).unwrap();
    assert_eq!(client.verify(&user, &pin).await.json(), status("EXPIRED"));

    client.initiate(&user, "sms").await;
    let pin = sandbox.last_pin(PHONE).unwrap();
    for _ in 0..5 {
        assert_eq!(
            client.verify(&user, &wrong(&pin)).await.json(),
            status("INVALID")
        );
    }
    for guess in [wrong(&pin), pin] {
        let answer = client.verify(&user, &guess).await;
        assert_eq!(
            (answer.status.as_u16(), answer.json()),
            (200, status("THROTTLED"))
        );
    }
}

#[tokio::test]
async fn a_resend_waits_and_a_locked_user_is_told() {
    let (sandbox, client) = setup().await;
    let user = client.user(&client.service("shop").await, "jo").await;
    assert_eq!(client.initiate(&user, "sms").await.status, 201);
    let early = client.initiate(&user, "sms").await;
    assert_eq!(early.error(), (409, "resend_too_soon".to_owned()));
    let wait: u64 = early.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((25..=30).contains(&wait), "{wait}");
    assert_eq!(sandbox.messages().len(), 1);
    for _ in 0..20 {
        for _ in 0..5 {
            client.verify(&user, "wrong").await;
        }
        sandbox.advance(Duration::from_secs(wait));
        client.initiate(&user, "sms").await;
    }
    let locked = client.initiate(&user, "sms").await;
    assert_eq!(locked.error(), (429, "user_locked".to_owned()));
    assert_eq!(locked.headers["retry-after"], "3600");
}

#[tokio::test]
async fn an_authenticator() {
    let (sandbox, client) = setup().await;
    let user = client
        .user(&client.service("shop").await, "jo@shop.ee")
        .await;
    let totp = format!("{user}/totp");
    let none = (404, "totp_not_enrolled".to_owned());
    assert_eq!(
        client
            .send("PUT", &totp, json!({"token": "1"}))
            .await
            .error(),
        none
    );
    assert_eq!(
        client.send("DELETE", &totp, json!(null)).await.error(),
        none
    );

    let enrolled = client.raw("POST", &totp, "").await;
    assert_eq!(enrolled.status, 201);
    let enrolled = enrolled.json();
    let secret = enrolled["secret"].as_str().unwrap();
    let uri = enrolled["uri"].as_str().unwrap();
    let expected = format!("otpauth://totp/shop:jo@shop.ee?secret={secret}&issuer=shop");
    assert!(uri.starts_with(&expected), "{uri}");
    assert!(
        enrolled["qr"]
            .as_str()
            .unwrap()
            .starts_with("data:image/svg+xml;base64,")
    );

    // Enrolling again replaces what was not confirmed.
    let second = client.raw("POST", &totp, "").await.json();
    let secret = second["secret"].as_str().unwrap();
    let wrong_code = client.send("PUT", &totp, json!({"token": "12"})).await;
    assert_eq!(
        (wrong_code.status.as_u16(), wrong_code.json()),
        (200, json!({"confirmed": false}))
    );
    let code = sandbox.totp_code(secret).unwrap();
    let confirmed = client.send("PUT", &totp, json!({ "token": code })).await;
    assert_eq!(
        (confirmed.status.as_u16(), confirmed.json()),
        (200, json!({"confirmed": true}))
    );
    let in_use = (409, "totp_already_enrolled".to_owned());
    assert_eq!(client.raw("POST", &totp, "").await.error(), in_use);
    assert_eq!(
        client
            .send("PUT", &totp, json!({"token": "1"}))
            .await
            .error(),
        in_use
    );

    assert_eq!(
        client.initiate(&user, "totp").await.json(),
        json!({"method": "totp"})
    );
    assert!(sandbox.messages().is_empty());
    assert_eq!(
        client.verify(&user, &code).await.json()["status"]["result"],
        "INVALID"
    );
    sandbox.advance(Duration::from_secs(30));
    let code = sandbox.totp_code(secret).unwrap();
    let verified = client.verify(&user, &code).await;
    assert_eq!(verified.json(), json!({"method": "totp", "verified": true}));

    let removed = client.send("DELETE", &totp, json!(null)).await;
    assert_eq!((removed.status.as_u16(), removed.json()), (202, json!({})));
    assert_eq!(
        client.initiate(&user, "totp").await.json(),
        json!({"method": "sms"})
    );
}
