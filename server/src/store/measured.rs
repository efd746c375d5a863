//! Any store, with the time that each of its steps takes, and a word in the log when one fails.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use super::{
    Account, Claim, Claimed, Hold, Keyed, NewService, NewUser, Once, PickedUp, Pickup, Queue,
    Service, ServiceScope, Settlement, Started, Store, StoreError, StoredAnswer, User, UserScope,
};
use crate::{
    engine::{
        authentication::{Check, CheckRequest, Confirm, Enrol, StartRequest},
        totp::TotpSecret,
    },
    metrics::Metrics,
};

/// How long to say nothing more of a store that fails: every request would have a word.
const SILENCE: Duration = Duration::from_secs(10);

/// A store around a store.
pub struct Measured {
    store: Arc<dyn Store>,
    metrics: Arc<Metrics>,
    failures: Mutex<Failures>,
}

/// Steps that failed.
#[derive(Default)]
struct Failures {
    /// When the log last told of one.
    told: Option<Instant>,
    /// How many there were since.
    untold: u64,
}

impl Measured {
    /// Counts the steps of `store` in `metrics`.
    pub fn new(store: Arc<dyn Store>, metrics: Arc<Metrics>) -> Self {
        Self {
            store,
            metrics,
            failures: Mutex::default(),
        }
    }

    async fn time<T>(
        &self,
        step: &'static str,
        working: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let begun = Instant::now();
        let done = working.await;
        self.metrics.stored(step, begun.elapsed());
        if let Err(StoreError::Unavailable(cause) | StoreError::Unknown(cause)) = &done {
            self.tell(step, &**cause);
        }
        done
    }

    fn tell(&self, step: &'static str, cause: &dyn std::error::Error) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.told.is_some_and(|at| at.elapsed() < SILENCE) {
            failures.untold += 1;
            return;
        }
        tracing::error!(step, %cause, untold = failures.untold, "the store failed");
        *failures = Failures {
            told: Some(Instant::now()),
            untold: 0,
        };
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
    start_authentication(
        scope: UserScope, start: &StartRequest<'_>, hold: Option<Hold>,
        keyed: Option<Keyed<Started>>
    ) -> Once<Started>;
    check(
        scope: UserScope, check: &CheckRequest<'_>, keyed: Option<Keyed<Check>>
    ) -> Once<Check>;
    enrol_totp(scope: UserScope, secret: &TotpSecret) -> Enrol;
    confirm_totp(scope: UserScope, guess: &str, now: Timestamp) -> Confirm;
    remove_totp(scope: UserScope) -> bool;
    unlock_user(user: Uuid) -> ();
    pick_up_messages(pickup: Pickup) -> PickedUp;
    settle_messages(settlements: &[Settlement]) -> ();
    queue(at_most: u32) -> Queue;
    claim_key(claim: &Claim) -> Claimed;
    keep_answer(claim: &Claim, answer: &StoredAnswer) -> ();
    abandon_key(claim: &Claim) -> ();
}
