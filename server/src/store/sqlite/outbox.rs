//! Messages that must be sent.

use jiff::Timestamp;
use rusqlite::Connection;
use uuid::Uuid;

use crate::{
    engine::{keys::Keys, message::Message},
    store::{
        Hold, Outgoing, PickedUp, Pickup, Queue, Settled, Settlement, StoreError,
        outbox::put_in,
        sealed::{
            SealedError,
            message::{open, seal},
            micros, moment,
        },
    },
};

/// Puts a message in, in the place of one that waits for the user or is on its way: that is not
/// tried again.
pub(super) fn add(
    db: &Connection,
    keys: &Keys,
    user: Uuid,
    message: &Message,
    hold: Option<Hold>,
) -> Result<(), StoreError> {
    let sealed = seal(keys, message)?;
    let (due, lease) = put_in(message.sent_at, hold);
    db.prepare_cached(
        "INSERT INTO outbox (id, user, due, lease, message) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (user) DO UPDATE SET id = excluded.id, due = excluded.due,
             lease = excluded.lease, failures = 0, message = excluded.message",
    )?
    .execute((message.id, user, micros(due), lease, sealed))?;
    Ok(())
}

/// Forgets what waits for a user, also what is on its way: that is not tried again.
pub(super) fn forget(db: &Connection, user: Uuid) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM outbox WHERE user = ?1")?
        .execute([user])?;
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
                pickup.hold.lease,
                micros(pickup.hold.until),
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
    Ok(PickedUp {
        messages: rows,
        next: first_due(db)?,
    })
}

fn first_due(db: &Connection) -> Result<Option<Timestamp>, StoreError> {
    let first: Option<i64> = db
        .prepare_cached("SELECT min(due) FROM outbox")?
        .query_row((), |row| row.get(0))?;
    Ok(first.map(moment).transpose()?)
}

pub(super) fn queue(db: &Connection, at_most: u32) -> Result<Queue, StoreError> {
    let messages = db
        .prepare_cached("SELECT count(*) FROM (SELECT 1 FROM outbox LIMIT ?1)")?
        .query_row([at_most], |row| row.get(0))?;
    Ok(Queue {
        messages,
        first_due: first_due(db)?,
    })
}

pub(super) fn settle(db: &Connection, settlements: &[Settlement]) -> Result<(), StoreError> {
    let mut over = db.prepare_cached("DELETE FROM outbox WHERE id = ?1 AND lease = ?2")?;
    let mut again = db.prepare_cached(
        "UPDATE outbox SET due = ?3, lease = NULL, failures = failures + 1
         WHERE id = ?1 AND lease = ?2",
    )?;
    for Settlement { id, lease, settled } in settlements {
        match settled {
            Settled::Over => over.execute((id, lease))?,
            Settled::Again(at) => again.execute((id, lease, micros(*at)))?,
        };
    }
    Ok(())
}

/// Lets go what the dead held.
pub(super) fn release(db: &Connection, now: Timestamp) -> Result<(), StoreError> {
    db.execute(
        "UPDATE outbox SET due = min(due, ?1), lease = NULL WHERE lease IS NOT NULL",
        [micros(now)],
    )?;
    Ok(())
}
