//! Idempotency keys. Hashed with their account, and so are the requests' fingerprints: one of a
//! short body would give a PIN or a number away to whoever tries them all.

use rusqlite::{Connection, OptionalExtension};
use uuid::Uuid;

use super::{failure::Failure, user::micros};
use crate::{
    engine::keys::{Keys, Place},
    random,
    store::{Claim, Claimed, StoreError, StoredAnswer},
};

/// Old rows that one new key takes away.
const SWEPT: u32 = 32;

struct Row {
    claim: Uuid,
    fingerprint: [u8; 32],
    until: i64,
    /// Status and sealed body.
    answer: Option<(u16, Vec<u8>)>,
}

fn hashes(keys: &Keys, claim: &Claim) -> Vec<[u8; 32]> {
    let text = [claim.account.as_bytes(), claim.key.as_bytes()].concat();
    keys.find("idempotency-key", &text)
}

fn fingerprints(keys: &Keys, claim: &Claim) -> Vec<[u8; 32]> {
    keys.find("fingerprint", &claim.fingerprint)
}

fn place(claim: Uuid) -> Place {
    Place {
        kind: "answer",
        row: claim,
    }
}

fn first(hashes: &[[u8; 32]]) -> Result<&[u8; 32], Failure> {
    hashes.first().ok_or(Failure::Row("a key"))
}

/// The row of a key, under whichever of the server's keys it was hashed.
fn find(db: &Connection, hashes: &[[u8; 32]]) -> Result<Option<Row>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT claim, fingerprint, until, status, body FROM idempotency_keys WHERE key = ?1",
    )?;
    for hash in hashes {
        let row = statement.query_row([hash], |row| {
            let status: Option<u16> = row.get(3)?;
            let body: Option<Vec<u8>> = row.get(4)?;
            Ok(Row {
                claim: row.get(0)?,
                fingerprint: row.get(1)?,
                until: row.get(2)?,
                answer: status.zip(body),
            })
        });
        if let Some(row) = row.optional()? {
            return Ok(Some(row));
        }
    }
    Ok(None)
}

pub(super) fn claim(db: &Connection, keys: &Keys, claim: &Claim) -> Result<Claimed, StoreError> {
    let (hashes, now) = (hashes(keys, claim), micros(claim.now));
    let fingerprints = fingerprints(keys, claim);
    if let Some(row) = find(db, &hashes)?.filter(|row| now < row.until) {
        return Ok(if !fingerprints.contains(&row.fingerprint) {
            Claimed::Reused
        } else if let Some((status, sealed)) = row.answer {
            let body = keys
                .open(place(row.claim), &sealed)
                .map_err(Failure::from)?;
            Claimed::Replay(StoredAnswer {
                status,
                body: body.to_vec(),
            })
        } else {
            Claimed::InProgress
        });
    }
    db.prepare_cached(
        "DELETE FROM idempotency_keys WHERE key IN
             (SELECT key FROM idempotency_keys WHERE until <= ?1 LIMIT ?2)",
    )?
    .execute((now, SWEPT))?;
    // One that is over may be there still, under an older of the server's keys.
    for hash in &hashes {
        db.prepare_cached("DELETE FROM idempotency_keys WHERE key = ?1")?
            .execute([hash])?;
    }
    db.prepare_cached(
        "INSERT INTO idempotency_keys (key, claim, fingerprint, until) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute((
        first(&hashes)?,
        claim.id,
        first(&fingerprints)?,
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
    let sealed = keys.seal(place(claim.id), &answer.body, random::fill);
    let sealed = sealed.map_err(Failure::from)?;
    for hash in hashes(keys, claim) {
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
    for hash in hashes(keys, claim) {
        db.prepare_cached("DELETE FROM idempotency_keys WHERE key = ?1 AND claim = ?2")?
            .execute((hash, claim.id))?;
    }
    Ok(())
}
