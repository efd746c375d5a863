//! The same, many at once.

use super::{keys::claim, *};

/// Rounds of each race.
const ROUNDS: u64 = 300;
/// Callers in each round.
pub(super) const CALLERS: usize = 64;

/// Runs `call` in many tasks that all begin at the same moment.
pub(super) async fn race<F, T>(call: impl Fn(usize) -> F) -> Vec<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let barrier = Arc::new(Barrier::new(CALLERS));
    let mut tasks = JoinSet::new();
    for caller in 0..CALLERS {
        let (barrier, call) = (Arc::clone(&barrier), call(caller));
        tasks.spawn(async move {
            barrier.wait().await;
            call.await
        });
    }
    tasks.join_all().await
}

fn count(checks: &[Check], wanted: impl Fn(&Check) -> bool) -> usize {
    checks.iter().filter(|check| wanted(check)).count()
}

pub(super) async fn right_pin_in_parallel(store: &Shared) {
    let service = service(store, account(store).await).await;
    for round in 0..ROUNDS {
        let jo = user(store, service).await;
        let pin = sent_pin(store, jo, 0).await;
        let checks = race(|_| {
            let (store, pin) = (Arc::clone(store), pin.clone());
            async move { check(&store, jo, &pin, 1).await }
        })
        .await;
        assert_eq!(
            count(&checks, |it| matches!(it, Check::Verified(_))),
            1,
            "round {round}"
        );
        assert_eq!(
            count(&checks, |it| *it == Check::NotStarted),
            CALLERS - 1,
            "round {round}"
        );
    }
}

pub(super) async fn wrong_pins_in_parallel(store: &Shared) {
    let service = service(store, account(store).await).await;
    for round in 0..ROUNDS {
        let jo = user(store, service).await;
        let pin = sent_pin(store, jo, 0).await;
        let checks = race(|caller| {
            let store = Arc::clone(store);
            async move { check(&store, jo, &format!("wrong{caller}"), 1).await }
        })
        .await;
        assert_eq!(
            count(&checks, |it| matches!(it, Check::Invalid { .. })),
            5,
            "round {round}"
        );
        let throttled = Check::Throttled(Method::Sms);
        assert_eq!(
            count(&checks, |it| *it == throttled),
            CALLERS - 5,
            "round {round}"
        );
        assert_eq!(check(store, jo, &pin, 1).await, throttled, "round {round}");
    }
}

pub(super) async fn right_among_wrong_in_parallel(store: &Shared) {
    let service = service(store, account(store).await).await;
    for round in 0..ROUNDS {
        let jo = user(store, service).await;
        let pin = sent_pin(store, jo, 0).await;
        let checks = race(|caller| {
            let store = Arc::clone(store);
            let guess = if caller % 8 == 0 {
                pin.clone()
            } else {
                "wrong".to_owned()
            };
            async move { check(&store, jo, &guess, 1).await }
        })
        .await;
        let verified = count(&checks, |it| matches!(it, Check::Verified(_)));
        let invalid = count(&checks, |it| matches!(it, Check::Invalid { .. }));
        assert!(
            verified <= 1 && invalid <= 5,
            "round {round}: {verified} and {invalid}"
        );
        assert!(
            verified == 1 || invalid == 5,
            "round {round}: neither spent nor throttled"
        );
    }
}

pub(super) async fn totp_in_parallel(store: &Shared) {
    let service = service(store, account(store).await).await;
    for round in 0..ROUNDS {
        let jo = user(store, service).await;
        let secret = TotpSecret::generate(random::fill).unwrap();
        store.enrol_totp(jo, &secret).await.unwrap();
        let confirming = secret.code_at(at(0));
        let confirms = race(|_| {
            let (store, code) = (Arc::clone(store), confirming.clone());
            async move { store.confirm_totp(jo, &code, at(0)).await.unwrap() }
        })
        .await;
        let confirmed = confirms
            .iter()
            .filter(|it| **it == Confirm::Confirmed)
            .count();
        assert_eq!(confirmed, 1, "round {round}");

        start(store, jo, Method::Totp, 30).await;
        let code = secret.code_at(at(30));
        let checks = race(|caller| {
            let (store, code) = (Arc::clone(store), code.clone());
            async move {
                // Some start anew at once, so that the code meets more than one authentication.
                if caller % 4 == 0 {
                    start(&store, jo, Method::Totp, 30).await;
                }
                check(&store, jo, &code, 30).await
            }
        })
        .await;
        let verified = count(&checks, |it| matches!(it, Check::Verified(_)));
        assert_eq!(verified, 1, "round {round}");
    }
}

/// Many users with one number start at once: the number's budget is never overdrawn.
pub(super) async fn budgets_in_parallel(store: &Shared) {
    let service = service(store, account(store).await).await;
    for round in 0..20 {
        let phone = format!("+3725555{round:04}");
        let mut users = Vec::new();
        for _ in 0..CALLERS {
            users.push(add_user(store, service, user_with(&unique("user"), &phone)).await);
        }
        let sent = race(|caller| {
            let (store, user) = (Arc::clone(store), users[caller]);
            async move {
                let rules = Rules::default();
                matches!(
                    start_by(&store, user, Method::Sms, RACES, &rules).await,
                    Started::Sms(_)
                )
            }
        })
        .await;
        assert_eq!(sent.iter().filter(|it| **it).count(), 5, "round {round}");
    }
}

pub(super) async fn names_in_parallel(store: &Shared) {
    let mine = account(store).await;
    for _ in 0..20 {
        let name = unique("name");
        let made = race(|_| {
            let (store, new) = (Arc::clone(store), new_service(mine, &name, &unique("host")));
            async move { store.create_service(&new).await.is_ok() }
        })
        .await;
        assert_eq!(made.iter().filter(|it| **it).count(), 1);
        let service = service(store, mine).await;
        let made = race(|_| {
            let (store, new) = (Arc::clone(store), new_user(&name));
            async move { store.create_user(service, &new).await.is_ok() }
        })
        .await;
        assert_eq!(made.iter().filter(|it| **it).count(), 1);
    }
}

pub(super) async fn keys_in_parallel(store: &Shared) {
    let mine = account(store).await;
    for _ in 0..20 {
        let key = unique("key");
        let claimed = race(|_| {
            let (store, claim) = (Arc::clone(store), claim(mine, &key, 1, RACES));
            async move { matches!(store.claim_key(&claim).await.unwrap(), Claimed::Run) }
        })
        .await;
        assert_eq!(claimed.iter().filter(|it| **it).count(), 1);
    }
}
