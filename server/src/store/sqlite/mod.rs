//! A store in one file, with SQLite built in: for one machine, with nothing to install.
//!
//! One thread writes, one reads and one writes the log back, each with a connection of its own. In a write-ahead log with
//! `synchronous=FULL`, what a step answers is on the disk, and what a reader sees, too. What would
//! be worth stealing is sealed or hashed with the server's key, which is not in the file.

mod checkpoint;
mod failure;
mod idempotency;
mod outbox;
mod schema;
mod sent;
mod sweep;
mod user;
mod worker;

use std::{path::Path, sync::Arc};

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row};
use uuid::Uuid;

pub use self::schema::SqliteError;
use self::{
    checkpoint::Checkpoints,
    sweep::Sweeper,
    user::may_use,
    worker::{Kind, Worker},
};
use super::{
    Account, Claim, Claimed, Hold, Keyed, Migrated, NewService, NewUser, Once, PickedUp, Pickup,
    Queue, Refusal, Service, ServiceScope, Settlement, Started, Store, StoreError, StoredAnswer,
    User, UserScope,
    sealed::{self, key::Hashes, micros, moment, state::StateRow},
};
use crate::{
    config::Rules,
    engine::{
        authentication::{
            AuthState, Check, CheckRequest, Confirm, Enrol, Method, Start, StartRequest,
        },
        budget::MaySend,
        keys::Keys,
        message::{Message, Sender},
        pin::{MacKey, Pin},
        totp::TotpSecret,
    },
};

/// Users that are sealed anew in one transaction when a key was replaced.
const SEALED_AT_ONCE: u32 = 1000;

/// In KiB: the pages that are kept in memory for the steps that write. With less, those of a large
/// file that every other step needs are read again and again.
const WRITER_CACHE: i64 = 128 * 1024;
/// In KiB: the same for the steps that only read.
const READER_CACHE: i64 = 16 * 1024;

/// The store. Dropping it waits for the steps that run.
pub struct SqliteStore {
    writer: Worker,
    reader: Worker,
    _checkpoints: Checkpoints,
    keys: Arc<Keys>,
    sweeper: Arc<Sweeper>,
}

impl SqliteStore {
    /// Brings the tables of the file up to date, or makes it. Blocks.
    pub fn migrate(path: &Path) -> Result<Migrated, SqliteError> {
        schema::migrate(&mut schema::open(path)?, None)
    }

    /// Whether the file was written with a key, after [`migrate`](Self::migrate). Blocks.
    pub fn has_key(path: &Path) -> Result<bool, SqliteError> {
        schema::has_key(&schema::open(path)?)
    }

    /// Opens the file, or makes it; brings its tables up to date, refuses keys that it was not
    /// written with, and seals anew with the current key what an older one sealed. Blocks.
    pub fn open(path: &Path, keys: Keys) -> Result<Self, SqliteError> {
        let mut writing = schema::open(path)?;
        writing.pragma_update(None, "cache_size", -WRITER_CACHE)?;
        schema::migrate(&mut writing, Some(&keys))?;
        while schema::seal_anew(&mut writing, &keys, SEALED_AT_ONCE)? {}
        let reading = schema::open(path)?;
        reading.pragma_update(None, "cache_size", -READER_CACHE)?;
        reading.pragma_update(None, "query_only", true)?;
        let checkpoints = Checkpoints::start(&mut writing, schema::open(path)?)?;
        Ok(Self {
            writer: Worker::start(writing, Kind::Writer)?,
            reader: Worker::start(reading, Kind::Reader)?,
            _checkpoints: checkpoints,
            keys: Arc::new(keys),
            sweeper: Arc::default(),
        })
    }

    /// Lets messages go out at once that another process had picked up. Only for a process that
    /// knows that there is no other any more.
    pub async fn release_messages(&self, now: Timestamp) -> Result<(), StoreError> {
        let release = move |db: &Connection| outbox::release(db, now);
        self.writer.run(release).await
    }

