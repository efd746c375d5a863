//! What must be atomic, as a trait: each method is one step that happens wholly or not at all,
//! and answers only when what it says is as durable as the backend makes things.
//!
//! The methods speak of outcomes, not of rows. Every decision is the engine's; a backend reads a
//! user's [`AuthState`](crate::engine::authentication::AuthState), lets the engine change it and
//! writes it back, with nobody in between. Knows no HTTP.

pub mod idempotency;
pub mod measured;
pub mod memory;
mod migrated;
mod outbox;
#[cfg(feature = "postgres")]
pub mod postgres;
mod records;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod sealed;
#[cfg(feature = "sqlite")]
pub mod sqlite;

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use thiserror::Error;
use uuid::Uuid;

pub use self::{
    idempotency::{Answers, Claim, Claimed, Keyed, Once, StoredAnswer},
    migrated::Migrated,
    outbox::{Hold, Outgoing, PickedUp, Pickup, Queue, Settled, Settlement},
    records::{Account, NewService, NewUser, Service, User},
};
use crate::engine::{
    authentication::{Check, CheckRequest, Confirm, Enrol, Start, StartRequest},
    message::Message,
    pin::Pin,
    totp::TotpSecret,
};

/// Why a step did not happen.
#[derive(Debug, Error)]
pub enum StoreError {
    /// It may not, and asking again changes nothing.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The backend failed, and the step did not happen.
    #[error("the store is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The backend failed, and the step may have happened.
    #[error("the store did not say what it did")]
    Unknown(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Why a step may not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refusal {
    /// There is an account of that name.
    #[error("an account of this name exists")]
    AccountExists,
    /// There is no account of that name.
    #[error("no account of this name exists")]
    AccountNotFound,
    /// There is no such service.
    #[error("no such service")]
    ServiceNotFound,
    /// The service is another account's.
    #[error("the service belongs to another account")]
    ServiceForbidden,
    /// The account has a service of that name or domain.
    #[error("a service of this name or domain exists")]
    ServiceExists,
    /// The service has no such user.
    #[error("no such user")]
    UserNotFound,
    /// The service has a user of that name.
    #[error("a user of this name exists")]
    UserExists,
}

/// A service, and the account that asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServiceScope {
    /// Who asks.
    pub account: Uuid,
    /// For what.
    pub service: Uuid,
}

/// A user, the service it should belong to, and the account that asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserScope {
    /// Who asks, and in which service.
    pub service: ServiceScope,
    /// For what.
    pub user: Uuid,
}

/// What a start came to.
#[derive(Debug)]
pub enum Started {
    /// Pending; this message is in the outbox.
    Sms(Message),
    /// Pending; there is nothing to send.
    Totp,
    /// Too soon after the last one.
    TooSoon {
        /// How long to wait.
        retry_after: Duration,
    },
    /// A budget of messages is used up.
    OverBudget {
        /// How long to wait.
        retry_after: Duration,
    },
    /// No message may go to the user's number.
    NotAllowed,
    /// Too many wrong guesses in a row.
    Locked,
}

impl Started {
    /// What the engine decided, with the message that `compose` writes around the PIN and the
    /// moment it ends.
    pub fn new(start: Start, compose: impl FnOnce(Pin, Timestamp) -> Message) -> Self {
        match start {
            Start::Sms { pin, expires_at } => Self::Sms(compose(pin, expires_at)),
            Start::Totp { .. } => Self::Totp,
            Start::TooSoon { retry_after } => Self::TooSoon { retry_after },
            Start::OverBudget { retry_after } => Self::OverBudget { retry_after },
            Start::NotAllowed => Self::NotAllowed,
            Start::Locked => Self::Locked,
        }
    }

    /// Whether it took the place of what the user had started before: a message that still waits
    /// for that would bring a PIN that is dead, or the same one twice.
    pub fn replaces(&self) -> bool {
        matches!(self, Self::Sms(_) | Self::Totp)
    }
}

/// Keeps accounts, services, users and their authentications.
///
/// A method that takes a scope refuses with [`Refusal::ServiceNotFound`],
/// [`Refusal::ServiceForbidden`] or [`Refusal::UserNotFound`], in this order.
#[async_trait]
pub trait Store: Send + Sync {
    /// Whether other processes put messages into the same outbox, so that it is worth looking
    /// into again when it is empty.
    fn is_shared(&self) -> bool {
        false
    }

    /// Whether the backend answers.
    async fn ready(&self) -> Result<(), StoreError>;

    /// Adds an account, or refuses with [`Refusal::AccountExists`].
    async fn create_account(&self, account: &Account) -> Result<(), StoreError>;

    /// The account of that name.
    async fn account(&self, username: &str) -> Result<Option<Account>, StoreError>;

