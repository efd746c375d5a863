//! A store that asks for each step which store is to take it, or how it fails.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;
use verigator_server::{
    engine::{
        authentication::{Check, CheckRequest, Confirm, Enrol, StartRequest},
        totp::TotpSecret,
    },
    store::{
        Account, Claim, Claimed, Hold, Keyed, NewService, NewUser, Once, PickedUp, Pickup, Queue,
        Service, ServiceScope, Settlement, Started, Store, StoreError, StoredAnswer, User,
        UserScope,
    },
};

type Choose = dyn Fn(&'static str) -> Result<Arc<dyn Store>, StoreError> + Send + Sync;

/// Gives each step, by its name, to whom the function says.
pub(crate) struct Choosing {
    choose: Box<Choose>,
    hangs_on: Option<&'static str>,
    loses: Option<&'static str>,
}

impl Choosing {
    pub(crate) fn new(
        choose: impl Fn(&'static str) -> Result<Arc<dyn Store>, StoreError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            choose: Box::new(choose),
            hangs_on: None,
            loses: None,
        }
    }

    /// The same, but this step never ends.
    #[allow(dead_code, reason = "each test binary uses its own part")]
    pub(crate) fn hanging_on(self, step: &'static str) -> Self {
        let hangs_on = Some(step);
        Self { hangs_on, ..self }
    }

    /// The same, but nobody hears what this step did.
    #[allow(dead_code, reason = "each test binary uses its own part")]
    pub(crate) fn losing(self, step: &'static str) -> Self {
        let loses = Some(step);
        Self { loses, ..self }
    }
}

macro_rules! pass_on {
    ($($name:ident($($argument:ident: $type:ty),*) -> $done:ty;)*) => {
        #[async_trait]
        impl Store for Choosing {
            $(async fn $name(&self, $($argument: $type),*) -> Result<$done, StoreError> {
                let step = stringify!($name);
                if self.hangs_on == Some(step) {
                    std::future::pending::<()>().await;
                }
                let done = (self.choose)(step)?.$name($($argument),*).await;
                if self.loses == Some(step) {
                    return Err(StoreError::Unknown("lost".into()));
                }
                done
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
