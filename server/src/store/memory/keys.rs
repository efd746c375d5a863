//! Idempotency keys in memory.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use jiff::Timestamp;
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

/// A key of an account.
type Name = (Uuid, Arc<str>);

fn name(claim: &Claim) -> Name {
    (claim.account, claim.key.as_str().into())
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
    pub(super) fn held(&mut self, claim: &Claim) -> Option<Claimed> {
        self.forget_old(claim.now);
        let row = self.rows.get(&name(claim))?;
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
    pub(super) fn insert(&mut self, claim: &Claim, until: Timestamp, answer: Option<StoredAnswer>) {
        let name = name(claim);
        let last = claim.lease_until.max(claim.keep_until);
        self.claimed.push_back((last, name.clone()));
        let row = Row {
            claim: claim.id,
            fingerprint: claim.fingerprint,
            until,
            answer,
        };
        self.rows.insert(name, Box::new(row));
    }

    pub(super) fn claim(&mut self, claim: &Claim) -> Claimed {
        self.held(claim).unwrap_or_else(|| {
            self.insert(claim, claim.lease_until, None);
            Claimed::Run
        })
    }

    pub(super) fn keep(&mut self, claim: &Claim, answer: &StoredAnswer) {
        let row = self.rows.get_mut(&name(claim));
        if let Some(row) = row.filter(|row| row.claim == claim.id) {
            row.answer = Some(answer.clone());
            row.until = claim.keep_until;
        }
    }

    pub(super) fn abandon(&mut self, claim: &Claim) {
        let name = name(claim);
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
            key: key.to_owned(),
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
        let mut left: Vec<&str> = keys.rows.keys().map(|(_, key)| &**key).collect();
        left.sort_unstable();
        assert_eq!(left, ["left", "new"]);
        assert_eq!(keys.claimed.len(), 2);
    }
}
