//! Messages that must be sent.

use rusqlite::Connection;
use uuid::Uuid;

use crate::{
    engine::{keys::Keys, message::Message},
    store::{
        Outgoing, PickedUp, Pickup, Settled, StoreError,
        sealed::{
            SealedError,
            message::{open, seal},
            micros, moment,
        },
    },
};

pub(super) fn add(
    db: &Connection,
    keys: &Keys,
    id: Uuid,
    message: &Message,
) -> Result<(), StoreError> {
    db.prepare_cached("INSERT INTO outbox (id, due, message) VALUES (?1, ?2, ?3)")?
        .execute((id, micros(message.sent_at), seal(keys, id, message)?))?;
    Ok(())
}

pub(super) fn pick_up(
    db: &Connection,
    keys: &Keys,
    pickup: Pickup,
) -> Result<PickedUp, StoreError> {
    let mut rows = db
        .prepare_cached(
            "UPDATE outbox SET lease = ?1, due = ?2 WHERE id IN
                 (SELECT id FROM outbox WHERE due <= ?3 ORDER BY due LIMIT ?4)
             RETURNING id, failures, message",
        )?
        .query_map(
            (
                pickup.lease,
                micros(pickup.until),
                micros(pickup.now),
                pickup.at_most,
            ),
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )?
        .collect::<Result<Vec<(Uuid, u32, Vec<u8>)>, _>>()?
        .into_iter()
        .map(|(id, failures, sealed)| {
            Ok(Outgoing {
                id,
                message: open(keys, id, &sealed)?,
                failures,
            })
        })
        .collect::<Result<Vec<_>, SealedError>>()?;
    // The update gives them in no order.
    rows.sort_by_key(|it| it.message.sent_at);
    let next: Option<i64> = db
        .prepare_cached("SELECT min(due) FROM outbox")?
        .query_row((), |row| row.get(0))?;
    Ok(PickedUp {
        messages: rows,
        next: next.map(moment).transpose()?,
    })
}

pub(super) fn settle(
    db: &Connection,
    id: Uuid,
    lease: Uuid,
    settled: Settled,
) -> Result<(), StoreError> {
    match settled {
        Settled::Over => db
            .prepare_cached("DELETE FROM outbox WHERE id = ?1 AND lease = ?2")?
            .execute((id, lease))?,
        Settled::Again(at) => db
            .prepare_cached(
                "UPDATE outbox SET due = ?3, lease = NULL, failures = failures + 1
                 WHERE id = ?1 AND lease = ?2",
            )?
            .execute((id, lease, micros(at)))?,
    };
    Ok(())
}

/// Lets go what the dead held.
pub(super) fn release(db: &Connection) -> Result<(), StoreError> {
    db.execute(
        "UPDATE outbox SET due = 0, lease = NULL WHERE lease IS NOT NULL",
        (),
    )?;
    Ok(())
}
