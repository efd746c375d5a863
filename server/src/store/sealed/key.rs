//! Idempotency keys. Hashed with their account, and so are the requests' fingerprints: one of a
//! short body would give a PIN or a number away to whoever tries them all.

use uuid::Uuid;

use super::SealedError;
use crate::{
    engine::keys::{Keys, Place},
    random,
    store::{Claim, Claimed, StoredAnswer},
};

/// What stands for a claim, under each of the server's keys, the current one first.
pub(crate) struct Hashes {
    pub(crate) key: Vec<[u8; 32]>,
    pub(crate) fingerprint: Vec<[u8; 32]>,
}

impl Hashes {
    pub(crate) fn of(keys: &Keys, claim: &Claim) -> Self {
        let text = [claim.account.as_bytes(), claim.key.as_bytes()].concat();
        Self {
            key: keys.find("idempotency-key", &text),
            fingerprint: keys.find("fingerprint", &claim.fingerprint),
        }
    }
}

/// The hash under the current key.
pub(crate) fn current(hashes: &[[u8; 32]]) -> Result<&[u8; 32], SealedError> {
    hashes.first().ok_or(SealedError::Value("a key"))
}

/// A claim that still holds.
pub(crate) struct Held {
    pub(crate) claim: Uuid,
    pub(crate) fingerprint: [u8; 32],
    /// Status and sealed body, once it is answered.
    pub(crate) answer: Option<(u16, Vec<u8>)>,
}

impl Held {
    /// What it says to another request with the same key.
    pub(crate) fn claimed(self, keys: &Keys, hashes: &Hashes) -> Result<Claimed, SealedError> {
        if !hashes.fingerprint.contains(&self.fingerprint) {
            return Ok(Claimed::Reused);
        }
        let Some((status, sealed)) = self.answer else {
            return Ok(Claimed::InProgress);
        };
        let body = keys.open(place(self.claim), &sealed)?.to_vec();
        Ok(Claimed::Replay(StoredAnswer { status, body }))
    }
}

/// Seals the body of the answer to a claim.
pub(crate) fn seal_answer(
    keys: &Keys,
    claim: Uuid,
    answer: &StoredAnswer,
) -> Result<Vec<u8>, SealedError> {
    Ok(keys.seal(place(claim), &answer.body, random::fill)?)
}

fn place(claim: Uuid) -> Place {
    Place {
        kind: "answer",
        row: claim,
    }
}
