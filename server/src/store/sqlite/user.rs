//! A user's row: who it is, where its messages go, and its authentication.

use rusqlite::{Connection, OptionalExtension, Row, named_params};
use uuid::Uuid;

use crate::{
    engine::{
        authentication::{AuthState, Authenticator},
        keys::Keys,
        phone::Phone,
    },
    store::{
        NewUser, Refusal, ServiceScope, StoreError, User, UserScope,
        sealed::{self, micros, moment, open_phone, seal_phone, seal_secret, state::StateRow},
    },
};

/// Whether the service is the account's that asks.
pub(super) fn may_use(db: &Connection, scope: ServiceScope) -> Result<(), StoreError> {
    let account: Option<Uuid> = db
        .prepare_cached("SELECT account FROM services WHERE id = ?1")?
        .query_row([scope.service], |row| row.get(0))
        .optional()?;
    match account {
        None => Err(Refusal::ServiceNotFound.into()),
        Some(account) if account != scope.account => Err(Refusal::ServiceForbidden.into()),
        Some(_) => Ok(()),
    }
}

/// Adds a user to a service that may be used.
pub(super) fn insert(
    db: &Connection,
    keys: &Keys,
    service: Uuid,
    new: &NewUser,
) -> Result<User, StoreError> {
    let taken = db
        .prepare_cached("SELECT 1 FROM users WHERE service = ?1 AND id_in_service = ?2")?
        .exists((service, &new.id_in_service))?;
    if taken {
        return Err(Refusal::UserExists.into());
    }
    let phone = seal_phone(keys, new.id, &new.phone)?;
    db.prepare_cached(
        "INSERT INTO users (id, service, id_in_service, phone, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute((
        new.id,
        service,
        &new.id_in_service,
        phone,
        micros(new.created_at),
    ))?;
    Ok(User {
        id: new.id,
        id_in_service: new.id_in_service.clone(),
        created_at: new.created_at,
    })
}

/// A user of a service that may be used.
pub(super) fn get(db: &Connection, scope: UserScope) -> Result<User, StoreError> {
    db.prepare_cached(
        "SELECT id, id_in_service, created_at FROM users WHERE id = ?1 AND service = ?2",
    )?
    .query_row((scope.user, scope.service.service), |row| Ok(user(row)))
    .optional()?
    .ok_or(Refusal::UserNotFound)?
}

/// All users of a service that may be used, oldest first.
pub(super) fn get_all(db: &Connection, service: Uuid) -> Result<Vec<User>, StoreError> {
    db.prepare_cached(
        "SELECT id, id_in_service, created_at FROM users WHERE service = ?1 ORDER BY place",
    )?
    .query_map([service], |row| Ok(user(row)))?
    .collect::<Result<Result<Vec<User>, StoreError>, _>>()?
}

fn user(row: &Row<'_>) -> Result<User, StoreError> {
    Ok(User {
        id: row.get(0)?,
        id_in_service: row.get(1)?,
        created_at: moment(row.get(2)?)?,
    })
}

/// Removes a user of a service that may be used.
pub(super) fn delete(db: &Connection, scope: UserScope) -> Result<(), StoreError> {
    let gone = db
        .prepare_cached("DELETE FROM users WHERE id = ?1 AND service = ?2")?
        .execute((scope.user, scope.service.service))?;
    if gone == 0 {
        return Err(Refusal::UserNotFound.into());
    }
    Ok(())
}

/// Reads a user's row with its service's, if both are there and may be used.
pub(super) fn read<T>(
    db: &Connection,
    scope: UserScope,
    read: impl FnOnce(&Row<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT account, name, fqdn, template, users.id AS user, phone, auth_id, pin_mac,
                started_at, expires_at, tries_left, last_pin_at, wrong_in_a_row, totp_secret,
                totp_confirmed, totp_last_step
         FROM services LEFT JOIN users ON users.id = ?2 AND users.service = services.id
         WHERE services.id = ?1",
    )?;
    let mut rows = statement.query((scope.service.service, scope.user))?;
    let row = rows.next()?.ok_or(Refusal::ServiceNotFound)?;
    if row.get::<_, Uuid>("account")? != scope.service.account {
        return Err(Refusal::ServiceForbidden.into());
    }
    let user: Option<Uuid> = row.get("user")?;
    user.ok_or(Refusal::UserNotFound)?;
    read(row)
}

