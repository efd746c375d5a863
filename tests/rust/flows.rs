//! Whole logins from end to end: the real client against the real server, and against the two that
//! are not quite ours.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use std::time::Duration;

use verigator::{Api, ErrorKind, Method, Outcome, Service, User, blocking};
use verigator_server::sandbox::{DropPoint, Fault, Sandbox};
use verigator_tests::servers;

const NUMBER: &str = "+37255555555";
/// Longer than the rules let anybody wait.
const SOON: Duration = Duration::from_secs(5);

/// The servers every client must get along with.
async fn servers() -> [(&'static str, Sandbox); 3] {
    [
        ("sandbox", Sandbox::start().await.unwrap()),
        ("documents", servers::documents().start().await.unwrap()),
        ("old clients", servers::old_clients().start().await.unwrap()),
    ]
}

fn api(sandbox: &Sandbox) -> Api {
    Api::builder(sandbox.username(), sandbox.password())
        .endpoint(sandbox.url())
        .build()
        .unwrap()
}

async fn service_and_user(api: &Api) -> (Service, User) {
    let service = api.services.create("shop.example", "Shop").await.unwrap();
    let user = api
        .users
        .create(&service.id, NUMBER, "john.doe")
        .await
        .unwrap();
    (service, user)
}

/// The PIN that arrives, and one that it is not.
async fn pins(sandbox: &Sandbox) -> (String, String) {
    let pin = sandbox.wait_for_message(NUMBER, SOON).await.unwrap().pin;
    let wrong = wrong(&pin);
    (pin, wrong)
}

fn wrong(pin: &str) -> String {
    let last = if pin.ends_with('0') { '1' } else { '0' };
    let mut wrong = pin[..pin.len() - 1].to_owned();
    wrong.push(last);
    wrong
}

#[tokio::test]
async fn services_and_users_come_and_go() {
    for (name, sandbox) in servers().await {
        let api = api(&sandbox);
        let service = api.services.create("shop.example", "Shop").await.unwrap();
        assert_eq!(service.name, "Shop", "{name}");
        assert!(service.created_at().is_some(), "{name}");
        assert_eq!(api.services.get(&service.id).await.unwrap(), service);
        let taken = api
            .services
            .create("shop.example", "Other")
            .await
            .unwrap_err();
        assert_eq!(taken.kind(), ErrorKind::ResourceAlreadyExists);
        assert_eq!(taken.error_code(), "service_already_exists");

        assert_eq!(api.users.get_all(&service.id).await.unwrap(), []);
        let user = api
            .users
            .create(&service.id, NUMBER, "john.doe")
            .await
            .unwrap();
        assert_eq!(user.username, "john.doe");
        assert_eq!(api.users.get(&service.id, &user.id).await.unwrap(), user);
        let other = api
            .users
            .create(&service.id, "+37255555556", "jane")
            .await
            .unwrap();
        assert_eq!(
            api.users.get_all(&service.id).await.unwrap(),
            [user.clone(), other]
        );
        let bad = api
            .users
            .create(&service.id, "17", "jim")
            .await
            .unwrap_err();
        assert_eq!(bad.kind(), ErrorKind::InvalidData);

        api.users.delete(&service.id, &user.id).await.unwrap();
        let gone = api.users.get(&service.id, &user.id).await.unwrap_err();
        assert_eq!(gone.kind(), ErrorKind::NoSuchResource);
        assert!(gone.request_id().is_some());
        api.services.delete(&service.id).await.unwrap();
        let gone = api.services.delete(&service.id).await.unwrap_err();
        assert_eq!(gone.error_code(), "service_not_found");
    }
}

#[tokio::test]
async fn a_pin_by_sms_lets_in_once() {
    for (name, sandbox) in servers().await {
        let api = api(&sandbox);
        let (service, user) = service_and_user(&api).await;
        let early = api
            .auth
            .verify(&service.id, &user.id, "123456")
            .await
            .unwrap_err();
        let expected = if name == "documents" {
            // Nothing was started, so there is no method to send, and that comes first there.
            ErrorKind::InvalidData
        } else {
            ErrorKind::NoSuchResource
        };
        assert_eq!(early.kind(), expected, "{name}");

        let method = api
            .auth
            .initiate(&service.id, &user.id, Method::Sms)
            .await
            .unwrap();
        assert_eq!(method, Method::Sms);
        let (pin, wrong) = pins(&sandbox).await;
        assert!(
            !api.auth
                .verify(&service.id, &user.id, &wrong)
                .await
                .unwrap(),
            "{name}"
        );
        let refused = api
            .auth
            .verify_or_error(&service.id, &user.id, &wrong)
            .await
            .unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::NotVerified);
        assert_eq!(refused.outcome(), Outcome::Accepted);
        let details = api
            .auth
            .verify_detailed(&service.id, &user.id, &wrong)
            .await
            .unwrap();
        assert_eq!(details.status.unwrap().result, "INVALID");
        assert!(
            api.auth.verify(&service.id, &user.id, &pin).await.unwrap(),
            "{name}"
        );

        let spent = api.auth.with_method(Method::Sms);
        let spent = spent.verify(&service.id, &user.id, &pin).await.unwrap_err();
        assert_eq!(spent.kind(), ErrorKind::NoSuchResource, "{name}");
        assert_eq!(spent.error_code(), "authentication_not_found");
        assert_eq!(sandbox.messages().len(), 1);
    }
}

