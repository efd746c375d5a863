//! What is sent, how often and where to.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod common;

use std::time::Duration;

use common::{Answer, Client, PHONE};
use serde_json::json;
use verigator_server::{
    config::Rules,
    engine::pin::Resend,
    sandbox::{self, Sandbox},
};

async fn with(rules: Rules) -> (Sandbox, Client) {
    let sandbox = Sandbox::builder()
        .account("other", "other")
        .rules(rules)
        .start()
        .await
        .unwrap();
    let client = Client::new(&sandbox);
    (sandbox, client)
}

fn retry_after(answer: &Answer) -> u64 {
    let text = answer.headers["retry-after"].to_str().unwrap();
    text.parse().unwrap()
}

/// Starts once the resend delay has passed.
async fn start(sandbox: &Sandbox, client: &Client, user: &str) -> Answer {
    sandbox.advance(Duration::from_secs(30));
    client.initiate(user, "sms").await
}

#[tokio::test]
async fn the_sixth_message_to_a_number_in_an_hour_is_refused() {
    let (sandbox, client) = with(Rules::default()).await;
    let (shop, cafe) = (client.service("shop").await, client.service("cafe").await);
    let jo = client.user(&shop, "jo").await;
    for _ in 0..5 {
        assert_eq!(start(&sandbox, &client, &jo).await.status, 201);
    }
    // The same number in another service of the account.
    let jo_too = client.user(&cafe, "jo").await;
    let keyed = client.with_key("sixth");
    for (client, user) in [(&client, &jo), (&client, &jo_too), (&keyed, &jo_too)] {
        let refused = start(&sandbox, client, user).await;
        assert_eq!(refused.error(), (429, "too_many_messages".to_owned()));
        let wait = retry_after(&refused);
        assert!((3_300..3_480).contains(&wait), "{wait}");
    }
    assert_eq!(sandbox.messages().len(), 5);
    // The fifth PIN is still the right one.
    let pin = sandbox.last_pin(PHONE).unwrap();
    assert_eq!(client.verify(&jo, &pin).await.json()["verified"], true);

    // Another account sends to the same number all the same.
    let other = Client::new(&sandbox).with_auth("other:other");
    let theirs = other.user(&other.service("shop").await, "jo").await;
    assert_eq!(start(&sandbox, &other, &theirs).await.status, 201);

    // An hour after the first there is room for one; and the refusal is not kept under its key.
    sandbox.advance(Duration::from_mins(57));
    assert_eq!(start(&sandbox, &keyed, &jo_too).await.status, 201);
    assert_eq!(
        start(&sandbox, &keyed, &jo_too).await.status,
        201,
        "a replay"
    );
    assert_eq!(sandbox.messages().len(), 7);
}

#[tokio::test]
async fn a_sandbox_has_no_budgets_by_itself() {
    let (sandbox, client) = with(sandbox::rules()).await;
    let user = client.user(&client.service("shop").await, "jo").await;
    for _ in 0..20 {
        assert_eq!(start(&sandbox, &client, &user).await.status, 201);
    }
    let default = Sandbox::start().await.unwrap();
    let client = Client::new(&default);
    let user = client.user(&client.service("shop").await, "jo").await;
    for _ in 0..6 {
        assert_eq!(start(&default, &client, &user).await.status, 201);
    }
}

#[tokio::test]
async fn only_to_the_countries_that_are_allowed() {
    let rules = Rules {
        allow_prefixes: vec!["+372".parse().unwrap(), "+371".parse().unwrap()],
        ..sandbox::rules()
    };
    let (_sandbox, client) = with(rules).await;
    let users = format!("{}/users", client.service("shop").await);
    for (phone, status) in [
        ("+37255555555", 201),
        ("00371 5555 5555", 201),
        ("+37055555555", 422),
    ] {
        let body = json!({"id_in_service": phone, "phone_number": phone});
        let answer = client.send("POST", &users, body).await;
        assert_eq!(answer.status, status, "{phone}");
        if status == 422 {
            assert_eq!(answer.code(), "country_not_allowed");
        }
    }
    let nonsense = json!({"id_in_service": "jo", "phone_number": "x"});
    let answer = client.send("POST", &users, nonsense).await;
    assert_eq!(answer.code(), "invalid_body");
}

#[tokio::test]
async fn the_same_pin_may_be_sent_again() {
    let rules = Rules {
        resend: Resend::Same,
        ..sandbox::rules()
    };
    let (sandbox, client) = with(rules).await;
    let user = client.user(&client.service("shop").await, "jo").await;
    let sent = async || {
        assert_eq!(start(&sandbox, &client, &user).await.status, 201);
        sandbox.messages().pop().unwrap()
    };
    let (first, again) = (sent().await, sent().await);
    assert_eq!((&again.pin, &again.text), (&first.pin, &first.text));
    assert!(again.sent_at > first.sent_at);
    let verified = client.verify(&user, &first.pin).await.json();
    assert_eq!(verified["verified"], true);
    assert_ne!(sent().await.pin, first.pin);
}

#[tokio::test]
async fn a_service_may_have_a_text_of_its_own_and_a_line_for_browsers() {
    let rules = Rules {
        autofill: true,
        template: "{service}: {pin}".parse().unwrap(),
        ..sandbox::rules()
    };
    let (sandbox, client) = with(rules).await;
    let service = async |name: &str, template: serde_json::Value| {
        let fqdn = format!("{name}.EE");
        let body = json!({"name": name, "fqdn": fqdn, "template": template});
        client.send("POST", "/v1/service/service", body).await
    };
    for (name, template, text) in [
        ("shop", json!("Your code: {pin}"), "Your code: PIN"),
        ("cafe", json!(null), "cafe: PIN"),
    ] {
        let made = service(name, template).await;
        assert_eq!(made.json().as_object().unwrap().len(), 3);
        let id = made.json()["id"].as_str().unwrap().to_owned();
        let user = client
            .user(&format!("/v1/service/service/{id}"), "jo")
            .await;
        client.initiate(&user, "sms").await;
        let sent = sandbox.messages().pop().unwrap();
        let expected = format!("{text}\n\n@{name}.ee #PIN").replace("PIN", &sent.pin);
        assert_eq!(sent.text, expected);
    }
    for (template, message) in [
        (
            json!("no place"),
            "template: a message template holds {pin} exactly once",
        ),
        (
            json!("{pin} {x}"),
            "template: a message template holds no braces",
        ),
        (json!(7), "template must be a string"),
    ] {
        let refused = service("bar", template).await;
        assert_eq!(refused.error(), (422, "invalid_body".to_owned()));
        let said = refused.json()["message"].as_str().unwrap().to_owned();
        assert!(said.starts_with(message), "{said}");
    }
}
