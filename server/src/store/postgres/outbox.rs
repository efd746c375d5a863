//! Messages that must be sent.

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    failure::Failure,
    session::{Session, call},
};
use crate::{
    engine::keys::Keys,
    store::{
        Outgoing, PickedUp, Pickup, Queue, Settled, Settlement,
        sealed::{SealedError, message, micros, moment},
    },
};

/// Puts a message in, with its id, its user, when it is due, who holds it and what is sealed of it,
/// in the place of one that waits for the user or is on its way: that is not tried again.
pub(super) const ADD: &str = "
    INSERT INTO outbox (id, user_id, due, lease, message) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (user_id) DO UPDATE SET id = excluded.id, due = excluded.due,
        lease = excluded.lease, failures = 0, message = excluded.message";

/// Forgets what waits for a user, also what is on its way: that is not tried again.
pub(super) const FORGET: &str = "DELETE FROM outbox WHERE user_id = $1";

/// What others take at the same moment is passed over.
const PICK_UP: &str = "
    WITH picked AS (
        SELECT id FROM outbox WHERE due <= $3 ORDER BY due LIMIT $4 FOR UPDATE SKIP LOCKED
    )
    UPDATE outbox SET lease = $1, due = $2 FROM picked WHERE outbox.id = picked.id
    RETURNING outbox.id, outbox.failures, outbox.message";

const FIRST_DUE: &str = "SELECT min(due) FROM outbox";

pub(super) async fn pick_up(
    db: &Session,
    keys: &Keys,
    pickup: Pickup,
) -> Result<PickedUp, Failure> {
    let (until, now) = (micros(pickup.hold.until), micros(pickup.now));
    let at_most = i64::from(pickup.at_most);
    let [rows, next] = db
        .ask([
            call(PICK_UP, &[&pickup.hold.lease, &until, &now, &at_most]),
            call(FIRST_DUE, &[]),
        ])
        .await?;
    let mut messages = rows
        .iter()
        .map(|row| outgoing(row, keys))
        .collect::<Result<Vec<_>, _>>()?;
    // The update gives them in no order.
    messages.sort_by_key(|it| it.message.sent_at);
    Ok(PickedUp {
        messages,
        next: due(&next)?,
    })
}

/// The one moment of an answer, if there is one.
fn due(rows: &[Row]) -> Result<Option<Timestamp>, Failure> {
    let due: Option<i64> = match rows.first() {
        Some(row) => row.try_get(0)?,
        None => None,
    };
    Ok(due.map(moment).transpose()?)
}

fn outgoing(row: &Row, keys: &Keys) -> Result<Outgoing, Failure> {
    let id: Uuid = row.try_get(0)?;
    let failures: i64 = row.try_get(1)?;
    Ok(Outgoing {
        id,
        message: message::open(keys, id, row.try_get(2)?)?,
        failures: u32::try_from(failures).map_err(|_| SealedError::Value("a count"))?,
    })
}

pub(super) async fn queue(db: &Session, at_most: u32) -> Result<Queue, Failure> {
    let at_most = i64::from(at_most);
    let [count, first] = db
        .ask([
            call(
                "SELECT count(*) FROM (SELECT 1 FROM outbox LIMIT $1) AS counted_messages",
                &[&at_most],
            ),
            call(FIRST_DUE, &[]),
        ])
        .await?;
    let count: Option<i64> = count.first().map(|row| row.try_get(0)).transpose()?;
    Ok(Queue {
        messages: u32::try_from(count.unwrap_or_default())
            .map_err(|_| SealedError::Value("a count"))?,
        first_due: due(&first)?,
    })
}

const OVER: &str = "
    DELETE FROM outbox USING unnest($1::uuid[], $2::uuid[]) AS done (id, lease)
    WHERE outbox.id = done.id AND outbox.lease = done.lease";

const AGAIN: &str = "
    UPDATE outbox SET due = again.due, lease = NULL, failures = failures + 1
    FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS again (id, lease, due)
    WHERE outbox.id = again.id AND outbox.lease = again.lease";

pub(super) async fn settle(db: &Session, settlements: &[Settlement]) -> Result<(), Failure> {
    let mut over: (Vec<Uuid>, Vec<Uuid>) = Default::default();
    let mut again: (Vec<Uuid>, Vec<Uuid>, Vec<i64>) = Default::default();
    for &Settlement { id, lease, settled } in settlements {
        match settled {
            Settled::Over => over.extend([(id, lease)]),
            Settled::Again(at) => again.extend([(id, lease, micros(at))]),
        }
    }
    if !over.0.is_empty() {
        db.ask([call(OVER, &[&over.0, &over.1])]).await?;
    }
    if !again.0.is_empty() {
        db.ask([call(AGAIN, &[&again.0, &again.1, &again.2])])
            .await?;
    }
    Ok(())
}
