//! A store in PostgreSQL: for any number of servers in front of one database.
//!
//! Steps are transactions that lock the rows they change, in the one order user, then what is
//! counted; statements that don't depend on each other go out together. The SQL is plain, without
//! extensions, advisory locks and notifications, so that databases that speak the same language
//! take it. What would be worth stealing is sealed or hashed with the server's key, which is not
//! in the database.
//!
//! Every step takes 5 seconds at most, but the deletion of a service 25: a database that is away is [`StoreError::Unavailable`], and
//! so is a commit whose answer was lost. Connections that were cut are not used again, so all is
//! well once it is back.

mod account;
mod address;
mod failure;
mod idempotency;
mod outbox;
mod pool;
mod schema;
mod sent;
mod service;
mod session;
mod start;
mod sweep;
mod tls;
mod user;

use std::sync::Arc;

use async_trait::async_trait;
use deadpool_postgres::Pool;
use jiff::Timestamp;
use uuid::Uuid;

pub use self::{
    address::{Address, AddressError},
    schema::PostgresError,
};
use self::{
    failure::Failure,
    session::{Session, call, run, run_within},
    sweep::Sweeper,
    user::Part,
};
use super::{
    Account, Claim, Claimed, Hold, Keyed, Migrated, NewService, NewUser, Once, PickedUp, Pickup,
    Queue, Service, ServiceScope, Settlement, Started, Store, StoreError, StoredAnswer, User,
    UserScope,
};
use crate::engine::{
    authentication::{AuthState, Check, CheckRequest, Confirm, Enrol, StartRequest},
    keys::Keys,
    totp::TotpSecret,
};

/// A database whose tables are up to date, for whoever has its keys.
pub struct Database {
    pool: Pool,
    migrated: Migrated,
}

impl Database {
    /// Connects, and brings the tables up to date: once, however many servers start at the same
    /// time. Must be called in a runtime.
    pub async fn connect(address: &Address) -> Result<Self, PostgresError> {
        let pool = pool::pool(address)?;
        let migrated = schema::migrate(&pool).await?;
        Ok(Self { pool, migrated })
    }

    /// What was done to the tables.
    pub fn migrated(&self) -> Migrated {
        self.migrated
    }

    /// Whether it was written with a key. A new key is of use only for a database that was not.
    pub async fn has_key(&self) -> Result<bool, PostgresError> {
        Ok(schema::has_key(&self.pool).await?)
    }

    /// Refuses keys that it was not written with, and seals anew with the current key what an
    /// older one sealed.
    pub async fn open(self, keys: Keys) -> Result<PostgresStore, PostgresError> {
        schema::check_key(&self.pool, &keys).await?;
        schema::seal_anew(&self.pool, &keys).await?;
        Ok(PostgresStore {
            pool: self.pool,
            keys,
            sweeper: Sweeper::default(),
        })
    }
}

/// The store.
pub struct PostgresStore {
    pool: Pool,
    keys: Keys,
    sweeper: Sweeper,
}

impl PostgresStore {
    async fn run<T, F>(&self, step: impl Fn(Arc<Session>) -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        run(&self.pool, step).await
    }

    /// [`user::change`] without a key.
    async fn change<T: Send>(
        &self,
        scope: UserScope,
        part: Part,
        step: impl Fn(&mut AuthState) -> T + Sync,
        is_news: impl Fn(&T) -> bool + Sync,
    ) -> Result<T, StoreError> {
        let (keys, step, is_news) = (&self.keys, &step, &is_news);
        let done = self
            .run(
                |db| async move { user::change(&db, keys, scope, part, None, step, is_news).await },
            )
            .await?;
        // Without a key it is always done.
        let never = || StoreError::Unavailable(Box::new(Failure::Ended));
        done.done().ok_or_else(never)
    }
}

async fn check(
    db: &Session,
    keys: &Keys,
    scope: UserScope,
    check: &CheckRequest<'_>,
    keyed: Option<&Keyed<Check>>,
) -> Result<Once<Check>, Failure> {
    let step = |state: &mut AuthState| state.check(check);
    // Expired and throttled are no news either, but should take the time that wrong takes.
    let is_news = |done: &Check| *done != Check::NotStarted;
    user::change(db, keys, scope, Part::State, keyed, step, is_news).await
}

#[async_trait]
impl Store for PostgresStore {
    fn is_shared(&self) -> bool {
        true
    }

    /// Writes, since a full disk or a database that only follows another fails nothing else.
    async fn ready(&self) -> Result<(), StoreError> {
        let beat = "UPDATE heartbeat SET beats = beats + 1 WHERE id = 1";
        self.run(|db| async move { db.ask([call(beat, &[])]).await.map(drop) })
            .await
    }

    async fn create_account(&self, account: &Account) -> Result<(), StoreError> {
        self.run(|db| async move { account::insert(&db, account).await })
            .await
    }

    async fn account(&self, username: &str) -> Result<Option<Account>, StoreError> {
        self.run(|db| async move { account::get(&db, username).await })
            .await
    }

