//! Idempotency keys in memory.

use std::collections::{HashMap, VecDeque};

use jiff::Timestamp;
use uuid::Uuid;

use crate::store::{Claim, Claimed, StoredAnswer};

/// Keys and what became of them.
#[derive(Default)]
pub(super) struct Keys {
    rows: HashMap<(Uuid, String), Row>,
    /// Keys in the order they were claimed, with the moment after which they are of no use, so
    /// that old ones are found without a search.
    claimed: VecDeque<(Timestamp, Uuid, String)>,
}

struct Row {
    claim: Claim,
    answer: Option<StoredAnswer>,
}

impl Row {
    fn is_over(&self, now: Timestamp) -> bool {
        let until = if self.answer.is_some() {
            self.claim.keep_until
        } else {
            self.claim.lease_until
        };
        now >= until
    }
}

impl Keys {
    pub(super) fn claim(&mut self, claim: &Claim) -> Claimed {
        self.forget_old(claim.now);
        let entry = (claim.account, claim.key.clone());
        if let Some(row) = self.rows.get(&entry).filter(|row| !row.is_over(claim.now)) {
            return if row.claim.fingerprint != claim.fingerprint {
                Claimed::Reused
            } else if let Some(answer) = &row.answer {
                Claimed::Replay(answer.clone())
            } else {
                Claimed::InProgress
            };
        }
        let row = Row {
            claim: claim.clone(),
            answer: None,
        };
        self.rows.insert(entry, row);
        let last = claim.lease_until.max(claim.keep_until);
        self.claimed
            .push_back((last, claim.account, claim.key.clone()));
        Claimed::Run
    }

    pub(super) fn keep(&mut self, claim: &Claim, answer: &StoredAnswer) {
        let row = self.rows.get_mut(&(claim.account, claim.key.clone()));
        if let Some(row) = row.filter(|row| row.claim.id == claim.id) {
            row.answer = Some(answer.clone());
        }
    }

    pub(super) fn abandon(&mut self, claim: &Claim) {
        let entry = (claim.account, claim.key.clone());
        let row = self.rows.get(&entry);
        if row.is_some_and(|row| row.claim.id == claim.id) {
            self.rows.remove(&entry);
        }
    }

    fn forget_old(&mut self, now: Timestamp) {
        while let Some((_, account, key)) = self.claimed.pop_front_if(|(until, ..)| now >= *until) {
            let entry = (account, key);
            // It may have been claimed anew since.
            if self.rows.get(&entry).is_some_and(|row| row.is_over(now)) {
                self.rows.remove(&entry);
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
        let mut left: Vec<&str> = keys.rows.keys().map(|(_, key)| key.as_str()).collect();
        left.sort_unstable();
        assert_eq!(left, ["left", "new"]);
        assert_eq!(keys.claimed.len(), 2);
    }
}