/// Where a user's messages go.
pub(super) fn phone(row: &Row<'_>, keys: &Keys, user: Uuid) -> Result<Phone, StoreError> {
    let sealed: Vec<u8> = row.get("phone")?;
    Ok(open_phone(keys, user, &sealed)?)
}

/// A user's authentication.
pub(super) fn state(row: &Row<'_>, keys: &Keys, user: Uuid) -> Result<AuthState, StoreError> {
    let state = StateRow {
        auth_id: row.get("auth_id")?,
        pin_mac: row.get("pin_mac")?,
        started_at: row.get("started_at")?,
        expires_at: row.get("expires_at")?,
        tries_left: row.get("tries_left")?,
        last_pin_at: row.get("last_pin_at")?,
        wrong_in_a_row: row.get("wrong_in_a_row")?,
        totp_confirmed: row.get("totp_confirmed")?,
        totp_last_step: row.get("totp_last_step")?,
    };
    let secret: Option<Vec<u8>> = row.get("totp_secret")?;
    Ok(state.read(keys, user, secret.as_deref())?)
}

/// Writes a user's authentication; a new secret with [`put_authenticator`].
pub(super) fn put_state(db: &Connection, user: Uuid, row: &StateRow) -> Result<(), StoreError> {
    db.prepare_cached(
        "UPDATE users SET auth_id = :auth_id, pin_mac = :pin_mac, started_at = :started_at,
                expires_at = :expires_at, tries_left = :tries_left, last_pin_at = :last_pin_at,
                wrong_in_a_row = :wrong_in_a_row, totp_confirmed = :totp_confirmed,
                totp_last_step = :totp_last_step
         WHERE id = :id",
    )?
    .execute(named_params! {
        ":id": user,
        ":auth_id": row.auth_id,
        ":pin_mac": row.pin_mac,
        ":started_at": row.started_at,
        ":expires_at": row.expires_at,
        ":tries_left": row.tries_left,
        ":last_pin_at": row.last_pin_at,
        ":wrong_in_a_row": row.wrong_in_a_row,
        ":totp_confirmed": row.totp_confirmed,
        ":totp_last_step": row.totp_last_step,
    })?;
    Ok(())
}

/// Writes the secret of a user's authenticator, or that there is none.
pub(super) fn put_authenticator(
    db: &Connection,
    keys: &Keys,
    user: Uuid,
    authenticator: Option<&Authenticator>,
) -> Result<(), StoreError> {
    let sealed = authenticator
        .map(|it| seal_secret(keys, user, &it.secret))
        .transpose()?;
    db.prepare_cached("UPDATE users SET totp_secret = ?2 WHERE id = ?1")?
        .execute((user, sealed))?;
    Ok(())
}

/// Seals anew, with the current key, what another one sealed, so that the other may go. Gives how
/// many rows that were, of at most so many at a time.
pub(super) fn seal_anew(db: &Connection, keys: &Keys, at_most: u32) -> Result<usize, StoreError> {
    let current = keys.head();
    let rows = db
        .prepare_cached(
            "SELECT id, phone, totp_secret FROM users
             WHERE substr(phone, 1, length(?1)) <> ?1
                OR substr(totp_secret, 1, length(?1)) <> ?1 LIMIT ?2",
        )?
        .query_map((&current, at_most), |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?
        .collect::<Result<Vec<(Uuid, Vec<u8>, Option<Vec<u8>>)>, _>>()?;
    for (user, phone, totp) in &rows {
        let (phone, totp) = sealed::anew(keys, *user, phone, totp.as_deref())?;
        db.prepare_cached("UPDATE users SET phone = ?2, totp_secret = ?3 WHERE id = ?1")?
            .execute((user, phone, totp))?;
    }
    Ok(rows.len())
}