#[tokio::test]
async fn a_pin_that_is_too_old_is_expired() {
    for (name, sandbox) in servers().await {
        let api = api(&sandbox);
        let (service, user) = service_and_user(&api).await;
        api.auth
            .initiate(&service.id, &user.id, Method::Sms)
            .await
            .unwrap();
        let (pin, _) = pins(&sandbox).await;
        sandbox.advance(Duration::from_secs(10 * 60 + 1));
        let details = api
            .auth
            .verify_detailed(&service.id, &user.id, &pin)
            .await
            .unwrap();
        assert!(!details.verified, "{name}");
        let status = details.status.unwrap();
        assert_eq!(
            (status.expired, status.result.as_str()),
            (true, "EXPIRED"),
            "{name}"
        );
    }
}

#[tokio::test]
async fn after_too_many_wrong_tries_the_right_pin_is_throttled_too() {
    for (name, sandbox) in servers().await {
        let api = api(&sandbox);
        let (service, user) = service_and_user(&api).await;
        api.auth
            .initiate(&service.id, &user.id, Method::Sms)
            .await
            .unwrap();
        let (pin, wrong) = pins(&sandbox).await;
        for _ in 0..5 {
            assert!(
                !api.auth
                    .verify(&service.id, &user.id, &wrong)
                    .await
                    .unwrap(),
                "{name}"
            );
        }
        let details = api
            .auth
            .verify_detailed(&service.id, &user.id, &pin)
            .await
            .unwrap();
        let status = details.status.unwrap();
        assert!(!details.verified && status.throttled, "{name}");
        assert_eq!(status.result, "THROTTLED");
        let error = api
            .auth
            .verify_or_error(&service.id, &user.id, &pin)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotVerified);
    }
}

#[tokio::test]
async fn a_second_pin_needs_a_pause_and_replaces_the_first() {
    for (name, sandbox) in servers().await {
        let api = api(&sandbox);
        let (service, user) = service_and_user(&api).await;
        api.auth
            .initiate(&service.id, &user.id, Method::Sms)
            .await
            .unwrap();
        let (first, _) = pins(&sandbox).await;
        let hasty = api
            .auth
            .initiate(&service.id, &user.id, Method::Sms)
            .await
            .unwrap_err();
        assert_eq!(hasty.kind(), ErrorKind::ResourceAlreadyExists, "{name}");
        assert_eq!(hasty.error_code(), "resend_too_soon");
        let wait = hasty.retry_after().unwrap();
        assert!(
            wait > Duration::ZERO && wait <= Duration::from_secs(30),
            "{wait:?}"
        );
        assert!(hasty.safe_to_retry());
        assert_eq!(sandbox.messages().len(), 1, "{name}");

        sandbox.advance(wait);
        api.auth
            .initiate(&service.id, &user.id, Method::Sms)
            .await
            .unwrap();
        assert_eq!(sandbox.messages().len(), 2, "{name}");
        let second = sandbox.last_pin(NUMBER).unwrap();
        if first != second {
            assert!(
                !api.auth
                    .verify(&service.id, &user.id, &first)
                    .await
                    .unwrap(),
                "{name}"
            );
        }
        assert!(
            api.auth
                .verify(&service.id, &user.id, &second)
                .await
                .unwrap(),
            "{name}"
        );
    }
}

