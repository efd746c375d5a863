//! Several stores on one database, as several servers have them: each step is another's turn.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;
use verigator_server::{
    engine::{
        authentication::{Check, CheckRequest, Confirm, Enrol, StartRequest},
        totp::TotpSecret,
    },
    store::{
        Account, Claim, Claimed, NewService, NewUser, PickedUp, Pickup, Queue, Service,
        ServiceScope, Settled, Started, Store, StoreError, StoredAnswer, User, UserScope,
    },
};

pub(crate) struct InTurn {
    stores: Vec<Arc<dyn Store>>,
    next: AtomicUsize,
}

impl InTurn {
    pub(crate) fn new(stores: Vec<Arc<dyn Store>>) -> Self {
        let next = AtomicUsize::new(0);
        Self { stores, next }
    }

    fn next(&self) -> &dyn Store {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        &*self.stores[turn % self.stores.len()]
    }
}

macro_rules! pass_on {
    ($($name:ident($($argument:ident: $type:ty),*) -> $done:ty;)*) => {
        #[async_trait]
        impl Store for InTurn {
            $(async fn $name(&self, $($argument: $type),*) -> Result<$done, StoreError> {
                self.next().$name($($argument),*).await
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
