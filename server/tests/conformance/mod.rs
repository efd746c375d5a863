//! What every store must do, whatever it is made of. A backend's test calls [`all`] with a way to
//! get an empty store.

mod authentication;
mod budgets;
mod isolation;
mod keys;
mod once;
mod outbox;
mod races;
mod records;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use tokio::{sync::Barrier, task::JoinSet};
use uuid::Uuid;
use verigator_server::{
    config::Rules,
    engine::{
        authentication::{Check, CheckRequest, Confirm, Enrol, Method, StartRequest},
        budget::{Budget, Budgets},
        phone::Phone,
        pin::{MacKey, Pin, Resend},
        totp::TotpSecret,
    },
    random,
    store::{
        Account, Answers, Claim, Claimed, Hold, Keyed, NewService, NewUser, Once, PickedUp, Pickup,
        Queue, Refusal, ServiceScope, Settled, Started, Store, StoreError, StoredAnswer, UserScope,
    },
};

pub(crate) type Shared = Arc<dyn Store>;

/// What must hold also between servers that have not all got a new key as their first.
#[allow(dead_code, reason = "only some stores have more than one server")]
pub(crate) async fn while_keys_are_replaced(store: Shared) {
    budgets::per_user_and_number(&store).await;
    once::once(&store).await;
    once::once_in_parallel(&store).await;
    keys::keys(&store).await;
    outbox::outbox(&store).await;
    outbox::held(&store).await;
    outbox::settled_together(&store).await;
    races::budgets_in_parallel(&store).await;
    races::keys_in_parallel(&store).await;
}

pub(crate) async fn all(store: Shared) {
    records::accounts(&store).await;
    records::services(&store).await;
    records::users(&store).await;
    records::odd_names(&store).await;
    isolation::isolation(&store).await;
    authentication::authentication(&store).await;
    authentication::the_same_pin_again(&store).await;
    authentication::authenticators(&store).await;
    budgets::per_user_and_number(&store).await;
    budgets::per_account_and_prefix(&store).await;
    budgets::countries(&store).await;
    once::once(&store).await;
    once::once_in_parallel(&store).await;
    once::one_key_for_many_users(&store).await;
    keys::keys(&store).await;
    once::once_again(&store).await;
    outbox::outbox(&store).await;
    outbox::held(&store).await;
    outbox::settled_together(&store).await;
    outbox::queue(&store).await;
    outbox::outbox_in_parallel(&store).await;
    outbox::what_is_replaced_leaves(&store).await;
    outbox::who_is_gone_gets_nothing(&store).await;
    races::right_pin_in_parallel(&store).await;
    races::wrong_pins_in_parallel(&store).await;
    races::right_among_wrong_in_parallel(&store).await;
    races::totp_in_parallel(&store).await;
    races::budgets_in_parallel(&store).await;
    races::names_in_parallel(&store).await;
    races::keys_in_parallel(&store).await;
}

/// Puts a message into the outbox and gives its PIN.
#[allow(dead_code, reason = "not every backend has a past")]
pub(crate) async fn put_message(store: &Shared) -> String {
    let user = some_user(store).await;
    sent_pin(store, user, 0).await
}

/// The PINs of all messages in the outbox.
#[allow(dead_code, reason = "not every backend has a past")]
pub(crate) async fn messages(store: &Shared) -> Vec<String> {
    outbox::pins(store, 0).await
}

/// When what depends on what was before is tested, each later than what is called before it: what
/// is over for some step may be gone at any time after.
const BUDGETS: i64 = 1_000_000;
const KEYS: i64 = 2_000_000;
const RACES: i64 = 3_000_000;

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn unique(word: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("{word}{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

fn refusal<T: std::fmt::Debug>(result: Result<T, StoreError>) -> Refusal {
    match result {
        Err(StoreError::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

fn new_account() -> Account {
    Account {
        id: Uuid::new_v4(),
        username: unique("account"),
        password_hash: "$argon2id$".to_owned(),
        disabled: false,
        created_at: at(0),
    }
}

pub(crate) async fn account(store: &Shared) -> Uuid {
    let account = new_account();
    store.create_account(&account).await.unwrap();
    account.id
}

fn new_service(account: Uuid, name: &str, fqdn: &str) -> NewService {
    let (name, fqdn) = (name.to_owned(), fqdn.to_owned());
    NewService {
        id: Uuid::new_v4(),
        account,
        name,
        fqdn,
        template: None,
        created_at: at(1),
    }
}

fn new_user(name: &str) -> NewUser {
    user_with(name, "+37255555555")
}

fn user_with(name: &str, phone: &str) -> NewUser {
    NewUser {
        id: Uuid::new_v4(),
        id_in_service: name.to_owned(),
        phone: Phone::parse(phone).unwrap(),
        created_at: at(2),
    }
}

pub(crate) async fn service(store: &Shared, account: Uuid) -> ServiceScope {
    let name = unique("service");
    let service = store
        .create_service(&new_service(account, &name, &name))
        .await
        .unwrap();
    ServiceScope {
        account,
        service: service.id,
    }
}

pub(crate) async fn user(store: &Shared, service: ServiceScope) -> UserScope {
    add_user(store, service, new_user(&unique("user"))).await
}

async fn add_user(store: &Shared, service: ServiceScope, new: NewUser) -> UserScope {
    let user = store.create_user(service, &new).await.unwrap();
    UserScope {
        service,
        user: user.id,
    }
}

pub(crate) async fn some_user(store: &Shared) -> UserScope {
    user(store, service(store, account(store).await).await).await
}

pub(crate) fn key() -> MacKey {
    MacKey::new([7; 32])
}

/// The rules of every test here but those of budgets: all users have one number.
pub(crate) fn unlimited() -> Rules {
    Rules {
        budgets: Budgets::unlimited(),
        ..Rules::default()
    }
}

pub(crate) async fn start_by(
    store: &Shared,
    scope: UserScope,
    method: Method,
    second: i64,
    rules: &Rules,
) -> Started {
    start_held(store, scope, method, second, rules, None).await
}

async fn start_held(
    store: &Shared,
    scope: UserScope,
    method: Method,
    second: i64,
    rules: &Rules,
    hold: Option<Hold>,
) -> Started {
    let (id, key) = (Uuid::new_v4(), key());
    let pin = Pin::new(rules.resend, rules.pin_length, &key, id, random::fill).unwrap();
    let start = StartRequest {
        method,
        id,
        pin: &pin,
        key: &key,
        now: at(second),
        rules,
    };
    let started = store.start_authentication(scope, &start, hold, None).await;
    started.unwrap().done().unwrap()
}

pub(crate) async fn start(
    store: &Shared,
    scope: UserScope,
    method: Method,
    second: i64,
) -> Started {
    start_by(store, scope, method, second, &unlimited()).await
}

pub(crate) async fn sent_pin(store: &Shared, scope: UserScope, second: i64) -> String {
    match start(store, scope, Method::Sms, second).await {
        Started::Sms(message) => message.pin.expose().to_owned(),
        other => panic!("no message: {other:?}"),
    }
}

pub(crate) async fn check(store: &Shared, scope: UserScope, guess: &str, second: i64) -> Check {
    let (key, rules) = (key(), unlimited());
    let check = CheckRequest {
        guess,
        key: &key,
        now: at(second),
        rules: &rules,
    };
    let checked = store.check(scope, &check, None).await;
    checked.unwrap().done().unwrap()
}