#[tokio::test]
async fn an_authenticator_is_enrolled_confirmed_used_and_removed() {
    for (name, sandbox) in servers().await {
        let api = api(&sandbox);
        let (service, user) = service_and_user(&api).await;
        let (sid, uid) = (&service.id, &user.id);
        let fallback = api.auth.initiate(sid, uid, Method::Totp).await.unwrap();
        assert_eq!(fallback, Method::Sms, "{name}: nothing enrolled yet");
        let (pin, _) = pins(&sandbox).await;
        assert!(api.auth.verify(sid, uid, &pin).await.unwrap());

        let enrolment = api.totp.enrol(sid, uid).await.unwrap();
        assert!(enrolment.uri.starts_with("otpauth://totp/"), "{name}");
        assert!(enrolment.qr.starts_with("data:image/svg+xml;base64,"));
        let code = sandbox.totp_code(&enrolment.secret).unwrap();
        assert!(!api.totp.confirm(sid, uid, &wrong(&code)).await.unwrap());
        assert!(api.totp.confirm(sid, uid, &code).await.unwrap());
        let again = api.totp.enrol(sid, uid).await.unwrap_err();
        assert_eq!(again.kind(), ErrorKind::ResourceAlreadyExists);

        sandbox.advance(Duration::from_mins(1));
        let method = api.auth.initiate(sid, uid, Method::Totp).await.unwrap();
        assert_eq!(method, Method::Totp, "{name}");
        let code = sandbox.totp_code(&enrolment.secret).unwrap();
        let details = api.auth.verify_detailed(sid, uid, &code).await.unwrap();
        assert!(details.verified, "{name}");
        assert_eq!(details.method, Some(Method::Totp));
        assert_eq!(
            sandbox.messages().len(),
            1,
            "no message where a code is asked for"
        );

        sandbox.advance(Duration::from_secs(30));
        api.auth.initiate(sid, uid, Method::Totp).await.unwrap();
        assert!(
            !api.auth.verify(sid, uid, &code).await.unwrap(),
            "{name}: a code counts once"
        );

        api.totp.remove(sid, uid).await.unwrap();
        let none = api.totp.remove(sid, uid).await.unwrap_err();
        assert_eq!(none.error_code(), "totp_not_enrolled");
        sandbox.advance(Duration::from_mins(1));
        let method = api.auth.initiate(sid, uid, Method::Totp).await.unwrap();
        assert_eq!(method, Method::Sms, "{name}: nothing enrolled any more");
    }
}

#[tokio::test]
async fn accounts_are_kept_apart() {
    let sandbox = Sandbox::builder()
        .account("other", "pass:word")
        .start()
        .await
        .unwrap();
    let (service, user) = service_and_user(&api(&sandbox)).await;
    let as_account = |username: &str, password: &str| {
        Api::builder(username, password)
            .endpoint(sandbox.url())
            .build()
            .unwrap()
    };
    let other = as_account("other", "pass:word");
    let error = other.services.get(&service.id).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.code()),
        (ErrorKind::ResourceForbidden, 403)
    );
    let error = other
        .auth
        .initiate(&service.id, &user.id, Method::Sms)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceForbidden);
    assert!(sandbox.messages().is_empty());
    for (username, password) in [("other", "test"), ("nobody", "test"), ("test", "")] {
        let error = as_account(username, password)
            .services
            .get(&service.id)
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind(), error.code()),
            (ErrorKind::WrongCredentials, 401)
        );
    }
}

#[tokio::test]
async fn the_documents_method_is_sent_by_whoever_started_or_says_it() {
    let sandbox = servers::documents().start().await.unwrap();
    let starter = api(&sandbox);
    let (service, user) = service_and_user(&starter).await;
    starter
        .auth
        .initiate(&service.id, &user.id, Method::Totp)
        .await
        .unwrap();
    let (pin, _) = pins(&sandbox).await;
    let stranger = api(&sandbox);
    let error = stranger
        .auth
        .verify(&service.id, &user.id, &pin)
        .await
        .unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::InvalidData, 422));
    let stranger = stranger.auth.with_method(Method::Sms);
    assert!(stranger.verify(&service.id, &user.id, &pin).await.unwrap());
}

#[tokio::test]
async fn a_lost_answer_sends_no_second_message() {
    for (name, sandbox) in servers().await {
        let api = api(&sandbox);
        let (service, user) = service_and_user(&api).await;
        let lost = Fault::drop(DropPoint::BeforeAnswer).on("auth.initiate");
        sandbox.fail_next(lost).unwrap();
        let started = api.auth.initiate(&service.id, &user.id, Method::Sms).await;
        assert_eq!(sandbox.messages().len(), 1, "{name}");
        if name == "sandbox" {
            assert_eq!(
                started.unwrap(),
                Method::Sms,
                "the key brings the first answer again"
            );
        } else {
            let error = started.unwrap_err();
            assert_eq!(error.outcome(), Outcome::Unknown, "{name}");
            assert!(!error.safe_to_retry());
            assert_eq!(error.attempts(), 1);
        }
    }
}

