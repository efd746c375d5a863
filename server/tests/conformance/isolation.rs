//! Who may reach what: every step that takes a scope asks first whose it is.

use super::*;

/// Every step that takes a user, with what it was refused for; none when it was done.
async fn refusals(store: &Shared, scope: UserScope) -> Vec<Option<Refusal>> {
    fn refused<T: std::fmt::Debug>(result: Result<T, StoreError>) -> Option<Refusal> {
        result.is_err().then(|| refusal(result))
    }
    let rules = unlimited();
    let (id, key) = (Uuid::new_v4(), key());
    let start = StartRequest {
        method: Method::Sms,
        id,
        pin: &Pin::derive(rules.pin_length, &key, id),
        key: &key,
        now: at(0),
        rules: &rules,
    };
    let guess = CheckRequest {
        guess: "wrong",
        key: &key,
        now: at(0),
        rules: &rules,
    };
    let secret = TotpSecret::generate(random::fill).unwrap();
    vec![
        refused(store.user(scope).await),
        refused(store.start_authentication(scope, &start, None, None).await),
        refused(store.check(scope, &guess, None).await),
        refused(store.enrol_totp(scope, &secret).await),
        refused(store.confirm_totp(scope, "wrong", at(0)).await),
        refused(store.remove_totp(scope).await),
        refused(store.delete_user(scope).await),
    ]
}

pub(super) async fn isolation(store: &Shared) {
    let (mine, other) = (account(store).await, account(store).await);
    let (shop, cafe) = (service(store, mine).await, service(store, mine).await);
    let jo = user(store, shop).await;
    let pin = sent_pin(store, jo, 0).await;
    let all = |refusal| vec![Some(refusal); 7];

    // Another's account, also with the right PIN.
    let foreign = UserScope {
        service: ServiceScope {
            account: other,
            ..shop
        },
        ..jo
    };
    assert_eq!(
        refusals(store, foreign).await,
        all(Refusal::ServiceForbidden)
    );
    let rules = unlimited();
    let right = CheckRequest {
        guess: &pin,
        key: &key(),
        now: at(1),
        rules: &rules,
    };
    let checked = store.check(foreign, &right, None).await;
    assert_eq!(refusal(checked), Refusal::ServiceForbidden);
    // A service that is not there, and one of one's own that has other users.
    let nowhere = UserScope {
        service: ServiceScope {
            service: Uuid::new_v4(),
            ..shop
        },
        ..jo
    };
    assert_eq!(
        refusals(store, nowhere).await,
        all(Refusal::ServiceNotFound)
    );
    let elsewhere = UserScope {
        service: cafe,
        ..jo
    };
    assert_eq!(refusals(store, elsewhere).await, all(Refusal::UserNotFound));

    // Nobody felt any of it.
    assert_eq!(store.users(shop).await.unwrap().len(), 1);
    assert!(!store.remove_totp(jo).await.unwrap());
    assert_eq!(
        check(store, jo, &pin, 1).await,
        Check::Verified(Method::Sms)
    );
    // The same steps, done by whose they are.
    start(store, jo, Method::Sms, 30).await;
    let own = refusals(store, jo).await;
    assert_eq!(own, vec![None; 7]);
}
