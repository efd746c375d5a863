//! What can be set, each with its reason, its limits and its default.
//!
//! Does not know where a value comes from: command line, environment and file are the program's.

use std::time::Duration;

use thiserror::Error;

use crate::engine::{
    budget::{Budget, Budgets},
    phone::{Phone, Prefix},
    pin::{PinLength, Resend},
    template::Template,
};

/// The rules of an authentication.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Digits of a PIN.
    pub pin_length: PinLength,
    /// How long a PIN, or a started check by authenticator, may be used. Default 10 minutes; from
    /// 1 second to 24 hours.
    pub valid_for: Duration,
    /// Wrong guesses before an authentication is throttled. Default 5; from 1 to 100.
    pub tries: u32,
    /// The least time between two PINs to one user. Default 30 seconds; at most 24 hours. Zero
    /// lets every start send.
    pub resend_delay: Duration,
    /// What a start sends while a PIN is valid. Default a new PIN.
    pub resend: Resend,
    /// How many messages may be sent. Default 5 an hour to a user and 5 an hour to a number.
    pub budgets: Budgets,
    /// The only numbers that messages go to, by their beginnings. Default none named, which is
    /// all.
    pub allow_prefixes: Vec<Prefix>,
    /// Wrong guesses in a row, over all authentications of a user, after which the user is
    /// locked. Default 100; at least 1.
    pub lock_after: u32,
    /// The text that is sent for a service that has none of its own.
    pub template: Template,
    /// Whether the text ends in `@host #pin`, so that browsers offer the PIN on the service's own
    /// site. Off by default: some readers take the line for noise.
    pub autofill: bool,
    /// How long the answer to an `Idempotency-Key` is kept. Default 24 hours; from 1 second.
    pub idempotency_for: Duration,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            pin_length: PinLength::default(),
            valid_for: Duration::from_mins(10),
            tries: 5,
            resend_delay: Duration::from_secs(30),
            resend: Resend::default(),
            budgets: Budgets::default(),
            allow_prefixes: Vec::new(),
            lock_after: 100,
            template: Template::default(),
            autofill: false,
            idempotency_for: DAY,
        }
    }
}

const DAY: Duration = Duration::from_hours(24);

/// A rule outside its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RulesError {
    /// See [`Rules::valid_for`].
    #[error("a PIN is valid for 1 second to 24 hours")]
    ValidFor,
    /// See [`Rules::tries`].
    #[error("an authentication allows 1 to 100 tries")]
    Tries,
    /// See [`Rules::resend_delay`].
    #[error("the resend delay is at most 24 hours")]
    ResendDelay,
    /// See [`Budget`].
    #[error("a budget is 1 to 100000 messages in 1 second to 31 days")]
    Budget,
    /// See [`Budgets::prefixes`](crate::engine::budget::Budgets::prefixes).
    #[error("a prefix has one budget")]
    PrefixTwice,
    /// See [`Rules::lock_after`].
    #[error("a user is locked after at least one wrong guess")]
    LockAfter,
    /// See [`Rules::idempotency_for`].
    #[error("answers are kept for at least 1 second")]
    IdempotencyFor,
}

impl Rules {
    /// Checks every number against its limits.
    pub fn validate(&self) -> Result<(), RulesError> {
        let second = Duration::from_secs(1);
        if !(second..=DAY).contains(&self.valid_for) {
            Err(RulesError::ValidFor)
        } else if !(1..=100).contains(&self.tries) {
            Err(RulesError::Tries)
        } else if self.resend_delay > DAY {
            Err(RulesError::ResendDelay)
        } else if !self.budgets.all().all(is_within_limits) {
            Err(RulesError::Budget)
        } else if !self.budgets.has_each_prefix_once() {
            Err(RulesError::PrefixTwice)
        } else if self.lock_after == 0 {
            Err(RulesError::LockAfter)
        } else if self.idempotency_for < second {
            Err(RulesError::IdempotencyFor)
        } else {
            Ok(())
        }
    }

    /// Whether messages may go to `phone` at all.
    pub fn allows(&self, phone: &Phone) -> bool {
        self.allow_prefixes.is_empty() || self.allow_prefixes.iter().any(|it| it.covers(phone))
    }
}

fn is_within_limits(budget: Budget) -> bool {
    (1..=100_000).contains(&budget.messages)
        && (Duration::from_secs(1)..=DAY * 31).contains(&budget.per)
}

