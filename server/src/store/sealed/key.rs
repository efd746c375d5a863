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
        let mut key = keys.find("idempotency-key", &text);
        if let Some(time) = time(&claim.key) {
            let begins = key.iter_mut().filter_map(|hash| hash.first_chunk_mut());
            begins.for_each(|begin| *begin = time);
        }
        Self {
            key,
            fingerprint: keys.find("fingerprint", &claim.fingerprint),
        }
    }
}

/// What a key that is a UUID begins with: in those of this project's clients, the time. Put in front
/// of the hash it keeps new keys together, so that they are written to few pages of an index however
/// large that is; and it tells nobody more than when a key was made.
fn time(key: &str) -> Option<[u8; 6]> {
    Uuid::try_parse(key).ok()?.as_bytes().first_chunk().copied()
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;
    use zeroize::Zeroizing;

    use super::*;

    fn hash(key: &str) -> [u8; 32] {
        let keys = Keys::new(&Zeroizing::new([1; 32]));
        let (id, now) = (Uuid::nil(), Timestamp::UNIX_EPOCH);
        let claim = Claim::new(id, id, key.into(), [0; 32], now, Duration::ZERO);
        *current(&Hashes::of(&keys, &claim).key).unwrap()
    }

    #[test]
    fn what_stands_for_a_key_begins_with_its_time_if_it_is_a_uuid_and_hides_the_rest() {
        let key = "01234567-89ab-4def-8123-456789abcdef";
        let one = hash(key);
        assert_eq!(one[..6], [0x01, 0x23, 0x45, 0x67, 0x89, 0xab]);
        let other = hash("01234567-89ab-4def-8123-456789abcdee");
        assert_eq!(one[..6], other[..6]);
        assert!(!one[6..].iter().zip(&other[6..]).all(|(a, b)| a == b));
        // Another spelling is another key.
        assert_ne!(one, hash(&key.to_uppercase()));
        for key in [
            "1",
            "01234567-89ab",
            "order-01234567-89ab-4def-8123-456789abcdef",
        ] {
            assert_ne!(hash(key)[..6], one[..6], "{key}");
        }
    }
}