#[tokio::test]
async fn a_lost_answer_burns_no_second_try() {
    for (name, sandbox) in servers().await {
        let api = api(&sandbox);
        let (service, user) = service_and_user(&api).await;
        api.auth
            .initiate(&service.id, &user.id, Method::Sms)
            .await
            .unwrap();
        let (pin, wrong) = pins(&sandbox).await;
        for _ in 0..3 {
            assert!(
                !api.auth
                    .verify(&service.id, &user.id, &wrong)
                    .await
                    .unwrap()
            );
        }
        let lost = Fault::drop(DropPoint::BeforeAnswer).on("auth.verify");
        sandbox.fail_next(lost).unwrap();
        // The fourth of five. Sent twice it would be the last, and the right PIN come too late.
        let fourth = api.auth.verify(&service.id, &user.id, &wrong).await;
        if name == "sandbox" {
            assert!(!fourth.unwrap());
        } else {
            assert_eq!(fourth.unwrap_err().outcome(), Outcome::Unknown, "{name}");
        }
        assert!(
            api.auth.verify(&service.id, &user.id, &pin).await.unwrap(),
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_request_that_was_not_acted_on_may_be_repeated_where_that_is_harmless() {
    for (name, sandbox) in servers().await {
        let api = api(&sandbox);
        let (service, user) = service_and_user(&api).await;
        sandbox
            .fail_next(Fault::status(500).on("users.get"))
            .unwrap();
        assert_eq!(
            api.users.get(&service.id, &user.id).await.unwrap(),
            user,
            "{name}"
        );
        sandbox
            .fail_next(Fault::drop(DropPoint::AfterRequest).on("users.get_all"))
            .unwrap();
        assert_eq!(
            api.users.get_all(&service.id).await.unwrap(),
            std::slice::from_ref(&user),
            "{name}"
        );
        sandbox
            .fail_next(Fault::drop(DropPoint::BeforeAnswer).on("users.delete"))
            .unwrap();
        api.users.delete(&service.id, &user.id).await.unwrap();
        assert_eq!(api.users.get_all(&service.id).await.unwrap(), [], "{name}");
    }
}

#[tokio::test]
async fn a_slow_server_times_out_with_an_unknown_outcome() {
    let sandbox = Sandbox::start().await.unwrap();
    let api = api(&sandbox);
    let (service, user) = service_and_user(&api).await;
    sandbox
        .fail_next(Fault::delay(SOON).on("auth.initiate"))
        .unwrap();
    let hasty = verigator::CallOptions::new()
        .timeout(Duration::from_millis(300))
        .max_retries(0);
    let error = api
        .with(hasty)
        .auth
        .initiate(&service.id, &user.id, Method::Sms)
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.outcome()),
        (ErrorKind::Timeout, Outcome::Unknown)
    );
    assert!(!error.safe_to_retry());
}

#[tokio::test]
async fn many_logins_at_once_do_not_meet() {
    let sandbox = Sandbox::start().await.unwrap();
    let api = api(&sandbox);
    let service = api.services.create("shop.example", "Shop").await.unwrap();
    let mut logins = tokio::task::JoinSet::new();
    for n in 0..40 {
        let (api, sid) = (api.clone(), service.id.clone());
        logins.spawn(async move {
            let number = format!("+3725550{n:04}");
            let user = api
                .users
                .create(&sid, &number, &format!("user-{n}"))
                .await
                .unwrap();
            api.auth
                .initiate(&sid, &user.id, Method::Sms)
                .await
                .unwrap();
            (user, number)
        });
    }
    let started = logins.join_all().await;
    for (n, (user, number)) in started.iter().enumerate() {
        let (_, others) = &started[(n + 1) % started.len()];
        let (own, other) = (
            sandbox.last_pin(number).unwrap(),
            sandbox.last_pin(others).unwrap(),
        );
        if own != other {
            assert!(
                !api.auth
                    .verify(&service.id, &user.id, &other)
                    .await
                    .unwrap()
            );
        }
        assert!(api.auth.verify(&service.id, &user.id, &own).await.unwrap());
    }
}

#[test]
fn the_blocking_client_goes_the_same_way() {
    let start = [
        ("sandbox", Sandbox::builder()),
        ("documents", servers::documents()),
        ("old clients", servers::old_clients()),
    ];
    for (name, builder) in start {
        let sandbox = builder.start_blocking().unwrap();
        let api = blocking::Api::builder(sandbox.username(), sandbox.password())
            .endpoint(sandbox.url())
            .build_blocking()
            .unwrap();
        let service = api.services.create("shop.example", "Shop").unwrap();
        let user = api.users.create(&service.id, NUMBER, "john.doe").unwrap();
        let method = api
            .auth
            .initiate(&service.id, &user.id, Method::Totp)
            .unwrap();
        assert_eq!(method, Method::Sms, "{name}");
        let pin = sandbox.wait_for_message_blocking(NUMBER, SOON).unwrap().pin;
        assert!(
            !api.auth
                .verify(&service.id, &user.id, &wrong(&pin))
                .unwrap(),
            "{name}"
        );
        assert!(
            api.auth.verify(&service.id, &user.id, &pin).unwrap(),
            "{name}"
        );
        api.users.delete(&service.id, &user.id).unwrap();
        assert_eq!(api.users.get_all(&service.id).unwrap(), [], "{name}");
        api.services.delete(&service.id).unwrap();
    }
}
