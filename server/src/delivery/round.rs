//! What becomes of a message, attempt by attempt: the rules of fail-over, pure.
//!
//! Knows no provider, no store and no clock: what happened and when comes in, what to do next goes
//! out. The courier does as it says; so does the model that `tests/model.rs` explores.

use std::time::Duration;

use jiff::Timestamp;

use super::DeliveryError;
use crate::{
    engine::time::after,
    store::{Outgoing, Settled},
};

/// How long one provider may take. Longer than any answers that still will.
pub const ATTEMPT: Duration = Duration::from_secs(10);
/// How long to wait after the first failure of all providers; doubled after each.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest of these waits.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// How long whoever picks up messages for so many providers has them for itself: as long as the
/// slowest round takes, and one attempt more for all that lies between.
pub fn lease(providers: usize) -> Duration {
    let rounds = u32::try_from(providers.saturating_add(1)).unwrap_or(u32::MAX);
    ATTEMPT.saturating_mul(rounds)
}

/// One round of all providers, in their order, with one message.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Round {
    failures: u32,
    expires_at: Timestamp,
    /// Whether the next is asked also when the one before may have sent it.
    redeliver: bool,
    is_done: bool,
    may_do_better: bool,
}

impl Round {
    /// Begins a round with a message that was picked up.
    pub fn new(outgoing: &Outgoing, redeliver: bool) -> Self {
        Self {
            failures: outgoing.failures,
            expires_at: outgoing.message.expires_at,
            redeliver,
            is_done: false,
            may_do_better: false,
        }
    }

    /// Whether the next provider is asked: not once the message [is done](Self::is_done) with, and
    /// not once its PIN is dead.
    pub fn goes_on(&self, now: Timestamp) -> bool {
        !self.is_done && now < self.expires_at
    }

    /// Whether a provider has the message, or may have it and a second one is not asked for.
    pub fn is_done(&self) -> bool {
        self.is_done
    }

    /// Takes note of what a provider answered.
    pub fn note(&mut self, answer: &Result<(), DeliveryError>) {
        match answer {
            Ok(()) => self.is_done = true,
            Err(DeliveryError::Unknown(_)) => self.is_done |= !self.redeliver,
            Err(error) => self.may_do_better |= error.may_do_better(),
        }
    }

    /// What becomes of the message when no more providers are asked. All are asked again, ever less
    /// often, as long as one may do better and the PIN lives.
    pub fn settled(&self, now: Timestamp) -> Settled {
        let pause = FIRST_PAUSE
            .saturating_mul(2_u32.saturating_pow(self.failures))
            .min(LONGEST_PAUSE);
        let at = after(now, pause);
        if !self.is_done && self.may_do_better && at < self.expires_at {
            Settled::Again(at)
        } else {
            Settled::Over
        }
    }
}
