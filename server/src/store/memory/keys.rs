//! Idempotency keys in memory.

use std::collections::{HashMap, VecDeque};

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::store::{Claim, Claimed, StoredAnswer};

/// Keys and what became of them.
#[derive(Default)]
pub(super) struct Keys {
    /// Boxed, so that a table that grows has little to move.
    rows: HashMap<Name, Box<Row>>,
    /// Keys in the order they were claimed, with the moment after which they are of no use, so
    /// that old ones are found without a search.
    claimed: VecDeque<(Timestamp, Name)>,
}

/// What stands for a key of an account, as short for a long one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Name([u8; 32]);

impl Name {
    pub(super) fn of(claim: &Claim) -> Self {
        let hash = Sha256::new()
            .chain_update(claim.account)
            .chain_update(&*claim.key);
        Self(hash.finalize().into())
    }
}

struct Row {
    /// See [`Claim::id`].
    claim: Uuid,
    fingerprint: [u8; 32],
    /// Of the claim's lease, then of the answer.
    until: Timestamp,
    answer: Option<StoredAnswer>,
}

impl Keys {
    /// What became of the key, if another request has it.
    pub(super) fn held(&mut self, name: Name, claim: &Claim) -> Option<Claimed> {
        self.forget_old(claim.now);
        let row = self.rows.get(&name)?;
        if row.until <= claim.now {
            None
        } else if row.fingerprint != claim.fingerprint {
            Some(Claimed::Reused)
        } else {
            let replay = |it: &StoredAnswer| Claimed::Replay(it.clone());
            Some(row.answer.as_ref().map_or(Claimed::InProgress, replay))
        }
    }

    /// Gives the key to a claim that nobody [holds](Self::held) it against.
    pub(super) fn insert(
        &mut self,
        name: Name,
        claim: &Claim,
        until: Timestamp,
        mut answer: Option<StoredAnswer>,
    ) {
        if let Some(answer) = &mut answer {
            // Without the room that it was written with: it stays for a day.
            answer.body.shrink_to_fit();
        }
        let last = claim.lease_until.max(claim.keep_until);
        self.claimed.push_back((last, name));
        let row = Row {
            claim: claim.id,
            fingerprint: claim.fingerprint,
            until,
            answer,
        };
        self.rows.insert(name, Box::new(row));
    }

    pub(super) fn claim(&mut self, claim: &Claim) -> Claimed {
        let name = Name::of(claim);
        self.held(name, claim).unwrap_or_else(|| {
            self.insert(name, claim, claim.lease_until, None);
            Claimed::Run
        })
    }

    pub(super) fn keep(&mut self, claim: &Claim, answer: &StoredAnswer) {
        let row = self.rows.get_mut(&Name::of(claim));
        if let Some(row) = row.filter(|row| row.claim == claim.id) {
            row.answer = Some(answer.clone());
            row.until = claim.keep_until;
        }
    }

    pub(super) fn abandon(&mut self, claim: &Claim) {
        let name = Name::of(claim);
        if (self.rows.get(&name)).is_some_and(|row| row.claim == claim.id) {
            self.rows.remove(&name);
        }
    }

    fn forget_old(&mut self, now: Timestamp) {
        while let Some((_, name)) = self.claimed.pop_front_if(|(until, _)| now >= *until) {
            // It may have been claimed anew since.
            if self.rows.get(&name).is_some_and(|row| row.until <= now) {
                self.rows.remove(&name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_old_is_forgotten() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let claim = |key: &str, second| Claim {
            account: Uuid::nil(),
            key: key.into(),
            fingerprint: [0; 32],
            id: Uuid::from_u128(u128::try_from(second).unwrap()),
            now: at(second),
            lease_until: at(second + 60),
            keep_until: at(second + 1_000),
        };
        let mut keys = Keys::default();
        keys.claim(&claim("left", 0));
        keys.claim(&claim("answered", 0));
        keys.keep(
            &claim("answered", 0),
            &StoredAnswer {
                status: 200,
                body: Vec::new(),
            },
        );
        keys.claim(&claim("given back", 0));
        keys.abandon(&claim("given back", 0));
        // The dead one's heir outlives what was remembered of the dead one.
        keys.claim(&claim("left", 60));
        keys.keep(
            &claim("left", 60),
            &StoredAnswer {
                status: 200,
                body: Vec::new(),
            },
        );
        keys.claim(&claim("new", 1_000));
        let is_left = |key| keys.rows.contains_key(&Name::of(&claim(key, 0)));
        assert!(is_left("left") && is_left("new"));
        assert_eq!(keys.rows.len(), 2);
        assert_eq!(keys.claimed.len(), 2);
    }
}
