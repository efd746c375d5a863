//! Idempotency keys.

use rusqlite::{Connection, OptionalExtension};

use crate::{
    engine::keys::Keys,
    store::{
        Claim, Claimed, StoreError, StoredAnswer,
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
    let (hashes, now) = (Hashes::of(keys, claim), micros(claim.now));
    if let Some(held) = find(db, &hashes, now)? {
        return Ok(held.claimed(keys, &hashes)?);
    }
    // One that is over may be there still, under any of the server's keys.
    for old in hashes.key.iter().skip(1) {
        db.prepare_cached("DELETE FROM idempotency_keys WHERE key = ?1")?
            .execute([old])?;
    }
    db.prepare_cached(
        "INSERT OR REPLACE INTO idempotency_keys (key, claim, fingerprint, until)
         VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute((
        current(&hashes.key)?,
        claim.id,
        current(&hashes.fingerprint)?,
        micros(claim.lease_until),
    ))?;
    Ok(Claimed::Run)
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