    /// Lets `step` change a user's authentication, alone, and says what came of it. Waits for the
    /// disk whatever that is: SQLite does not write a row that stays as it was, and how long a
    /// refusal takes would tell it from others.
    async fn change<T: Send + 'static>(
        &self,
        scope: UserScope,
        step: impl Fn(&mut AuthState) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let keys = Arc::clone(&self.keys);
        let change = move |db: &Connection| change(db, &keys, scope, &step);
        self.writer.run(change).await
    }

    /// Runs a step that adds what is over some day, and sweeps behind it: a refusal then leaves
    /// nothing to take back.
    async fn run_and_sweep<T: Send + 'static>(
        &self,
        now: Timestamp,
        step: impl Fn(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let sweeper = Arc::clone(&self.sweeper);
        let run = move |db: &Connection| {
            let done = step(db)?;
            sweeper.sweep(db, now)?;
            Ok(done)
        };
        self.writer.run(run).await
    }

    /// Lets `step` happen at `now`, and if there is a key, once for it.
    async fn once<T: Send + 'static>(
        &self,
        now: Timestamp,
        keyed: Option<Keyed<T>>,
        step: impl Fn(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<Once<T>, StoreError> {
        let Some(keyed) = keyed else {
            return self.run_and_sweep(now, step).await.map(Once::Done);
        };
        // Here, where it holds up nobody else.
        let hashes = Hashes::of(&self.keys, &keyed.claim);
        let keys = Arc::clone(&self.keys);
        let once = move |db: &Connection| idempotency::once(db, &keys, &keyed, &hashes, &step);
        Ok(match self.run_and_sweep(now, once).await? {
            Once::Done(done) => Once::Done(done?),
            Once::Not(claimed) => Once::Not(claimed),
        })
    }

    /// [`change`](Self::change) for a step that may change the authenticator's secret.
    async fn change_authenticator<T: Send + 'static>(
        &self,
        scope: UserScope,
        step: impl Fn(&mut AuthState) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let keys = Arc::clone(&self.keys);
        let change = move |db: &Connection| {
            let mut state = user::read(db, scope, |row| user::state(row, &keys, scope.user))?;
            let done = step(&mut state);
            user::put_state(db, scope.user, &StateRow::of(&state))?;
            user::put_authenticator(db, &keys, scope.user, state.authenticator.as_ref())?;
            Ok(done)
        };
        self.writer.run(change).await
    }
}

fn change<T>(
    db: &Connection,
    keys: &Keys,
    scope: UserScope,
    step: impl Fn(&mut AuthState) -> T,
) -> Result<T, StoreError> {
    let mut state = user::read(db, scope, |row| user::state(row, keys, scope.user))?;
    let before = StateRow::of(&state);
    let done = step(&mut state);
    let after = StateRow::of(&state);
    if after == before {
        beat(db)?;
    } else {
        user::put_state(db, scope.user, &after)?;
    }
    Ok(done)
}

/// Writes.
fn beat(db: &Connection) -> Result<(), StoreError> {
    db.prepare_cached("UPDATE heartbeat SET beats = beats + 1")?
        .execute(())?;
    Ok(())
}

/// A check that goes to another thread.
fn checking(check: &CheckRequest<'_>) -> impl Fn(&mut AuthState) -> Check + use<> {
    let (key, now, rules) = (check.key.clone(), check.now, check.rules.clone());
    let guess = zeroize::Zeroizing::new(check.guess.to_owned());
    move |state| {
        state.check(&CheckRequest {
            guess: &guess,
            key: &key,
            now,
            rules: &rules,
        })
    }
}

const ACCOUNT: &str = "SELECT id, username, password_hash, disabled, created_at FROM accounts";

fn account(row: &Row<'_>) -> Result<Account, StoreError> {
    Ok(Account {
        id: row.get(0)?,
        username: row.get(1)?,
        password_hash: row.get(2)?,
        disabled: row.get(3)?,
        created_at: moment(row.get(4)?)?,
    })
}

