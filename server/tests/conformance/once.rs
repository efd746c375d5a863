//! Starts and checks that happen once for a key.

use super::{keys::claim, *};

/// What a test's answers say of a start.
fn started(started: &Result<Started, Refusal>) -> Option<StoredAnswer> {
    let text = match started {
        Ok(Started::Sms(message)) => format!("sms {}", message.pin.expose()),
        Ok(Started::TooSoon { .. }) => return None,
        other => format!("{other:?}"),
    };
    Some(answer(&text))
}

fn answer(text: &str) -> StoredAnswer {
    let body = text.as_bytes().to_vec();
    StoredAnswer { status: 201, body }
}

async fn start_once(
    store: &Shared,
    scope: UserScope,
    claim: Claim,
    second: i64,
) -> Result<Once<Started>, StoreError> {
    let (id, key, rules) = (Uuid::new_v4(), key(), unlimited());
    let pin = Pin::new(rules.resend, rules.pin_length, &key, id, random::fill).unwrap();
    let start = StartRequest {
        method: Method::Sms,
        id,
        pin: &pin,
        key: &key,
        now: at(second),
        rules: &rules,
    };
    let answer: Answers<Started> = Arc::new(started);
    let keyed = Some(Keyed { claim, answer });
    store.start_authentication(scope, &start, None, keyed).await
}

async fn check_once(
    store: &Shared,
    scope: UserScope,
    claim: Claim,
    guess: &str,
) -> Result<Once<Check>, StoreError> {
    let (key, rules) = (key(), unlimited());
    let check = CheckRequest {
        guess,
        key: &key,
        now: at(1),
        rules: &rules,
    };
    let answer: Answers<Check> = Arc::new(|it| Some(answer(&format!("{it:?}"))));
    let keyed = Some(Keyed { claim, answer });
    store.check(scope, &check, keyed).await
}

fn replayed<T: std::fmt::Debug>(once: Result<Once<T>, StoreError>) -> String {
    match once {
        Ok(Once::Not(Claimed::Replay(answer))) => String::from_utf8(answer.body).unwrap(),
        other => panic!("not replayed: {other:?}"),
    }
}

pub(super) async fn once(store: &Shared) {
    let jo = some_user(store).await;
    let mine = jo.service.account;
    let key = |key: &str, request| claim(mine, key, request, 0);
    let Once::Done(Started::Sms(message)) = start_once(store, jo, key("a", 1), 0).await.unwrap()
    else {
        panic!("not started");
    };
    let pin = message.pin.expose();
    // Neither sent again nor refused: nothing happens.
    let again = replayed(start_once(store, jo, key("a", 1), 1).await);
    assert_eq!(again, format!("sms {pin}"));
    let reused = start_once(store, jo, key("a", 2), 1).await.unwrap();
    assert!(matches!(reused, Once::Not(Claimed::Reused)), "{reused:?}");
    // The claims of all operations are the same ones.
    let plain = store.claim_key(&key("a", 1)).await.unwrap();
    assert!(matches!(plain, Claimed::Replay(_)), "{plain:?}");
    store.claim_key(&key("b", 1)).await.unwrap();
    let waits = check_once(store, jo, key("b", 1), pin).await.unwrap();
    assert!(matches!(waits, Once::Not(Claimed::InProgress)), "{waits:?}");

    // What is not to be kept leaves the key free.
    let soon = start_once(store, jo, key("c", 1), 1).await.unwrap();
    assert!(
        matches!(soon, Once::Done(Started::TooSoon { .. })),
        "{soon:?}"
    );
    let checked = check_once(store, jo, key("c", 2), pin).await.unwrap();
    assert!(
        matches!(checked, Once::Done(Check::Verified(Method::Sms))),
        "{checked:?}"
    );
    let again = replayed(check_once(store, jo, key("c", 2), pin).await);
    assert_eq!(again, "Ok(Verified(Sms))");
    assert_eq!(check(store, jo, pin, 1).await, Check::NotStarted);

    // Also what is refused, or finds nothing, is said again, whatever there is by then.
    let spent = check_once(store, jo, key("d", 1), pin).await.unwrap();
    assert!(matches!(spent, Once::Done(Check::NotStarted)), "{spent:?}");
    start(store, jo, Method::Sms, 60).await;
    let again = replayed(check_once(store, jo, key("d", 1), pin).await);
    assert_eq!(again, "Ok(NotStarted)");
    let user = Uuid::new_v4();
    let nobody = UserScope { user, ..jo };
    let gone = start_once(store, nobody, key("e", 1), 0).await;
    assert_eq!(refusal(gone), Refusal::UserNotFound);
    let again = replayed(start_once(store, nobody, key("e", 1), 0).await);
    assert_eq!(again, "Err(UserNotFound)");
}