    async fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        self.run(|db| async move { account::get_all(&db).await })
            .await
    }

    async fn set_password(&self, username: &str, password_hash: &str) -> Result<Uuid, StoreError> {
        self.run(|db| async move {
            account::change(&db, account::SET_PASSWORD, &[&username, &password_hash]).await
        })
        .await
    }

    async fn disable_account(&self, username: &str) -> Result<Uuid, StoreError> {
        self.run(|db| async move { account::change(&db, account::DISABLE, &[&username]).await })
            .await
    }

    async fn create_service(&self, service: &NewService) -> Result<Service, StoreError> {
        self.run(|db| async move { service::insert(&db, service).await })
            .await
    }

    async fn service(&self, scope: ServiceScope) -> Result<Service, StoreError> {
        self.run(|db| async move { service::get(&db, scope).await })
            .await
    }

    async fn delete_service(&self, scope: ServiceScope) -> Result<(), StoreError> {
        let delete = |db: Arc<Session>| async move { service::delete(&db, scope).await };
        run_within(service::DELETION, &self.pool, delete).await
    }

    async fn create_user(&self, scope: ServiceScope, user: &NewUser) -> Result<User, StoreError> {
        let keys = &self.keys;
        self.run(|db| async move { user::insert(&db, keys, scope, user).await })
            .await
    }

    async fn users(&self, scope: ServiceScope) -> Result<Vec<User>, StoreError> {
        self.run(|db| async move { user::get_all(&db, scope).await })
            .await
    }

    async fn user(&self, scope: UserScope) -> Result<User, StoreError> {
        self.run(|db| async move { user::get(&db, scope).await })
            .await
    }

    async fn delete_user(&self, scope: UserScope) -> Result<(), StoreError> {
        self.run(|db| async move { user::delete(&db, scope).await })
            .await
    }

    async fn start_authentication(
        &self,
        scope: UserScope,
        start: &StartRequest<'_>,
        hold: Option<Hold>,
        keyed: Option<Keyed<Started>>,
    ) -> Result<Once<Started>, StoreError> {
        let (keys, keyed) = (&self.keys, keyed.as_ref());
        let started = self
            .run(|db| async move { start::start(&db, keys, scope, start, hold, keyed).await })
            .await;
        self.sweeper.after(&self.pool, start.now);
        started
    }

    async fn check(
        &self,
        scope: UserScope,
        request: &CheckRequest<'_>,
        keyed: Option<Keyed<Check>>,
    ) -> Result<Once<Check>, StoreError> {
        let (keys, keyed) = (&self.keys, keyed.as_ref());
        let checked = self
            .run(|db| async move { check(&db, keys, scope, request, keyed).await })
            .await;
        self.sweeper.after(&self.pool, request.now);
        checked
    }

    async fn enrol_totp(&self, scope: UserScope, secret: &TotpSecret) -> Result<Enrol, StoreError> {
        let is_news = |done: &Enrol| *done == Enrol::Enrolled;
        let step = |state: &mut AuthState| state.enrol(secret.clone());
        self.change(scope, Part::Secret, step, is_news).await
    }

    async fn confirm_totp(
        &self,
        scope: UserScope,
        guess: &str,
        now: Timestamp,
    ) -> Result<Confirm, StoreError> {
        let is_news = |done: &Confirm| *done == Confirm::Confirmed;
        let step = |state: &mut AuthState| state.confirm(guess, now);
        self.change(scope, Part::State, step, is_news).await
    }

    async fn remove_totp(&self, scope: UserScope) -> Result<bool, StoreError> {
        let step = AuthState::remove_authenticator;
        self.change(scope, Part::Secret, step, |it| *it).await
    }

    async fn unlock_user(&self, user: Uuid) -> Result<(), StoreError> {
        self.run(|db| async move { user::unlock(&db, user).await })
            .await
    }

    async fn pick_up_messages(&self, pickup: Pickup) -> Result<PickedUp, StoreError> {
        let keys = &self.keys;
        self.run(|db| async move { outbox::pick_up(&db, keys, pickup).await })
            .await
    }

    async fn settle_messages(&self, settlements: &[Settlement]) -> Result<(), StoreError> {
        self.run(|db| async move { outbox::settle(&db, settlements).await })
            .await
    }

    async fn queue(&self, at_most: u32) -> Result<Queue, StoreError> {
        self.run(|db| async move { outbox::queue(&db, at_most).await })
            .await
    }

    async fn claim_key(&self, claim: &Claim) -> Result<Claimed, StoreError> {
        let keys = &self.keys;
        let claimed = self
            .run(|db| async move { idempotency::claim(&db, keys, claim).await })
            .await;
        self.sweeper.after(&self.pool, claim.now);
        claimed
    }

    async fn keep_answer(&self, claim: &Claim, answer: &StoredAnswer) -> Result<(), StoreError> {
        let keys = &self.keys;
        self.run(|db| async move { idempotency::keep(&db, keys, claim, answer).await })
            .await
    }

    async fn abandon_key(&self, claim: &Claim) -> Result<(), StoreError> {
        let keys = &self.keys;
        self.run(|db| async move { idempotency::abandon(&db, keys, claim).await })
            .await
    }
}
