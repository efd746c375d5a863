//! Idempotency keys.

use tokio_postgres::Row;

use super::{
    failure::Failure,
    session::{Call, Session, Value, call},
};
use crate::{
    engine::keys::Keys,
    store::{
        Claim, Claimed, Keyed, Once, Refusal, StoredAnswer,
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

/// The key that a step is done once for, if it has one.
///
/// The step locks the user that it is about, then looks who has the key and at last writes its
/// answer to it: of two with the same request the second one waits for the user, and then finds
/// the first one's answer. With another request, the second one's answer is refused, and with it
/// all that it did; run again, it finds the first one's. Only servers whose current keys differ
/// may let both happen, each once: it is written under that key, though looked for under all.
pub(super) struct Key<'a, T> {
    of: Option<(&'a Keyed<T>, Hashes)>,
    /// Somebody had it, whose time is over.
    is_left: bool,
}

/// Who has a key of so many hashes, or had it. Each is a value of its own: with one array for all
/// of them, the database plans the statement anew each time.
fn find(hashes: usize) -> String {
    let places: Vec<String> = (1..=hashes).map(|place| format!("${place}")).collect();
    let places = places.join(", ");
    format!(
        "SELECT claim, fingerprint, status, body, until FROM idempotency_keys
         WHERE key IN ({places})"
    )
}

const FORGET: &str = "DELETE FROM idempotency_keys WHERE key = ANY($1) AND until <= $2";

const ADD: &str = "
    INSERT INTO idempotency_keys (key, claim, fingerprint, until, status, body)
    VALUES ($1, $2, $3, $4, $5, $6)";

impl<'a, T> Key<'a, T> {
    pub(super) fn new(keys: &Keys, keyed: Option<&'a Keyed<T>>) -> Self {
        Self {
            of: keyed.map(|keyed| (keyed, Hashes::of(keys, &keyed.claim))),
            is_left: false,
        }
    }

    /// Begins a transaction with a statement that locks what the step is about, and looks who has
    /// the key. Gives what the statement does, or what became of the key.
    pub(super) async fn begin(
        &mut self,
        db: &Session,
        keys: &Keys,
        lock: Call<'_>,
    ) -> Result<Result<Vec<Row>, Claimed>, Failure> {
        let Some((keyed, hashes)) = &self.of else {
            let [rows] = db.begin([lock]).await?;
            return Ok(Ok(rows));
        };
        let all = sorted(hashes);
        let all: Vec<Value<'_>> = all.iter().map(|it| it as Value<'_>).collect();
        let find = find(all.len());
        let [rows, found] = db.begin([lock, call(&find, &all)]).await?;
        for row in &found {
            let until: i64 = row.try_get("until")?;
            if until > micros(keyed.claim.now) {
                return Ok(Err(read(row)?.claimed(keys, hashes)?));
            }
            self.is_left = true;
        }
        Ok(Ok(rows))
    }

    /// Commits the last statements of the step, and the answer to what it came to.
    pub(super) async fn commit(
        &self,
        db: &Session,
        keys: &Keys,
        mut calls: Vec<Call<'_>>,
        done: Result<T, Refusal>,
    ) -> Result<Once<T>, Failure> {
        let answer = (self.of.as_ref()).and_then(|(keyed, hashes)| {
            let answer = (keyed.answer)(&done)?;
            Some((&keyed.claim, hashes, answer))
        });
        let Some((claim, hashes, answer)) = answer else {
            if !calls.is_empty() {
                db.commit(&calls).await?;
            }
            return Ok(Once::Done(done?));
        };
        let (now, until) = (micros(claim.now), micros(claim.keep_until));
        let hash: &[u8] = current(&hashes.key)?;
        let fingerprint: &[u8] = current(&hashes.fingerprint)?;
        let status = i64::from(answer.status);
        let sealed = seal_answer(keys, claim.id, &answer)?;
        let all = sorted(hashes);
        let left: [Value<'_>; 2] = [&all, &now];
        let answer: [Value<'_>; 6] = [&hash, &claim.id, &fingerprint, &until, &status, &sealed];
        if self.is_left {
            calls.push(call(FORGET, &left));
        }
        calls.push(call(ADD, &answer));
        db.commit(&calls).await?;
        Ok(Once::Done(done?))
    }
}

/// The hashes of a key, in the one order in which they are locked.
fn sorted(hashes: &Hashes) -> Vec<&[u8]> {
    let mut sorted: Vec<&[u8]> = hashes.key.iter().map(<[u8; 32]>::as_slice).collect();
    sorted.sort_unstable();
    sorted
}
