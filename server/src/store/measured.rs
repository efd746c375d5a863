//! Any store, with the time that each of its steps takes.

use std::{sync::Arc, time::Instant};

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use super::{
    Account, Claim, Claimed, NewService, NewUser, PickedUp, Pickup, Queue, Service, ServiceScope,
    Settled, Started, Store, StoreError, StoredAnswer, User, UserScope,
};
use crate::{
    engine::{
        authentication::{Check, CheckRequest, Confirm, Enrol, StartRequest},
        totp::TotpSecret,
    },
    metrics::Metrics,
};

/// A store around a store.
pub struct Measured {
    store: Arc<dyn Store>,
    metrics: Arc<Metrics>,
}

impl Measured {
    /// Counts the steps of `store` in `metrics`.
    pub fn new(store: Arc<dyn Store>, metrics: Arc<Metrics>) -> Self {
        Self { store, metrics }
    }

    async fn time<T>(&self, step: &'static str, working: impl Future<Output = T>) -> T {
        let begun = Instant::now();
        let done = working.await;
        self.metrics.stored(step, begun.elapsed());
        done
    }
}

/// Each method is timed under its own name and otherwise passed on.
macro_rules! pass_on {
    ($($name:ident($($argument:ident: $type:ty),*) -> $done:ty;)*) => {
        #[async_trait]
        impl Store for Measured {
            fn is_shared(&self) -> bool {
                self.store.is_shared()
            }

            $(async fn $name(&self, $($argument: $type),*) -> Result<$done, StoreError> {
                self.time(stringify!($name), self.store.$name($($argument),*)).await
            })*
        }
    };
}

pass_on! {
    ready() -> ();
    create_account(account: &Account) -> ();
    account(username: &str) -> Option<Account>;
    accounts() -> Vec<Account>;
    set_password(username: &str, password_hash: &str) -> Uuid;
    disable_account(username: &str) -> Uuid;
    create_service(service: &NewService) -> Service;
    service(scope: ServiceScope) -> Service;
    delete_service(scope: ServiceScope) -> ();
    create_user(scope: ServiceScope, user: &NewUser) -> User;
    users(scope: ServiceScope) -> Vec<User>;
    user(scope: UserScope) -> User;
    delete_user(scope: UserScope) -> ();
    start_authentication(scope: UserScope, start: &StartRequest<'_>) -> Started;
    check(scope: UserScope, check: &CheckRequest<'_>) -> Check;
    enrol_totp(scope: UserScope, secret: &TotpSecret) -> Enrol;
    confirm_totp(scope: UserScope, guess: &str, now: Timestamp) -> Confirm;
    remove_totp(scope: UserScope) -> bool;
    unlock_user(user: Uuid) -> ();
    pick_up_messages(pickup: Pickup) -> PickedUp;
    settle_message(id: Uuid, lease: Uuid, settled: Settled) -> ();
    queue(at_most: u32) -> Queue;
    claim_key(claim: &Claim) -> Claimed;
    keep_answer(claim: &Claim, answer: &StoredAnswer) -> ();
    abandon_key(claim: &Claim) -> ();
}