/// Changes an account with `sql`, which gives its id.
fn change_account(db: &Connection, sql: &str, values: &[&str]) -> Result<Uuid, StoreError> {
    let changed = db
        .prepare_cached(sql)?
        .query_row(rusqlite::params_from_iter(values), |row| row.get(0))
        .optional()?;
    Ok(changed.ok_or(Refusal::AccountNotFound)?)
}

/// A [`StartRequest`] that goes to another thread.
struct Starting {
    method: Method,
    id: Uuid,
    pin: Pin,
    key: MacKey,
    now: Timestamp,
    rules: Rules,
    hold: Option<Hold>,
}

impl Starting {
    fn new(start: &StartRequest<'_>, hold: Option<Hold>) -> Self {
        Self {
            method: start.method,
            id: start.id,
            pin: start.pin.clone(),
            key: start.key.clone(),
            now: start.now,
            rules: start.rules.clone(),
            hold,
        }
    }

    fn run(&self, db: &Connection, keys: &Keys, scope: UserScope) -> Result<Started, StoreError> {
        let (mut state, to, name, fqdn, template) = user::read(db, scope, |row| {
            let state = user::state(row, keys, scope.user)?;
            let to = user::phone(row, keys, scope.user)?;
            let (name, fqdn): (String, String) = (row.get("name")?, row.get("fqdn")?);
            let template: Option<String> = row.get("template")?;
            let template = sealed::template(template.as_deref())?;
            Ok((state, to, name, fqdn, template))
        })?;
        let (rules, now) = (&self.rules, self.now);
        let mut failed = None;
        let may_send = MaySend::to(&to, now, rules, |counted, n| {
            let last = sent::nth_last(db, keys, counted, scope, &to, n);
            last.unwrap_or_else(|error| {
                failed = Some(error);
                None
            })
        });
        if let Some(error) = failed {
            return Err(error);
        }
        let request = StartRequest {
            method: self.method,
            id: self.id,
            pin: &self.pin,
            key: &self.key,
            now,
            rules,
        };
        let start = state.start(&request, may_send);
        if matches!(start, Start::Sms { .. }) {
            sent::count(db, keys, scope, &to, (self.id, now), &rules.budgets)?;
        }
        let sender = Sender {
            name: &name,
            fqdn: &fqdn,
            template: template.as_ref(),
        };
        let started = Started::new(start, |pin, expires_at| {
            Message::new(self.id, to, sender, pin, now, expires_at, rules)
        });
        match &started {
            Started::Sms(message) => outbox::add(db, keys, scope.user, message, self.hold)?,
            Started::Totp => outbox::forget(db, scope.user)?,
            // Nothing was changed.
            _ => return Ok(started),
        }
        user::put_state(db, scope.user, &StateRow::of(&state))?;
        Ok(started)
    }
}

#[async_trait]
impl Store for SqliteStore {
    /// Writes, since a full disk or a file that may only be read fails nothing else.
    async fn ready(&self) -> Result<(), StoreError> {
        self.writer.run(beat).await
    }