/// What was kept for a day is forgotten after it, and the key is as good as new.
pub(super) async fn once_again(store: &Shared) {
    let jo = some_user(store).await;
    let mine = jo.service.account;
    for (request, second) in [(1, 90_000), (2, 180_000)] {
        let claim = || claim(mine, "again", request, second);
        let started = start_once(store, jo, claim(), second).await.unwrap();
        let Once::Done(Started::Sms(message)) = started else {
            panic!("not started: {started:?}");
        };
        let said = replayed(start_once(store, jo, claim(), second).await);
        assert_eq!(said, format!("sms {}", message.pin.expose()));
    }
}

/// However many come with one key for users of their own, one is started, and the others are told
/// that their key is another's: nothing of theirs is left.
pub(super) async fn one_key_for_many_users(store: &Shared) {
    let service = service(store, account(store).await).await;
    for round in 0..20 {
        let mut users = Vec::new();
        for _ in 0..races::CALLERS {
            users.push(user(store, service).await);
        }
        let starts = races::race(|n| {
            let (store, scope) = (Arc::clone(store), users[n]);
            let request = u8::try_from(n).unwrap();
            let claim = claim(service.account, &format!("many{round}"), request, 1);
            async move { (scope, start_once(&store, scope, claim, 1).await.unwrap()) }
        })
        .await;
        let mut started = 0;
        for (scope, once) in starts {
            let is_started = check(store, scope, "x", 1).await != Check::NotStarted;
            match once {
                Once::Done(Started::Sms(_)) => {
                    started += 1;
                    assert!(is_started);
                }
                Once::Not(Claimed::Reused) => assert!(!is_started),
                other => panic!("round {round}: {other:?}"),
            }
        }
        assert_eq!(started, 1, "round {round}");
    }
}

/// However many come with one key, a guess counts once, and all are told the same.
pub(super) async fn once_in_parallel(store: &Shared) {
    let service = service(store, account(store).await).await;
    for round in 0..30 {
        let jo = user(store, service).await;
        let pin = sent_pin(store, jo, 0).await;
        let guess = if round % 2 == 0 { pin } else { "x".to_owned() };
        let checks = races::race(|_| {
            let (store, guess) = (Arc::clone(store), guess.clone());
            let claim = claim(service.account, &format!("round{round}"), 1, 1);
            async move { check_once(&store, jo, claim, &guess).await.unwrap() }
        })
        .await;
        let mut done = Vec::new();
        for once in checks {
            match once {
                Once::Done(check) => done.push(check),
                Once::Not(Claimed::Replay(_)) => {}
                other @ Once::Not(_) => panic!("round {round}: {other:?}"),
            }
        }
        let [once] = done[..] else {
            panic!("round {round}: {done:?}");
        };
        if round % 2 == 0 {
            assert_eq!(once, Check::Verified(Method::Sms));
        } else {
            let (method, tries_left) = (Method::Sms, 4);
            assert_eq!(once, Check::Invalid { method, tries_left });
        }
    }
}
