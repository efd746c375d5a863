//! Messages that must be sent.

use std::borrow::Cow;

use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    failure::Failure,
    user::{micros, moment},
};
use crate::{
    engine::{
        keys::{Keys, Place},
        message::Message,
        phone::Phone,
        pin::Pin,
    },
    random,
    store::{Outgoing, PickedUp, Pickup, Settled, StoreError},
};

/// What is sealed of a message.
#[derive(Serialize, Deserialize)]
struct Kept<'a> {
    to: &'a str,
    /// Owned when it holds what JSON escapes.
    #[serde(borrow)]
    text: Cow<'a, str>,
    pin: &'a str,
    sent_at: i64,
    expires_at: i64,
}

fn place(id: Uuid) -> Place {
    Place {
        kind: "message",
        row: id,
    }
}

pub(super) fn add(
    db: &Connection,
    keys: &Keys,
    user: Uuid,
    message: &Message,
) -> Result<(), StoreError> {
    let kept = Kept {
        to: message.to.expose(),
        text: Cow::Borrowed(&message.text),
        pin: message.pin.expose(),
        sent_at: micros(message.sent_at),
        expires_at: micros(message.expires_at),
    };
    let plain = serde_json::to_vec(&kept).map_err(|_| Failure::Row("a message"))?;
    let sealed = keys.seal(place(message.id), &Zeroizing::new(plain), random::fill);
    let sealed = sealed.map_err(Failure::from)?;
    db.prepare_cached("INSERT INTO outbox (id, user, due, message) VALUES (?1, ?2, ?3, ?4)")?
        .execute((message.id, user, kept.sent_at, sealed))?;
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
                message: read(keys, id, &sealed)?,
                failures,
            })
        })
        .collect::<Result<Vec<_>, Failure>>()?;
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

fn read(keys: &Keys, id: Uuid, sealed: &[u8]) -> Result<Message, Failure> {
    const WRONG: Failure = Failure::Row("a message");
    let plain = keys.open(place(id), sealed)?;
    let kept: Kept<'_> = serde_json::from_slice(&plain).map_err(|_| WRONG)?;
    Ok(Message {
        id,
        to: Phone::parse(kept.to).map_err(|_| WRONG)?,
        text: Zeroizing::new(kept.text.into_owned()),
        pin: Pin::from_digits(kept.pin).ok_or(WRONG)?,
        sent_at: moment(kept.sent_at)?,
        expires_at: moment(kept.expires_at)?,
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
