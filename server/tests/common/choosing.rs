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
        Account, Claim, Claimed, NewService, NewUser, PickedUp, Pickup, Service, ServiceScope,
        Settled, Started, Store, StoreError, StoredAnswer, User, UserScope,
    },
};

type Choose = dyn Fn(&'static str) -> Result<Arc<dyn Store>, StoreError> + Send + Sync;

/// Gives each step, by its name, to whom the function says.
pub(crate) struct Choosing(Box<Choose>);

impl Choosing {
    pub(crate) fn new(
        choose: impl Fn(&'static str) -> Result<Arc<dyn Store>, StoreError> + Send + Sync + 'static,
    ) -> Self {
        Self(Box::new(choose))
    }
}

macro_rules! pass_on {
    ($($name:ident($($argument:ident: $type:ty),*) -> $done:ty;)*) => {
        #[async_trait]
        impl Store for Choosing {
            $(async fn $name(&self, $($argument: $type),*) -> Result<$done, StoreError> {
                self.0(stringify!($name))?.$name($($argument),*).await
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
    claim_key(claim: &Claim) -> Claimed;
    keep_answer(claim: &Claim, answer: &StoredAnswer) -> ();
    abandon_key(claim: &Claim) -> ();
}
