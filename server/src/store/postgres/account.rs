//! Accounts.

use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    failure::Failure,
    session::{Session, Value, call},
};
use crate::store::{
    Account, Refusal,
    sealed::{micros, moment},
};

const ALL: &str = "SELECT id, username, password_hash, disabled, created_at FROM accounts";
const ONE: &str = "SELECT id, username, password_hash, disabled, created_at FROM accounts
                   WHERE username = $1";

pub(super) const SET_PASSWORD: &str =
    "UPDATE accounts SET password_hash = $2 WHERE username = $1 RETURNING id";
pub(super) const DISABLE: &str =
    "UPDATE accounts SET disabled = true WHERE username = $1 RETURNING id";

pub(super) async fn insert(db: &Session, new: &Account) -> Result<(), Failure> {
    let created_at = micros(new.created_at);
    let insert = "
        INSERT INTO accounts (id, username, password_hash, disabled, created_at)
        VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING id";
    let values: [Value<'_>; 5] = [
        &new.id,
        &new.username,
        &new.password_hash,
        &new.disabled,
        &created_at,
    ];
    let [inserted] = db.ask([call(insert, &values)]).await?;
    inserted.first().ok_or(Refusal::AccountExists)?;
    Ok(())
}

pub(super) async fn get(db: &Session, username: &str) -> Result<Option<Account>, Failure> {
    let [rows] = db.ask([call(ONE, &[&username])]).await?;
    rows.first().map(account).transpose()
}

/// All accounts, by name: here, since a database may order names by the rules of some language.
pub(super) async fn get_all(db: &Session) -> Result<Vec<Account>, Failure> {
    let [rows] = db.ask([call(ALL, &[])]).await?;
    let mut accounts: Vec<Account> = rows.iter().map(account).collect::<Result<_, _>>()?;
    accounts.sort_by(|one, other| one.username.cmp(&other.username));
    Ok(accounts)
}

/// Changes an account with `sql`, which gives its id.
pub(super) async fn change(db: &Session, sql: &str, values: &[Value<'_>]) -> Result<Uuid, Failure> {
    let [changed] = db.ask([call(sql, values)]).await?;
    Ok(changed
        .first()
        .ok_or(Refusal::AccountNotFound)?
        .try_get(0)?)
}

fn account(row: &Row) -> Result<Account, Failure> {
    Ok(Account {
        id: row.try_get(0)?,
        username: row.try_get(1)?,
        password_hash: row.try_get(2)?,
        disabled: row.try_get(3)?,
        created_at: moment(row.try_get(4)?)?,
    })
}