    /// All accounts, by name.
    async fn accounts(&self) -> Result<Vec<Account>, StoreError>;

    /// Gives an account another password and returns its id, or refuses with
    /// [`Refusal::AccountNotFound`].
    async fn set_password(&self, username: &str, password_hash: &str) -> Result<Uuid, StoreError>;

    /// Disables an account and returns its id, or refuses with [`Refusal::AccountNotFound`].
    async fn disable_account(&self, username: &str) -> Result<Uuid, StoreError>;

    /// Adds a service, or refuses with [`Refusal::ServiceExists`] when its name or its domain is
    /// taken in the account.
    async fn create_service(&self, service: &NewService) -> Result<Service, StoreError>;

    /// A service.
    async fn service(&self, scope: ServiceScope) -> Result<Service, StoreError>;

    /// Removes a service with its users, their authentications and the messages that wait.
    async fn delete_service(&self, scope: ServiceScope) -> Result<(), StoreError>;

    /// Adds a user, or refuses with [`Refusal::UserExists`] when the name is taken in the service.
    async fn create_user(&self, scope: ServiceScope, user: &NewUser) -> Result<User, StoreError>;

    /// The users of a service, oldest first.
    async fn users(&self, scope: ServiceScope) -> Result<Vec<User>, StoreError>;

    /// A user.
    async fn user(&self, scope: UserScope) -> Result<User, StoreError>;

    /// Removes a user with its authentication, its authenticator and a message that waits.
    async fn delete_user(&self, scope: UserScope) -> Result<(), StoreError>;

    /// Starts an authentication. The message of [`Started::Sms`] counts against its budgets and is
    /// put into the outbox in the same step, under the id of the request: held for whoever asks,
    /// if there is a `hold`, and otherwise for whoever picks it up. When it
    /// [replaces](Started::replaces) what was started before, all other messages of the user leave
    /// the outbox, also those that are on their way, which are then not tried again. However many
    /// ask at once, no budget is overdrawn.
    ///
    /// With a key it happens once: the answer is kept in the same step, also that of a refusal, so
    /// that whoever asks again is told what happened, whatever happens to this process.
    async fn start_authentication(
        &self,
        scope: UserScope,
        start: &StartRequest<'_>,
        hold: Option<Hold>,
        keyed: Option<Keyed<Started>>,
    ) -> Result<Once<Started>, StoreError>;

    /// Checks a guess: a right one is accepted exactly once, and no more than the allowed wrong
    /// ones are ever compared, however many ask at once.
    ///
    /// With a key it happens once, as a [start](Self::start_authentication) does.
    async fn check(
        &self,
        scope: UserScope,
        check: &CheckRequest<'_>,
        keyed: Option<Keyed<Check>>,
    ) -> Result<Once<Check>, StoreError>;

    /// Enrols an authenticator.
    async fn enrol_totp(&self, scope: UserScope, secret: &TotpSecret) -> Result<Enrol, StoreError>;

    /// Confirms an authenticator by a first code.
    async fn confirm_totp(
        &self,
        scope: UserScope,
        guess: &str,
        now: Timestamp,
    ) -> Result<Confirm, StoreError>;

    /// Removes an authenticator; false when there was none.
    async fn remove_totp(&self, scope: UserScope) -> Result<bool, StoreError>;

    /// Forgets a user's wrong guesses in a row, or refuses with [`Refusal::UserNotFound`]. For
    /// operators: it asks for no account.
    async fn unlock_user(&self, user: Uuid) -> Result<(), StoreError>;

    /// Takes messages out of the outbox that are due, oldest first. They come back by themselves
    /// when the lease is over.
    async fn pick_up_messages(&self, pickup: Pickup) -> Result<PickedUp, StoreError>;

    /// Says what becomes of messages that were picked up. Leaves alone those whose lease was over
    /// and that another has. When it fails, some may be settled and others not: it may be said of
    /// all once more.
    async fn settle_messages(&self, settlements: &[Settlement]) -> Result<(), StoreError>;

    /// How full the outbox is. Cheap at any length: no more than `at_most` messages are counted.
    async fn queue(&self, at_most: u32) -> Result<Queue, StoreError>;

    /// Claims an idempotency key, or says what became of it.
    async fn claim_key(&self, claim: &Claim) -> Result<Claimed, StoreError>;

    /// Keeps the answer to a claimed key until `claim.keep_until`. Does nothing when another has
    /// claimed the key since.
    async fn keep_answer(&self, claim: &Claim, answer: &StoredAnswer) -> Result<(), StoreError>;

    /// Gives a claimed key back, for an answer that is not to be kept.
    async fn abandon_key(&self, claim: &Claim) -> Result<(), StoreError>;
}
