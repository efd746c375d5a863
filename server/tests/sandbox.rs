//! The sandbox as a test uses it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod common;

use std::{
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use axum::{Router, http::StatusCode, routing::get};
use common::{Client, PHONE, wrong};
use serde_json::json;
use verigator::Method;
use verigator_server::{
    app::AppError,
    config::{Limits, Rules, RulesError},
    sandbox::{DropPoint, Fault, Sandbox, SandboxError},
};

async fn with_user() -> (Sandbox, Client, String) {
    let sandbox = Sandbox::start().await.unwrap();
    let client = Client::new(&sandbox);
    let user = client.user(&client.service("shop").await, "jo").await;
    (sandbox, client, user)
}

#[tokio::test]
async fn it_says_where_it_is_and_what_was_sent() {
    let (sandbox, client, user) = with_user().await;
    assert!(sandbox.url().starts_with("http://127.0.0.1:"));
    assert_eq!((sandbox.username(), sandbox.password()), ("test", "test"));
    assert_eq!(sandbox.last_pin(PHONE), None);
    client.initiate(&user, "sms").await;
    sandbox.advance(Duration::from_secs(30));
    client.initiate(&user, "sms").await;
    let [first, second] = &sandbox.messages()[..] else {
        panic!("not two messages");
    };
    assert_eq!(first.to, PHONE);
    assert!(first.text.contains(&first.pin));
    assert!(second.sent_at.duration_since(first.sent_at).as_secs() >= 30);
    assert_eq!(sandbox.last_pin("00372 (5555) 5555").unwrap(), second.pin);
    assert_eq!(sandbox.last_pin("+3721111111"), None);
    assert_eq!(sandbox.last_pin("nobody"), None);

    // The same for tests in another process, without credentials.
    let client = client.with_auth("");
    let all = client.get("/sandbox/messages").await;
    assert_eq!(
        all.json(),
        serde_json::to_value(sandbox.messages()).unwrap()
    );
    for to in ["%2B37255555555", "+37255555555", "00372%205555%205555"] {
        let some = client.get(&format!("/sandbox/messages?to={to}")).await;
        assert_eq!(some.json(), all.json(), "{to}");
    }
    let none = client.get("/sandbox/messages?to=%2B3721111111").await;
    assert_eq!(none.json(), json!([]));
    assert_eq!(client.get("/sandbox/messages?to=x").await.status, 422);
    assert_eq!(
        client.raw("DELETE", "/sandbox/messages", "").await.status,
        405
    );
}

#[tokio::test]
async fn the_client_reaches_it() {
    let sandbox = Sandbox::start().await.unwrap();
    let api = sandbox.api().unwrap();
    let service = api.services.create("shop.ee", "Shop").await.unwrap();
    assert_eq!(api.services.get(&service.id).await.unwrap(), service);
    let user = api.users.create(&service.id, PHONE, "jo").await.unwrap();
    let all = api.users.get_all(&service.id).await.unwrap();
    assert_eq!(all, std::slice::from_ref(&user));
    assert_eq!(api.users.get(&service.id, &user.id).await.unwrap(), user);

    let auth = &api.auth;
    let method = auth.initiate(&service.id, &user.id, Method::Totp).await;
    assert_eq!(method.unwrap(), Method::Sms);
    let pin = sandbox.last_pin(PHONE).unwrap();
    let wrong = auth
        .verify_detailed(&service.id, &user.id, &wrong(&pin))
        .await;
    assert!(wrong.unwrap().status.unwrap().invalid);
    assert!(auth.verify(&service.id, &user.id, &pin).await.unwrap());

    let enrolled = api.totp.enrol(&service.id, &user.id).await.unwrap();
    let code = sandbox.totp_code(&enrolled.secret).unwrap();
    assert!(
        api.totp
            .confirm(&service.id, &user.id, &code)
            .await
            .unwrap()
    );
    let method = auth.initiate(&service.id, &user.id, Method::Totp).await;
    assert_eq!(method.unwrap(), Method::Totp);
    sandbox.advance(Duration::from_secs(30));
    let code = sandbox.totp_code(&enrolled.secret).unwrap();
    assert!(auth.verify(&service.id, &user.id, &code).await.unwrap());
    api.totp.remove(&service.id, &user.id).await.unwrap();

    api.users.delete(&service.id, &user.id).await.unwrap();
    api.services.delete(&service.id).await.unwrap();
    let gone = api.services.get(&service.id).await.unwrap_err();
    assert_eq!(gone.error_code(), "service_not_found");
}

#[tokio::test]
async fn the_client_repeats_what_is_lost_and_one_message_is_sent() {
    let sandbox = Sandbox::start().await.unwrap();
    let api = sandbox.api().unwrap();
    let service = api.services.create("shop.ee", "Shop").await.unwrap();
    let user = api.users.create(&service.id, PHONE, "jo").await.unwrap();
    sandbox
        .fail_next(Fault::drop(DropPoint::BeforeAnswer).on("auth.initiate"))
        .unwrap();
    let method = api.auth.initiate(&service.id, &user.id, Method::Sms).await;
    assert_eq!(method.unwrap(), Method::Sms);
    assert_eq!(sandbox.messages().len(), 1);
    let impatient = sandbox.api_builder().max_retries(0).build().unwrap();
    sandbox.fail_next(Fault::status(503)).unwrap();
    let failed = impatient.services.get(&service.id).await.unwrap_err();
    assert_eq!((failed.code(), failed.attempts()), (503, 1));
}

#[test]
fn the_blocking_client_reaches_it() {
    let sandbox = Sandbox::start_blocking().unwrap();
    let api = sandbox.blocking_api().unwrap();
    let service = api.services.create("shop.ee", "Shop").unwrap();
    let user = api.users.create(&service.id, PHONE, "jo").unwrap();
    api.auth
        .initiate(&service.id, &user.id, Method::Sms)
        .unwrap();
    let pin = sandbox.last_pin(PHONE).unwrap();
    assert!(api.auth.verify(&service.id, &user.id, &pin).unwrap());
}

#[tokio::test]
async fn waiting_for_a_message() {
    let (sandbox, client, user) = with_user().await;
    let brief = Duration::from_millis(50);
    assert_eq!(sandbox.wait_for_message(PHONE, brief).await, None);
    assert_eq!(
        sandbox.wait_for_message("x", Duration::from_mins(1)).await,
        None
    );
    sandbox
        .fail_next(Fault::delay(Duration::from_millis(200)))
        .unwrap();
    let (waited, _) = tokio::join!(
        sandbox.wait_for_message(PHONE, Duration::from_secs(10)),
        client.initiate(&user, "sms"),
    );
    let waited = waited.unwrap();
    assert_eq!(
        sandbox.wait_for_message(PHONE, Duration::ZERO).await,
        Some(waited.clone())
    );
    assert_eq!(
        sandbox.wait_for_message_blocking(PHONE, Duration::ZERO),
        Some(waited)
    );
}

#[test]
fn it_works_without_a_runtime() {
    let sandbox = Sandbox::start_blocking().unwrap();
    let brief = Duration::from_millis(50);
    let begun = Instant::now();
    assert_eq!(sandbox.wait_for_message_blocking(PHONE, brief), None);
    assert!(begun.elapsed() >= brief);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            sandbox
                .wait_for_message_blocking(PHONE, Duration::from_secs(10))
                .unwrap()
        });
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let client = Client::new(&sandbox);
            let user = client.user(&client.service("shop").await, "jo").await;
            client.initiate(&user, "sms").await;
        });
        assert_eq!(Some(waiting.join().unwrap().pin), sandbox.last_pin(PHONE));
    });
}

