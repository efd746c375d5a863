//! A user's row: who it is, where its messages go, and its authentication.

use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    failure::Failure,
    idempotency::Key,
    service::{MAY_USE, may_use},
    session::{Session, Value, call},
};
use crate::{
    engine::{authentication::AuthState, keys::Keys},
    store::{
        Keyed, NewUser, Once, Refusal, ServiceScope, User, UserScope,
        sealed::{self, SealedError, micros, moment, seal_phone, seal_secret, state::StateRow},
    },
};

/// Users that are sealed anew in one transaction when a key was replaced.
const SEALED_AT_ONCE: i64 = 1000;

/// A user's row with its service's, for whoever changes it: see [`lock`].
const LOCK: &str = "
    SELECT account, name, fqdn, template, phone, auth_id, pin_mac, started_at, expires_at,
           tries_left, last_pin_at, wrong_in_a_row, totp_secret, totp_confirmed, totp_last_step
    FROM users JOIN services ON services.id = users.service
    WHERE users.id = $1 AND users.service = $2 FOR UPDATE OF users";

/// Writes an authentication, with the values of a [`PutState`].
pub(super) const PUT_STATE: &str = "
    UPDATE users SET auth_id = $2, pin_mac = $3, started_at = $4, expires_at = $5,
           tries_left = $6, last_pin_at = $7, wrong_in_a_row = $8, totp_confirmed = $9,
           totp_last_step = $10
    WHERE id = $1";

const PUT_SECRET: &str = "UPDATE users SET totp_secret = $2 WHERE id = $1";

pub(super) async fn insert(
    db: &Session,
    keys: &Keys,
    scope: ServiceScope,
    new: &NewUser,
) -> Result<User, Failure> {
    let phone = seal_phone(keys, new.id, &new.phone)?;
    let created_at = micros(new.created_at);
    // The service's row is locked against being deleted.
    let insert = "
        INSERT INTO users (id, service, id_in_service, phone, created_at)
        SELECT $1, id, $4, $5, $6 FROM services WHERE id = $2 AND account = $3 FOR KEY SHARE
        ON CONFLICT DO NOTHING RETURNING id";
    let [inserted, service] = db
        .ask([
            call(
                insert,
                &[
                    &new.id,
                    &scope.service,
                    &scope.account,
                    &new.id_in_service,
                    &phone,
                    &created_at,
                ],
            ),
            call(MAY_USE, &[&scope.service]),
        ])
        .await?;
    if inserted.is_empty() {
        may_use(&service, scope)?;
        return Err(Refusal::UserExists.into());
    }
    Ok(User {
        id: new.id,
        id_in_service: new.id_in_service.clone(),
        created_at: new.created_at,
    })
}

pub(super) async fn get(db: &Session, scope: UserScope) -> Result<User, Failure> {
    let get = "SELECT id, id_in_service, created_at FROM users WHERE id = $1 AND service = $2";
    let [service, users] = db
        .ask([
            call(MAY_USE, &[&scope.service.service]),
            call(get, &[&scope.user, &scope.service.service]),
        ])
        .await?;
    may_use(&service, scope.service)?;
    user(users.first().ok_or(Refusal::UserNotFound)?)
}

/// All users of a service, oldest first.
pub(super) async fn get_all(db: &Session, scope: ServiceScope) -> Result<Vec<User>, Failure> {
    let get = "SELECT id, id_in_service, created_at FROM users WHERE service = $1
               ORDER BY created_at, place";
    let [service, users] = db
        .ask([
            call(MAY_USE, &[&scope.service]),
            call(get, &[&scope.service]),
        ])
        .await?;
    may_use(&service, scope)?;
    users.iter().map(user).collect()
}

fn user(row: &Row) -> Result<User, Failure> {
    Ok(User {
        id: row.try_get(0)?,
        id_in_service: row.try_get(1)?,
        created_at: moment(row.try_get(2)?)?,
    })
}

pub(super) async fn delete(db: &Session, scope: UserScope) -> Result<(), Failure> {
    let delete = "
        DELETE FROM users WHERE id = $1 AND service =
            (SELECT id FROM services WHERE id = $2 AND account = $3)
        RETURNING id";
    let ServiceScope { account, service } = scope.service;
    let [deleted, owner] = db
        .ask([
            call(delete, &[&scope.user, &service, &account]),
            call(MAY_USE, &[&service]),
        ])
        .await?;
    if deleted.is_empty() {
        may_use(&owner, scope.service)?;
        return Err(Refusal::UserNotFound.into());
    }
    Ok(())
}

