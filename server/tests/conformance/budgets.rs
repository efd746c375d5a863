//! How many messages may be sent.

use super::*;

fn budget(messages: u32, seconds: u64) -> Budget {
    let per = Duration::from_secs(seconds);
    Budget { messages, per }
}

/// Rules with nothing but these budgets.
fn only(budgets: Budgets) -> Rules {
    Rules {
        resend_delay: Duration::ZERO,
        budgets,
        ..Rules::default()
    }
}

/// How long a start has to wait; none when it sent a message.
async fn wait(store: &Shared, scope: UserScope, second: i64, rules: &Rules) -> Option<u64> {
    match start_by(store, scope, Method::Sms, BUDGETS + second, rules).await {
        Started::Sms(_) => None,
        Started::OverBudget { retry_after } => Some(retry_after.as_secs()),
        other => panic!("{other:?}"),
    }
}

pub(super) async fn per_user_and_number(store: &Shared) {
    let rules = only(Budgets::default());
    let mine = account(store).await;
    let (shop, cafe) = (service(store, mine).await, service(store, mine).await);
    let jo = user(store, shop).await;
    for second in 0..5 {
        assert_eq!(wait(store, jo, second * 100, &rules).await, None);
    }
    assert_eq!(wait(store, jo, 500, &rules).await, Some(3_100));
    // A number is one number in every service of the account, and also for a new user.
    let same_number = user(store, cafe).await;
    assert_eq!(wait(store, same_number, 600, &rules).await, Some(3_000));
    store.delete_user(jo).await.unwrap();
    let again = user(store, shop).await;
    assert_eq!(wait(store, again, 700, &rules).await, Some(2_900));
    store.delete_service(shop).await.unwrap();
    assert_eq!(wait(store, same_number, 800, &rules).await, Some(2_800));
    // Another number is another one, and so is the same with another account.
    let zoe = add_user(store, cafe, user_with("zoe", "+37255555556")).await;
    assert_eq!(wait(store, zoe, 900, &rules).await, None);
    assert_eq!(wait(store, some_user(store).await, 900, &rules).await, None);
    // What was refused was not counted, and an hour later there is room for one.
    assert_eq!(wait(store, same_number, 3_599, &rules).await, Some(1));
    assert_eq!(wait(store, same_number, 3_600, &rules).await, None);
    assert_eq!(wait(store, same_number, 3_600, &rules).await, Some(100));

    // A user's own budget, apart from the number's.
    let rules = only(Budgets {
        user: Some(budget(1, 60)),
        ..Budgets::unlimited()
    });
    let (jo, zoe) = (some_user(store).await, some_user(store).await);
    assert_eq!(wait(store, jo, 10_000, &rules).await, None);
    assert_eq!(wait(store, jo, 10_001, &rules).await, Some(59));
    assert_eq!(wait(store, zoe, 10_001, &rules).await, None);

    // An authenticator sends nothing.
    let secret = TotpSecret::generate(random::fill).unwrap();
    store.enrol_totp(jo, &secret).await.unwrap();
    let code = secret.code_at(at(1));
    store.confirm_totp(jo, &code, at(1)).await.unwrap();
    let started = start_by(store, jo, Method::Totp, 1, &rules).await;
    assert!(matches!(started, Started::Totp));
    assert_eq!(wait(store, jo, 10_060, &rules).await, None);
}

pub(super) async fn per_account_and_prefix(store: &Shared) {
    let rules = only(Budgets {
        account: Some(budget(4, 100)),
        prefixes: vec![
            ("+371".parse().unwrap(), budget(2, 50)),
            ("+3712".parse().unwrap(), budget(1, 10)),
        ],
        ..Budgets::unlimited()
    });
    let mine = account(store).await;
    let mut users = Vec::new();
    for phone in ["+37255555555", "+37111111111", "+37122222222"] {
        let service = service(store, mine).await;
        users.push(add_user(store, service, user_with(&unique("user"), phone)).await);
    }
    let wait =
        async |user: usize, second: i64| wait(store, users[user], 20_000 + second, &rules).await;
    assert_eq!(wait(2, 0).await, None);
    assert_eq!(wait(2, 1).await, Some(9), "the longer prefix");
    assert_eq!(wait(1, 2).await, None);
    assert_eq!(wait(2, 15).await, Some(35), "the shorter prefix");
    assert_eq!(wait(0, 15).await, None, "neither");
    assert_eq!(wait(2, 50).await, None);
    assert_eq!(wait(0, 60).await, Some(40), "the account");
    assert_eq!(wait(0, 100).await, None);
}

pub(super) async fn countries(store: &Shared) {
    let rules = Rules {
        allow_prefixes: vec!["+371".parse().unwrap()],
        ..unlimited()
    };
    let jo = some_user(store).await;
    let started = start_by(store, jo, Method::Sms, 0, &rules).await;
    assert!(matches!(started, Started::NotAllowed));
    assert_eq!(check(store, jo, "1", 0).await, Check::NotStarted);
    let zoe = add_user(store, jo.service, user_with("zoe", "+37155555555")).await;
    let started = start_by(store, zoe, Method::Sms, 0, &rules).await;
    assert!(matches!(started, Started::Sms(_)));
}