#[tokio::test]
async fn stopping_twice_is_stopping_once_and_what_was_sent_stays() {
    let (sandbox, client, user) = with_user().await;
    client.initiate(&user, "sms").await;
    drop(client);
    let begun = Instant::now();
    sandbox.stop();
    sandbox.stop();
    assert!(
        begun.elapsed() < Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(sandbox.messages().len(), 1);
    assert!(
        sandbox
            .wait_for_message(PHONE, Duration::from_secs(1))
            .await
            .is_some()
    );
    assert!(
        sandbox
            .wait_for_message("+3721111111", Duration::from_secs(1))
            .await
            .is_none()
    );
    let address: SocketAddr = sandbox
        .url()
        .strip_prefix("http://")
        .unwrap()
        .parse()
        .unwrap();
    let heir = Sandbox::builder().listen(address).start().await.unwrap();
    assert_eq!(heir.url(), sandbox.url(), "the port is free again");
}

#[tokio::test]
async fn what_cannot_start_says_why() {
    let sandbox = Sandbox::start().await.unwrap();
    let address: SocketAddr = sandbox
        .url()
        .strip_prefix("http://")
        .unwrap()
        .parse()
        .unwrap();
    let error = Sandbox::builder()
        .listen(address)
        .start()
        .await
        .unwrap_err();
    assert!(matches!(error, SandboxError::Listen { .. }));
    assert!(
        error
            .to_string()
            .starts_with(&format!("cannot listen on {address}: ")),
        "{error}"
    );

    let rules = Rules {
        tries: 0,
        ..Rules::default()
    };
    let error = Sandbox::builder()
        .rules(rules)
        .start_blocking()
        .unwrap_err();
    let tries = AppError::Rules(RulesError::Tries);
    assert_eq!(error.to_string(), tries.to_string());
    let limits = Limits {
        connections: 0,
        ..Limits::default()
    };
    let error = Sandbox::builder().limits(limits).start().await.unwrap_err();
    assert!(matches!(error, SandboxError::Settings(AppError::Limits(_))));
    for (username, password) in [("a:b", "c"), ("a", ""), ("test", "x")] {
        let error = Sandbox::builder()
            .account(username, password)
            .start_blocking()
            .unwrap_err();
        assert!(matches!(error, SandboxError::Account(_)));
    }
    assert!(matches!(
        sandbox.totp_code("no secret"),
        Err(SandboxError::Secret(_))
    ));
}

#[tokio::test]
async fn a_fault_answers_a_status_without_acting() {
    let (sandbox, client, user) = with_user().await;
    sandbox
        .fail_next(Fault::status(503).times(2).on("auth.initiate"))
        .unwrap();
    assert_eq!(client.get(&user).await.status, 200, "another operation");
    for _ in 0..2 {
        let answer = client.initiate(&user, "sms").await;
        assert_eq!(answer.error(), (503, "sandbox_fault".to_owned()));
        assert!(answer.headers.contains_key("x-request-id"));
    }
    assert!(sandbox.messages().is_empty());
    assert_eq!(client.initiate(&user, "sms").await.status, 201);
    // The outbox itself meets no faults.
    sandbox.fail_next(Fault::status(500)).unwrap();
    assert_eq!(client.get("/sandbox/messages").await.status, StatusCode::OK);
    assert_eq!(client.get(&user).await.status, 500);
}

#[tokio::test]
async fn a_fault_closes_the_connection_before_or_after_acting() {
    let (sandbox, client, user) = with_user().await;
    let path = format!("{user}/auth");
    let body = "{\"method\":\"sms\"}";
    sandbox
        .fail_next(Fault::drop(DropPoint::AfterRequest))
        .unwrap();
    assert!(client.try_raw("POST", &path, body).await.is_err());
    assert!(sandbox.messages().is_empty(), "it did not act");
    sandbox
        .fail_next(Fault::drop(DropPoint::BeforeAnswer))
        .unwrap();
    assert!(client.try_raw("POST", &path, body).await.is_err());
    assert_eq!(sandbox.messages().len(), 1, "it acted");
    assert_eq!(client.get(&user).await.status, 200);
}

#[tokio::test]
async fn a_fault_delays_and_combines() {
    let (sandbox, client, user) = with_user().await;
    let delay = Duration::from_millis(200);
    let begun = Instant::now();
    sandbox.fail_next(Fault::delay(delay)).unwrap();
    assert_eq!(client.get(&user).await.status, 200);
    assert!(begun.elapsed() >= delay);
    let begun = Instant::now();
    sandbox
        .fail_next(Fault {
            delay: Some(delay),
            ..Fault::status(429)
        })
        .unwrap();
    assert_eq!(client.get(&user).await.status, 429);
    assert!(begun.elapsed() >= delay);
}

#[tokio::test]
async fn a_test_may_wrap_the_router() {
    let wrap = |router: Router| router.route("/teapot", get(async || StatusCode::IM_A_TEAPOT));
    let sandbox = Sandbox::builder().wrap(wrap).start().await.unwrap();
    let client = Client::new(&sandbox);
    assert_eq!(client.get("/teapot").await.status, 418);
    client.service("shop").await;
}