    async fn create_account(&self, account: &Account) -> Result<(), StoreError> {
        let new = account.clone();
        let create = move |db: &Connection| {
            let taken = db
                .prepare_cached("SELECT 1 FROM accounts WHERE username = ?1")?
                .exists([&new.username])?;
            if taken {
                return Err(Refusal::AccountExists.into());
            }
            db.prepare_cached(
                "INSERT INTO accounts (id, username, password_hash, disabled, created_at)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute((
                new.id,
                &new.username,
                &new.password_hash,
                new.disabled,
                micros(new.created_at),
            ))?;
            Ok(())
        };
        self.writer.run(create).await
    }

    async fn account(&self, username: &str) -> Result<Option<Account>, StoreError> {
        let username = username.to_owned();
        let find = move |db: &Connection| {
            db.prepare_cached(&format!("{ACCOUNT} WHERE username = ?1"))?
                .query_row([&username], |row| Ok(account(row)))
                .optional()?
                .transpose()
        };
        self.reader.run(find).await
    }

    async fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        let list = |db: &Connection| {
            db.prepare_cached(&format!("{ACCOUNT} ORDER BY username"))?
                .query_map((), |row| Ok(account(row)))?
                .collect::<Result<Result<Vec<_>, _>, _>>()?
        };
        self.reader.run(list).await
    }

    async fn set_password(&self, username: &str, password_hash: &str) -> Result<Uuid, StoreError> {
        let (username, password_hash) = (username.to_owned(), password_hash.to_owned());
        let sql = "UPDATE accounts SET password_hash = ?2 WHERE username = ?1 RETURNING id";
        let set = move |db: &Connection| change_account(db, sql, &[&username, &password_hash]);
        self.writer.run(set).await
    }

    async fn disable_account(&self, username: &str) -> Result<Uuid, StoreError> {
        let username = username.to_owned();
        let sql = "UPDATE accounts SET disabled = 1 WHERE username = ?1 RETURNING id";
        let disable = move |db: &Connection| change_account(db, sql, &[&username]);
        self.writer.run(disable).await
    }

    async fn create_service(&self, service: &NewService) -> Result<Service, StoreError> {
        let new = service.clone();
        let create = move |db: &Connection| {
            let taken = db
                .prepare_cached(
                    "SELECT 1 FROM services WHERE account = ?1 AND (name = ?2 OR fqdn = ?3)",
                )?
                .exists((new.account, &new.name, &new.fqdn))?;
            if taken {
                return Err(Refusal::ServiceExists.into());
            }
            db.prepare_cached(
                "INSERT INTO services (id, account, name, fqdn, template, created_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute((
                new.id,
                new.account,
                &new.name,
                &new.fqdn,
                new.template.as_ref().map(ToString::to_string),
                micros(new.created_at),
            ))?;
            Ok(Service {
                id: new.id,
                name: new.name.clone(),
                created_at: new.created_at,
            })
        };
        self.writer.run(create).await
    }

    async fn service(&self, scope: ServiceScope) -> Result<Service, StoreError> {
        let find = move |db: &Connection| {
            may_use(db, scope)?;
            let (name, created_at): (String, i64) = db
                .prepare_cached("SELECT name, created_at FROM services WHERE id = ?1")?
                .query_row([scope.service], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(Service {
                id: scope.service,
                name,
                created_at: moment(created_at)?,
            })
        };
        self.reader.run(find).await
    }

    async fn delete_service(&self, scope: ServiceScope) -> Result<(), StoreError> {
        let delete = move |db: &Connection| {
            may_use(db, scope)?;
            // With its users and their messages.
            db.prepare_cached("DELETE FROM services WHERE id = ?1")?
                .execute([scope.service])?;
            Ok(())
        };
        self.writer.run(delete).await
    }

    async fn create_user(&self, scope: ServiceScope, user: &NewUser) -> Result<User, StoreError> {
        let (new, keys) = (user.clone(), Arc::clone(&self.keys));
        let create = move |db: &Connection| {
            may_use(db, scope)?;
            user::insert(db, &keys, scope.service, &new)
        };
        self.writer.run(create).await
    }

    async fn users(&self, scope: ServiceScope) -> Result<Vec<User>, StoreError> {
        let list = move |db: &Connection| {
            may_use(db, scope)?;
            user::get_all(db, scope.service)
        };
        self.reader.run(list).await
    }

    async fn user(&self, scope: UserScope) -> Result<User, StoreError> {
        let find = move |db: &Connection| {
            may_use(db, scope.service)?;
            user::get(db, scope)
        };
        self.reader.run(find).await
    }

    async fn delete_user(&self, scope: UserScope) -> Result<(), StoreError> {
        let delete = move |db: &Connection| {
            may_use(db, scope.service)?;
            user::delete(db, scope)
        };
        self.writer.run(delete).await
    }

    async fn start_authentication(
        &self,
        scope: UserScope,
        start: &StartRequest<'_>,
        hold: Option<Hold>,
        keyed: Option<Keyed<Started>>,
    ) -> Result<Once<Started>, StoreError> {
        let (now, keys) = (start.now, Arc::clone(&self.keys));
        let starting = Starting::new(start, hold);
        let start = move |db: &Connection| starting.run(db, &keys, scope);
        self.once(now, keyed, start).await
    }

    async fn check(
        &self,
        scope: UserScope,
        check: &CheckRequest<'_>,
        keyed: Option<Keyed<Check>>,
    ) -> Result<Once<Check>, StoreError> {
        let (keys, step) = (Arc::clone(&self.keys), checking(check));
        let change = move |db: &Connection| change(db, &keys, scope, &step);
        self.once(check.now, keyed, change).await
    }

    async fn enrol_totp(&self, scope: UserScope, secret: &TotpSecret) -> Result<Enrol, StoreError> {
        let secret = secret.clone();
        let enrol = move |state: &mut AuthState| state.enrol(secret.clone());
        self.change_authenticator(scope, enrol).await
    }

    async fn confirm_totp(
        &self,
        scope: UserScope,
        guess: &str,
        now: Timestamp,
    ) -> Result<Confirm, StoreError> {
        let guess = zeroize::Zeroizing::new(guess.to_owned());
        let confirm = move |state: &mut AuthState| state.confirm(&guess, now);
        self.change(scope, confirm).await
    }

    async fn remove_totp(&self, scope: UserScope) -> Result<bool, StoreError> {
        self.change_authenticator(scope, AuthState::remove_authenticator)
            .await
    }

    async fn unlock_user(&self, user: Uuid) -> Result<(), StoreError> {
        let unlock = move |db: &Connection| {
            // The one thing that `AuthState::unlock` does; there is no scope to read a state by.
            let unlocked = db
                .prepare_cached("UPDATE users SET wrong_in_a_row = 0 WHERE id = ?1")?
                .execute([user])?;
            if unlocked == 0 {
                return Err(Refusal::UserNotFound.into());
            }
            Ok(())
        };
        self.writer.run(unlock).await
    }

    async fn pick_up_messages(&self, pickup: Pickup) -> Result<PickedUp, StoreError> {
        let keys = Arc::clone(&self.keys);
        let take = move |db: &Connection| outbox::pick_up(db, &keys, pickup);
        self.writer.run(take).await
    }

    async fn settle_messages(&self, settlements: &[Settlement]) -> Result<(), StoreError> {
        let settlements = settlements.to_vec();
        let settle = move |db: &Connection| outbox::settle(db, &settlements);
        self.writer.run(settle).await
    }

    async fn queue(&self, at_most: u32) -> Result<Queue, StoreError> {
        let count = move |db: &Connection| outbox::queue(db, at_most);
        self.reader.run(count).await
    }

    async fn claim_key(&self, claim: &Claim) -> Result<Claimed, StoreError> {
        let (now, claim, keys) = (claim.now, claim.clone(), Arc::clone(&self.keys));
        let run = move |db: &Connection| idempotency::claim(db, &keys, &claim);
        self.run_and_sweep(now, run).await
    }

    async fn keep_answer(&self, claim: &Claim, answer: &StoredAnswer) -> Result<(), StoreError> {
        let (claim, answer, keys) = (claim.clone(), answer.clone(), Arc::clone(&self.keys));
        let run = move |db: &Connection| idempotency::keep(db, &keys, &claim, &answer);
        self.writer.run(run).await
    }

    async fn abandon_key(&self, claim: &Claim) -> Result<(), StoreError> {
        let (claim, keys) = (claim.clone(), Arc::clone(&self.keys));
        let run = move |db: &Connection| idempotency::abandon(db, &keys, &claim);
        self.writer.run(run).await
    }
}