/// Begins a transaction that has a user for itself, for a step that is done once for a key. Gives
/// the user's row with its service's, or what the step comes to without: the key is another's, or
/// there is no such user for whoever asks, which is the answer to the key then.
pub(super) async fn lock<T>(
    db: &Session,
    keys: &Keys,
    scope: UserScope,
    key: &mut Key<'_, T>,
) -> Result<Result<Row, Once<T>>, Failure> {
    let service = &scope.service.service;
    let of_user: [Value<'_>; 2] = [&scope.user, service];
    let mut users = match key.begin(db, keys, call(LOCK, &of_user)).await? {
        Ok(users) => users,
        Err(claimed) => return Ok(Err(Once::Not(claimed))),
    };
    let allowed = if let Some(row) = users.pop() {
        may_use(std::slice::from_ref(&row), scope.service).map(|()| row)
    } else {
        let [owner] = db.ask([call(MAY_USE, &[service])]).await?;
        may_use(&owner, scope.service).and(Err(Refusal::UserNotFound.into()))
    };
    match allowed {
        Err(Failure::Refused(refusal)) => {
            let refused = key.commit(db, keys, Vec::new(), Err(refusal));
            refused.await.map(Err)
        }
        allowed => allowed.map(Ok),
    }
}

/// The authentication in a row that [`lock`] gave.
pub(super) fn state(row: &Row, keys: &Keys, user: Uuid) -> Result<AuthState, Failure> {
    const WRONG: SealedError = SealedError::Value("an authentication");
    let number = |value: i64| u32::try_from(value).map_err(|_| WRONG);
    let mac: Option<&[u8]> = row.try_get("pin_mac")?;
    let mac = mac.map(<[u8; 32]>::try_from).transpose();
    let tries: Option<i64> = row.try_get("tries_left")?;
    let state = StateRow {
        auth_id: row.try_get("auth_id")?,
        pin_mac: mac.map_err(|_| WRONG)?,
        started_at: row.try_get("started_at")?,
        expires_at: row.try_get("expires_at")?,
        tries_left: tries.map(number).transpose()?,
        last_pin_at: row.try_get("last_pin_at")?,
        wrong_in_a_row: number(row.try_get("wrong_in_a_row")?)?,
        totp_confirmed: row.try_get("totp_confirmed")?,
        totp_last_step: row.try_get("totp_last_step")?,
    };
    Ok(state.read(keys, user, row.try_get("totp_secret")?)?)
}

/// The values that write a user's authentication; a new secret is written apart.
pub(super) struct PutState {
    user: Uuid,
    row: StateRow,
    pin_mac: Option<Vec<u8>>,
    tries_left: Option<i64>,
    wrong_in_a_row: i64,
}

impl PutState {
    pub(super) fn new(user: Uuid, state: &AuthState) -> Self {
        let row = StateRow::of(state);
        Self {
            user,
            pin_mac: row.pin_mac.map(Into::into),
            tries_left: row.tries_left.map(Into::into),
            wrong_in_a_row: row.wrong_in_a_row.into(),
            row,
        }
    }

    /// Those of [`PUT_STATE`].
    pub(super) fn values(&self) -> [Value<'_>; 10] {
        let row = &self.row;
        [
            &self.user,
            &row.auth_id,
            &self.pin_mac,
            &row.started_at,
            &row.expires_at,
            &self.tries_left,
            &row.last_pin_at,
            &self.wrong_in_a_row,
            &row.totp_confirmed,
            &row.totp_last_step,
        ]
    }
}

/// What a step may change of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// The authentication.
    State,
    /// The authenticator's secret, too.
    Secret,
}

/// Lets `step` change a user's authentication, alone and once for a key, and says what came of it.
/// What is no news is not written.
pub(super) async fn change<T>(
    db: &Session,
    keys: &Keys,
    scope: UserScope,
    part: Part,
    keyed: Option<&Keyed<T>>,
    step: impl FnOnce(&mut AuthState) -> T,
    is_news: impl FnOnce(&T) -> bool,
) -> Result<Once<T>, Failure> {
    let mut key = Key::new(keys, keyed);
    let row = match lock(db, keys, scope, &mut key).await? {
        Ok(row) => row,
        Err(once) => return Ok(once),
    };
    let mut state = state(&row, keys, scope.user)?;
    let done = step(&mut state);
    let put = PutState::new(scope.user, &state);
    let put = put.values();
    let sealed = match (part, &state.authenticator) {
        (Part::Secret, Some(it)) => Some(seal_secret(keys, scope.user, &it.secret)?),
        _ => None,
    };
    let secret: [Value<'_>; 2] = [&scope.user, &sealed];
    let mut calls = Vec::new();
    if is_news(&done) {
        calls.push(call(PUT_STATE, &put));
        if part == Part::Secret {
            calls.push(call(PUT_SECRET, &secret));
        }
    }
    key.commit(db, keys, calls, Ok(done)).await
}

pub(super) async fn unlock(db: &Session, user: Uuid) -> Result<(), Failure> {
    // The one thing that `AuthState::unlock` does; there is no scope to read a state by.
    let unlock = "UPDATE users SET wrong_in_a_row = 0 WHERE id = $1 RETURNING id";
    let [unlocked] = db.ask([call(unlock, &[&user])]).await?;
    unlocked.first().ok_or(Refusal::UserNotFound)?;
    Ok(())
}

/// Seals some users' values anew with the current key, of those behind the user `last`. Gives the
/// last one; none when there were no more.
pub(super) async fn seal_anew(
    db: &Session,
    keys: &Keys,
    last: Uuid,
) -> Result<Option<Uuid>, Failure> {
    let current = keys.head();
    // One that another server has just sealed anew is left out once its lock is gone.
    let find = "
        SELECT id, phone, totp_secret FROM users
        WHERE id > $1 AND (substr(phone, 1, length($2::BYTEA)) <> $2::BYTEA
            OR substr(totp_secret, 1, length($2::BYTEA)) <> $2::BYTEA)
        ORDER BY id LIMIT $3 FOR UPDATE";
    let [rows] = db
        .ask([call(find, &[&last, &current, &SEALED_AT_ONCE])])
        .await?;
    let put = "UPDATE users SET phone = $2, totp_secret = $3 WHERE id = $1";
    for row in &rows {
        let user: Uuid = row.try_get(0)?;
        let (phone, secret) = sealed::anew(keys, user, row.try_get(1)?, row.try_get(2)?)?;
        db.ask([call(put, &[&user, &phone, &secret])]).await?;
    }
    Ok(rows.last().map(|row| row.try_get(0)).transpose()?)
}
