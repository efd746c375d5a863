//! What was sent when, as far as a budget asks.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params_from_iter, types::Value};
use uuid::Uuid;

use crate::{
    engine::{
        budget::{Budgets, Counted},
        keys::Keys,
        phone::Phone,
        time::after,
    },
    store::{
        StoreError, UserScope,
        sealed::{key::current, micros, moment, sent::what},
    },
};

/// When the `n`-th last message was sent, of those that are counted together with one to `to`.
pub(super) fn nth_last(
    db: &Connection,
    keys: &Keys,
    counted: Counted<'_>,
    scope: UserScope,
    to: &Phone,
    n: u32,
) -> Result<Option<Timestamp>, StoreError> {
    let hashes = what(keys, counted, scope, to);
    let places = vec!["?"; hashes.len()].join(", ");
    let last = Value::Integer(i64::from(n) - 1);
    let values = (hashes.into_iter().map(|it| Value::Blob(it.to_vec()))).chain([last]);
    let at: Option<i64> = db
        .prepare_cached(&format!(
            "SELECT at FROM sent WHERE what IN ({places}) ORDER BY at DESC LIMIT 1 OFFSET ?"
        ))?
        .query_row(params_from_iter(values), |row| row.get(0))
        .optional()?;
    Ok(at.map(moment).transpose()?)
}

/// Counts the message of this id.
pub(super) fn count(
    db: &Connection,
    keys: &Keys,
    scope: UserScope,
    to: &Phone,
    (id, now): (Uuid, Timestamp),
    budgets: &Budgets,
) -> Result<(), StoreError> {
    for (counted, budget) in budgets.of(to) {
        let hashes = what(keys, counted, scope, to);
        db.prepare_cached("INSERT INTO sent (what, at, id, until) VALUES (?1, ?2, ?3, ?4)")?
            .execute((
                current(&hashes)?,
                micros(now),
                id,
                micros(after(now, budget.per)),
            ))?;
    }
    Ok(())
}
