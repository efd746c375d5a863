//! Authentications and authenticators, one request at a time.

use super::*;

pub(super) async fn authentication(store: &Shared) {
    let jo = some_user(store).await;
    assert_eq!(check(store, jo, "123456", 0).await, Check::NotStarted);
    let Started::Sms(message) = start(store, jo, Method::Totp, 0).await else {
        panic!("no authenticator, so a message");
    };
    assert_eq!(message.to.expose(), "+37255555555");
    assert_eq!((message.sent_at, message.expires_at), (at(0), at(600)));
    let service = store.service(jo.service).await.unwrap().name;
    let pin = message.pin.expose();
    assert_eq!(
        *message.text,
        format!("{pin} is your {service} verification code")
    );
    let Started::TooSoon { retry_after } = start(store, jo, Method::Sms, 10).await else {
        panic!("too soon");
    };
    assert_eq!(retry_after, Duration::from_secs(20));
    // Only this user's PIN, and only once.
    let zoe = user(store, jo.service).await;
    sent_pin(store, zoe, 0).await;
    assert!(matches!(
        check(store, zoe, pin, 1).await,
        Check::Invalid { .. }
    ));
    assert_eq!(check(store, jo, pin, 1).await, Check::Verified(Method::Sms));
    assert_eq!(check(store, jo, pin, 1).await, Check::NotStarted);

    let pin = sent_pin(store, jo, 30).await;
    assert_eq!(
        check(store, jo, &pin, 630).await,
        Check::Expired(Method::Sms)
    );

    // Twenty throttled authentications lock the user until an operator lifts it.
    for round in 0..20 {
        let second = 1_000 + round * 30;
        let pin = sent_pin(store, jo, second).await;
        for tries_left in (0..5).rev() {
            let invalid = Check::Invalid {
                method: Method::Sms,
                tries_left,
            };
            assert_eq!(check(store, jo, "wrong", second).await, invalid);
        }
        assert_eq!(
            check(store, jo, &pin, second).await,
            Check::Throttled(Method::Sms)
        );
    }
    assert!(matches!(
        start(store, jo, Method::Sms, 9_000).await,
        Started::Locked
    ));
    let nobody = store.unlock_user(Uuid::new_v4()).await;
    assert_eq!(refusal(nobody), Refusal::UserNotFound);
    store.unlock_user(jo.user).await.unwrap();
    let pin = sent_pin(store, jo, 9_000).await;
    let verified = check(store, jo, &pin, 9_000).await;
    assert_eq!(verified, Check::Verified(Method::Sms));

    // A service may have its own text.
    let mut new = new_service(jo.service.account, &unique("café"), &unique("host"));
    new.template = Some("{service} {pin}".parse().unwrap());
    let cafe = ServiceScope {
        service: store.create_service(&new).await.unwrap().id,
        ..jo.service
    };
    let zoe = user(store, cafe).await;
    let rules = Rules {
        autofill: true,
        ..unlimited()
    };
    let Started::Sms(message) = start_by(store, zoe, Method::Sms, 0, &rules).await else {
        panic!("no message");
    };
    let (pin, name, fqdn) = (message.pin.expose(), new.name, new.fqdn);
    assert_eq!(*message.text, format!("{name} {pin}\n\n@{fqdn} #{pin}"));
}

pub(super) async fn the_same_pin_again(store: &Shared) {
    let jo = some_user(store).await;
    let rules = Rules {
        resend: Resend::Same,
        ..unlimited()
    };
    let sent = async |second| match start_by(store, jo, Method::Sms, second, &rules).await {
        Started::Sms(message) => message,
        other => panic!("no message: {other:?}"),
    };
    let (first, again) = (sent(0).await, sent(30).await);
    assert_eq!(first.pin, again.pin);
    assert_eq!((again.sent_at, again.expires_at), (at(30), at(600)));
    let verified = check(store, jo, again.pin.expose(), 599).await;
    assert_eq!(verified, Check::Verified(Method::Sms));
    assert_ne!(sent(600).await.pin, first.pin);
}

pub(super) async fn authenticators(store: &Shared) {
    let jo = some_user(store).await;
    assert!(!store.remove_totp(jo).await.unwrap());
    assert_eq!(
        store.confirm_totp(jo, "123456", at(0)).await.unwrap(),
        Confirm::NotEnrolled
    );
    let secret = |_| TotpSecret::generate(random::fill).unwrap();
    let (first, second) = (secret(1), secret(2));
    assert_eq!(store.enrol_totp(jo, &first).await.unwrap(), Enrol::Enrolled);
    assert_eq!(
        store.enrol_totp(jo, &second).await.unwrap(),
        Enrol::Enrolled
    );
    let old = store
        .confirm_totp(jo, &first.code_at(at(0)), at(0))
        .await
        .unwrap();
    assert_eq!(
        old,
        Confirm::WrongCode,
        "the second secret replaced the first"
    );
    let code = second.code_at(at(0));
    assert_eq!(
        store.confirm_totp(jo, &code, at(0)).await.unwrap(),
        Confirm::Confirmed
    );
    assert_eq!(
        store.confirm_totp(jo, &code, at(0)).await.unwrap(),
        Confirm::AlreadyConfirmed
    );
    assert_eq!(
        store.enrol_totp(jo, &first).await.unwrap(),
        Enrol::AlreadyConfirmed
    );

    assert!(matches!(
        start(store, jo, Method::Totp, 0).await,
        Started::Totp
    ));
    assert!(
        matches!(check(store, jo, &code, 0).await, Check::Invalid { .. }),
        "used up"
    );
    let next = second.code_at(at(30));
    assert_eq!(
        check(store, jo, &next, 30).await,
        Check::Verified(Method::Totp)
    );
    assert!(store.remove_totp(jo).await.unwrap());
    assert!(matches!(
        start(store, jo, Method::Totp, 60).await,
        Started::Sms(_)
    ));
}
