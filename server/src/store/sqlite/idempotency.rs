//! Idempotency keys.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};
use uuid::Uuid;

use crate::{
    engine::keys::Keys,
    store::{
        Claim, Claimed, Keyed, Once, Refusal, StoreError, StoredAnswer,
        sealed::{
            key::{Hashes, Held, current, seal_answer},
            micros,
        },
    },
};

/// The claim that holds now, under whichever of the server's keys it was hashed.
fn find(db: &Connection, hashes: &Hashes, now: i64) -> Result<Option<Held>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT claim, fingerprint, status, body FROM idempotency_keys
         WHERE key = ?1 AND until > ?2",
    )?;
    for hash in &hashes.key {
        let row = statement.query_row((hash, now), |row| {
            let status: Option<u16> = row.get(2)?;
            let body: Option<Vec<u8>> = row.get(3)?;
            Ok(Held {
                claim: row.get(0)?,
                fingerprint: row.get(1)?,
                answer: status.zip(body),
            })
        });
        if let Some(held) = row.optional()? {
            return Ok(Some(held));
        }
    }
    Ok(None)
}

pub(super) fn claim(db: &Connection, keys: &Keys, claim: &Claim) -> Result<Claimed, StoreError> {
    let hashes = Hashes::of(keys, claim);
    if let Some(held) = find(db, &hashes, micros(claim.now))? {
        return Ok(held.claimed(keys, &hashes)?);
    }
    insert(db, &hashes, claim.id, claim.lease_until, None)?;
    Ok(Claimed::Run)
}

/// Lets `step` happen once for a key that has these hashes. A refusal is kept, too, so it comes
/// before `step` has written anything.
pub(super) fn once<T>(
    db: &Connection,
    keys: &Keys,
    keyed: &Keyed<T>,
    hashes: &Hashes,
    step: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<Once<Result<T, Refusal>>, StoreError> {
    let claim = &keyed.claim;
    if let Some(held) = find(db, hashes, micros(claim.now))? {
        return Ok(Once::Not(held.claimed(keys, hashes)?));
    }
    let done = match step(db) {
        Err(StoreError::Refused(refusal)) => Err(refusal),
        done => Ok(done?),
    };
    if let Some(answer) = (keyed.answer)(&done) {
        let sealed = seal_answer(keys, claim.id, &answer)?;
        let answer = Some((answer.status, sealed));
        insert(db, hashes, claim.id, claim.keep_until, answer)?;
    }
    Ok(Once::Done(done))
}

/// Writes a claim, with its status and its sealed body once it is answered.
fn insert(
    db: &Connection,
    hashes: &Hashes,
    claim: Uuid,
    until: Timestamp,
    answer: Option<(u16, Vec<u8>)>,
) -> Result<(), StoreError> {
    // One that is over may be there still, under any of the server's keys.
    for old in hashes.key.iter().skip(1) {
        db.prepare_cached("DELETE FROM idempotency_keys WHERE key = ?1")?
            .execute([old])?;
    }
    let (status, body) = answer.unzip();
    db.prepare_cached(
        "INSERT OR REPLACE INTO idempotency_keys (key, claim, fingerprint, until, status, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute((
        current(&hashes.key)?,
        claim,
        current(&hashes.fingerprint)?,
        micros(until),
        status,
        body,
    ))?;
    Ok(())
}

pub(super) fn keep(
    db: &Connection,
    keys: &Keys,
    claim: &Claim,
    answer: &StoredAnswer,
) -> Result<(), StoreError> {
    let sealed = seal_answer(keys, claim.id, answer)?;
    for hash in Hashes::of(keys, claim).key {
        db.prepare_cached(
            "UPDATE idempotency_keys SET status = ?3, body = ?4, until = ?5
             WHERE key = ?1 AND claim = ?2",
        )?
        .execute((
            hash,
            claim.id,
            answer.status,
            &sealed,
            micros(claim.keep_until),
        ))?;
    }
    Ok(())
}

pub(super) fn abandon(db: &Connection, keys: &Keys, claim: &Claim) -> Result<(), StoreError> {
    for hash in Hashes::of(keys, claim).key {
        db.prepare_cached("DELETE FROM idempotency_keys WHERE key = ?1 AND claim = ?2")?
            .execute((hash, claim.id))?;
    }
    Ok(())
}
