//! Idempotency keys.

use tokio_postgres::Row;

use super::{
    failure::Failure,
    session::{Session, Value, call},
};
use crate::{
    engine::keys::Keys,
    store::{
        Claim, Claimed, Keyed, Once, StoredAnswer,
        sealed::{
            SealedError,
            key::{Hashes, Held, current, seal_answer},
            micros,
        },
    },
};

/// Takes a key that nobody has, or whose time is over.
const TAKE: &str = "
    INSERT INTO idempotency_keys (key, claim, fingerprint, until) VALUES ($1, $2, $3, $4)
    ON CONFLICT (key) DO UPDATE SET claim = excluded.claim, fingerprint = excluded.fingerprint,
        until = excluded.until, status = NULL, body = NULL
    WHERE idempotency_keys.until <= $5";

/// The claims that hold.
const HELD: &str = "
    SELECT claim, fingerprint, status, body FROM idempotency_keys
    WHERE key = ANY($1) AND until > $2";

/// How often to look again for whoever has a key but gave it back before it could be seen.
const TRIES: u32 = 10;

pub(super) async fn claim(db: &Session, keys: &Keys, claim: &Claim) -> Result<Claimed, Failure> {
    let hashes = Hashes::of(keys, claim);
    let (now, until) = (micros(claim.now), micros(claim.lease_until));
    let fingerprint: &[u8] = current(&hashes.fingerprint)?;
    let sorted = sorted(&hashes);
    if let [only] = sorted.as_slice() {
        let take: [Value<'_>; 5] = [only, &claim.id, &fingerprint, &until, &now];
        for _ in 0..TRIES {
            let [_, held] = db
                .ask([call(TAKE, &take), call(HELD, &[&sorted, &now])])
                .await?;
            if let Some(claimed) = claimed(&held, keys, claim, &hashes)? {
                return Ok(claimed);
            }
        }
        return Ok(Claimed::InProgress);
    }
    // Under each of the server's keys, as another server may have fewer of them or others first;
    // in one order, so that no two wait for each other.
    let [] = db.begin([]).await?;
    for hash in &sorted {
        db.ask([call(TAKE, &[hash, &claim.id, &fingerprint, &until, &now])])
            .await?;
    }
    let [held] = db.ask([call(HELD, &[&sorted, &now])]).await?;
    let claimed = claimed(&held, keys, claim, &hashes)?;
    if let Some(Claimed::Run) = claimed {
        db.commit(&[]).await?;
    }
    Ok(claimed.unwrap_or(Claimed::InProgress))
}

/// What the claims that hold say to this one. None when there is none: whoever had the key gave it
/// back before it could be seen.
fn claimed(
    held: &[Row],
    keys: &Keys,
    claim: &Claim,
    hashes: &Hashes,
) -> Result<Option<Claimed>, Failure> {
    let mut claimed = None;
    for held in held {
        let held = read(held)?;
        if held.claim != claim.id {
            return Ok(Some(held.claimed(keys, hashes)?));
        }
        claimed = Some(Claimed::Run);
    }
    Ok(claimed)
}

fn read(row: &Row) -> Result<Held, Failure> {
    const WRONG: SealedError = SealedError::Value("an answer");
    let fingerprint: &[u8] = row.try_get(1)?;
    let status: Option<i64> = row.try_get(2)?;
    let status = status.map(u16::try_from).transpose();
    let body: Option<Vec<u8>> = row.try_get(3)?;
    Ok(Held {
        claim: row.try_get(0)?,
        fingerprint: fingerprint.try_into().map_err(|_| WRONG)?,
        answer: status.map_err(|_| WRONG)?.zip(body),
    })
}

/// Keeps an answer to a claim.
const KEEP: &str = "
    UPDATE idempotency_keys SET status = $3, body = $4, until = $5
    WHERE key = ANY($1) AND claim = $2";

const ABANDON: &str = "DELETE FROM idempotency_keys WHERE key = ANY($1) AND claim = $2";

pub(super) async fn keep(
    db: &Session,
    keys: &Keys,
    claim: &Claim,
    answer: &StoredAnswer,
) -> Result<(), Failure> {
    let sealed = seal_answer(keys, claim.id, answer)?;
    let hashes = Hashes::of(keys, claim);
    let (status, until) = (i64::from(answer.status), micros(claim.keep_until));
    let hashes = sorted(&hashes);
    let values: [Value<'_>; 5] = [&hashes, &claim.id, &status, &sealed, &until];
    db.ask([call(KEEP, &values)]).await?;
    Ok(())
}

pub(super) async fn abandon(db: &Session, keys: &Keys, claim: &Claim) -> Result<(), Failure> {
    let hashes = Hashes::of(keys, claim);
    db.ask([call(ABANDON, &[&sorted(&hashes), &claim.id])])
        .await?;
    Ok(())
}

/// Lets `step`, which works on the same connection, happen once for a key. Until the transaction is
/// over, whoever else has the key waits for it, and then sees its answer.
pub(super) async fn once<T>(
    db: &Session,
    keys: &Keys,
    keyed: &Keyed<T>,
    step: impl Future<Output = Result<T, Failure>>,
) -> Result<Once<T>, Failure> {
    let claim = &keyed.claim;
    let hashes = Hashes::of(keys, claim);
    let (now, until) = (micros(claim.now), micros(claim.keep_until));
    let fingerprint: &[u8] = current(&hashes.fingerprint)?;
    let sorted = sorted(&hashes);
    let takes: Vec<[Value<'_>; 5]> = (sorted.iter())
        .map(|hash| [hash as Value<'_>, &claim.id, &fingerprint, &until, &now])
        .collect();
    let held: [Value<'_>; 2] = [&sorted, &now];
    let takes = takes.iter().map(|values| call(TAKE, values));
    let calls: Vec<_> = takes.chain([call(HELD, &held)]).collect();
    let answers = db.begin_all(&calls).await?;
    let held = answers.last().map_or(&[][..], Vec::as_slice);
    match claimed(held, keys, claim, &hashes)? {
        Some(Claimed::Run) => {}
        claimed => return Ok(Once::Not(claimed.unwrap_or(Claimed::InProgress))),
    }
    let done = match db.part(step).await {
        Err(Failure::Refused(refusal)) => Err(refusal),
        done => Ok(done?),
    };
    if let Some(answer) = (keyed.answer)(&done) {
        let (status, sealed) = (
            i64::from(answer.status),
            seal_answer(keys, claim.id, &answer)?,
        );
        let values: [Value<'_>; 5] = [&sorted, &claim.id, &status, &sealed, &until];
        db.commit(&[call(KEEP, &values)]).await?;
    } else {
        db.commit(&[call(ABANDON, &[&sorted, &claim.id])]).await?;
    }
    Ok(Once::Done(done?))
}

/// The hashes of a key, in the one order in which they are locked.
fn sorted(hashes: &Hashes) -> Vec<&[u8]> {
    let mut sorted: Vec<&[u8]> = hashes.key.iter().map(<[u8; 32]>::as_slice).collect();
    sorted.sort_unstable();
    sorted
}