/// What one client may take of the server.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of a request body. Default 64 KiB: the largest real one has about 1 KiB.
    pub body_bytes: usize,
    /// Bytes of a request's head that are always read; from 8 KiB. Default 64 KiB. One of more than
    /// four times as many is always refused: what is between depends on how it arrives.
    pub head_bytes: usize,
    /// How long a request's head may take, how long a TLS handshake before it, and how long a
    /// connection may idle. Default 10 s.
    pub head_timeout: Duration,
    /// How long a request's body may take. Default 10 s.
    pub body_timeout: Duration,
    /// Open connections. Default 10 000; from 1 to 1 000 000. More wait in the system's queue.
    pub connections: usize,
    /// How long what is running may take to finish once the server stops. Default 10 s.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 64 * 1024,
            head_bytes: 64 * 1024,
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(10),
            connections: 10_000,
            drain: Duration::from_secs(10),
        }
    }
}

/// A limit outside its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LimitsError {
    /// [`Limits::connections`] is out of range.
    #[error("a server takes 1 to 1000000 connections")]
    Connections,
    /// [`Limits::head_bytes`] is too small.
    #[error("a server takes heads of 8192 bytes at least")]
    HeadBytes,
}

impl Limits {
    /// Checks every number against its limits.
    pub fn validate(&self) -> Result<(), LimitsError> {
        if !(1..=1_000_000).contains(&self.connections) {
            Err(LimitsError::Connections)
        } else if self.head_bytes < 8192 {
            Err(LimitsError::HeadBytes)
        } else {
            Ok(())
        }
    }
}

/// What checking a password costs (Argon2id, RFC 9106).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordCost {
    /// Memory in KiB; at least 8.
    pub memory_kib: u32,
    /// Passes over it; at least 1.
    pub passes: u32,
    /// How many checks run at once; at least 1. It bounds memory and CPU under a flood of wrong
    /// passwords.
    pub at_once: usize,
}

impl Default for PasswordCost {
    /// 19 MiB and two passes, the first choice of the OWASP password storage cheat sheet.
    fn default() -> Self {
        Self {
            memory_kib: 19 * 1024,
            passes: 2,
            at_once: 2,
        }
    }
}

impl PasswordCost {
    /// The least Argon2id takes: for a sandbox, whose password is public anyway.
    pub fn minimal() -> Self {
        Self {
            memory_kib: 8,
            passes: 1,
            at_once: 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_each_limit_is_checked() {
        assert_eq!(Rules::default().validate(), Ok(()));
        let with = |change: fn(&mut Rules)| {
            let mut rules = Rules::default();
            change(&mut rules);
            rules.validate()
        };
        assert_eq!(
            with(|r| r.valid_for = Duration::ZERO),
            Err(RulesError::ValidFor)
        );
        assert_eq!(with(|r| r.valid_for = DAY * 2), Err(RulesError::ValidFor));
        assert_eq!(with(|r| r.tries = 0), Err(RulesError::Tries));
        assert_eq!(with(|r| r.tries = 101), Err(RulesError::Tries));
        assert_eq!(with(|r| r.resend_delay = Duration::ZERO), Ok(()));
        assert_eq!(
            with(|r| r.resend_delay = DAY * 2),
            Err(RulesError::ResendDelay)
        );
        let budget = |messages, per| Budget { messages, per };
        for wrong in [
            budget(0, DAY),
            budget(100_001, DAY),
            budget(1, Duration::ZERO),
            budget(1, DAY * 32),
        ] {
            let mut rules = Rules::default();
            rules.budgets.account = Some(wrong);
            assert_eq!(rules.validate(), Err(RulesError::Budget), "{wrong:?}");
            rules.budgets = Budgets::unlimited();
            assert_eq!(rules.validate(), Ok(()));
            rules.budgets.prefixes = vec![("+372".parse().unwrap(), wrong)];
            assert_eq!(rules.validate(), Err(RulesError::Budget), "{wrong:?}");
        }
        let some = budget(1, DAY);
        let prefixes = |all: [&str; 2]| {
            let mut rules = Rules::default();
            rules.budgets.prefixes = all.map(|it| (it.parse().unwrap(), some)).into();
            rules.validate()
        };
        assert_eq!(prefixes(["+372", "+37"]), Ok(()));
        assert_eq!(prefixes(["+372", "+372"]), Err(RulesError::PrefixTwice));
        assert_eq!(with(|r| r.lock_after = 0), Err(RulesError::LockAfter));
        assert_eq!(
            with(|r| r.idempotency_for = Duration::ZERO),
            Err(RulesError::IdempotencyFor)
        );
    }

    #[test]
    fn a_server_takes_some_connections_and_heads() {
        assert_eq!(Limits::default().validate(), Ok(()));
        for connections in [0, 1_000_001] {
            let limits = Limits {
                connections,
                ..Limits::default()
            };
            assert_eq!(limits.validate(), Err(LimitsError::Connections));
        }
        let limits = Limits {
            head_bytes: 8191,
            ..Limits::default()
        };
        assert_eq!(limits.validate(), Err(LimitsError::HeadBytes));
    }
}
