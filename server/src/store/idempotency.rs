//! What a store keeps for an `Idempotency-Key`.

use std::{fmt, sync::Arc, time::Duration};

use jiff::Timestamp;
use uuid::Uuid;

use super::Refusal;
use crate::engine::time::after;

/// A request that wants to be the first with its key.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Keys of different accounts are different keys.
    pub account: Uuid,
    /// The key, as the client sent it.
    pub key: Arc<str>,
    /// A hash of the request: the same key with another one is a mistake.
    pub fingerprint: [u8; 32],
    /// Tells this claim from a later one of the same key.
    pub id: Uuid,
    /// When it was made.
    pub now: Timestamp,
    /// Until when it holds without an answer, should the process die in between.
    pub lease_until: Timestamp,
    /// Until when its answer is kept.
    pub keep_until: Timestamp,
}

/// How long a key waits for an answer that never comes because the process died. Far longer than
/// any operation runs, so that none is run again beside itself.
const LEASE: Duration = Duration::from_mins(1);

impl Claim {
    /// A claim of `now` by the request that `fingerprint` is the hash of, whose answer is kept for
    /// so long. `id` is new for each claim.
    pub fn new(
        id: Uuid,
        account: Uuid,
        key: Arc<str>,
        fingerprint: [u8; 32],
        now: Timestamp,
        keep_for: Duration,
    ) -> Self {
        Self {
            account,
            key,
            fingerprint,
            id,
            now,
            lease_until: after(now, LEASE),
            keep_until: after(now, keep_for),
        }
    }
}

/// What became of a key.
#[derive(Debug)]
pub enum Claimed {
    /// It is this request's: run it, then keep its answer or abandon the key.
    Run,
    /// It was answered.
    Replay(StoredAnswer),
    /// The first request still runs.
    InProgress,
    /// It was used with another request.
    Reused,
}

/// A request that claims its key and keeps its answer in the one step that it asks for.
#[derive(Clone)]
pub struct Keyed<T> {
    /// What it claims. Nobody sees it without an answer, so its lease is of no use.
    pub claim: Claim,
    /// The answer to what the step comes to; none when it is not to be kept.
    pub answer: Answers<T>,
}

/// See [`Keyed::answer`].
pub type Answers<T> = Arc<dyn Fn(&Result<T, Refusal>) -> Option<StoredAnswer> + Send + Sync>;

/// What became of a step that is done once for each key, and always without one.
#[derive(Debug)]
pub enum Once<T> {
    /// It is done now.
    Done(T),
    /// It is not: the key is another request's. Never [`Claimed::Run`].
    Not(Claimed),
}

impl<T> Once<T> {
    /// What the step came to, if it is done now: always without a key.
    pub fn done(self) -> Option<T> {
        match self {
            Self::Done(done) => Some(done),
            Self::Not(_) => None,
        }
    }
}

/// An answer, to be given again as it was.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    /// Its HTTP status.
    pub status: u16,
    /// Its body. May hold a TOTP secret, so a backend that writes it down encrypts it.
    pub body: Vec<u8>,
}

impl fmt::Debug for StoredAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredAnswer")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}
