//! Getting a message to a phone.
//!
//! Knows nothing of PIN rules or HTTP answers. A message comes here after the store committed the
//! authentication it belongs to, never before.

pub mod console;
pub mod courier;
#[cfg(feature = "messente")]
pub mod messente;
#[cfg(any(feature = "messente", feature = "webhook"))]
mod post;
pub mod round;
mod settling;
#[cfg(feature = "webhook")]
pub mod webhook;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use thiserror::Error;

pub use crate::engine::message::Message;

/// Sends messages.
#[async_trait]
pub trait Deliver: Send + Sync {
    /// One word for whoever carries the messages on, for metrics.
    fn provider(&self) -> &'static str;

    /// Hands one message over; returns when whoever carries it on has it.
    async fn deliver(&self, message: &Message) -> Result<(), DeliveryError>;

    /// Reads what it reports later of messages; none when it reports nothing.
    fn reports(&self) -> Option<Arc<dyn Reports>> {
        None
    }
}

/// A message that was not handed over, as far as is known. No text here names number or PIN.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DeliveryError {
    /// It was not taken, and will not be: the request itself was refused.
    #[error("the message was refused; {0}")]
    Refused(Reason),
    /// It was not taken, and may be later: nobody answered, or asked to come again.
    #[error("the message was not taken; {0}")]
    Failed(Reason),
    /// It may have been taken: the answer was lost.
    #[error("the message may have been taken; {0}")]
    Unknown(Reason),
}

impl DeliveryError {
    /// Whether the same provider may take the same message later.
    pub fn may_do_better(&self) -> bool {
        matches!(self, Self::Failed(_))
    }
}

/// What went wrong at a provider, in words that were written beforehand: those of an answer may
/// repeat number, PIN or credentials, and are never shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reason {
    provider: &'static str,
    status: Option<u16>,
    what: Option<&'static str>,
}

impl Reason {
    /// What happened at a provider.
    pub fn new(provider: &'static str, what: &'static str) -> Self {
        Self {
            provider,
            status: None,
            what: Some(what),
        }
    }

    /// A provider answered with an HTTP status, and perhaps said more.
    pub fn status(provider: &'static str, status: u16, what: Option<&'static str>) -> Self {
        Self {
            provider,
            status: Some(status),
            what,
        }
    }
}

impl fmt::Display for Reason {
    /// Such as `messente: status 400, Invalid data (105)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.provider)?;
        if let Some(status) = self.status {
            let comma = if self.what.is_some() { "," } else { "" };
            write!(f, " status {status}{comma}")?;
        }
        self.what.map_or(Ok(()), |what| write!(f, " {what}"))
    }
}

/// A provider that cannot be used as it was set up. No text repeats a secret or an address.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SetupError {
    /// Its URL is none, holds credentials, or is neither https nor on this machine.
    #[error("{provider}: {why}")]
    Url {
        /// Whose.
        provider: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// Something that it needs is empty.
    #[error("{provider}: the {what} is missing")]
    Missing {
        /// Whose.
        provider: &'static str,
        /// What.
        what: &'static str,
    },
    /// Its username holds a colon, which HTTP Basic keeps for itself.
    #[error("{provider}: the username may not hold a colon")]
    Colon {
        /// Whose.
        provider: &'static str,
    },
}

/// Reads what a provider tells later of messages that it took, and knows its own from a forged one.
pub trait Reports: Send + Sync {
    /// The header that holds a report's signature, in small letters.
    fn signed_by(&self) -> &'static str;

    /// Reads a report. Nothing of one that is forged is looked at.
    fn read(&self, signature: &[u8], body: &[u8]) -> Result<Report, ReportError>;
}

/// What became of a message that a provider took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// One of the provider's documented words, or `other`.
    pub status: &'static str,
}

/// A report that does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ReportError {
    /// The signature is not the provider's.
    #[error("the signature is wrong")]
    Forged,
    /// It is the provider's, but no JSON object.
    #[error("the report cannot be read")]
    Malformed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_provider_status_and_reason() {
        for (error, text) in [
            (
                DeliveryError::Failed(Reason::new("webhook", "the server could not be reached")),
                "the message was not taken; webhook: the server could not be reached",
            ),
            (
                DeliveryError::Failed(Reason::status("webhook", 503, None)),
                "the message was not taken; webhook: status 503",
            ),
            (
                DeliveryError::Refused(Reason::status("messente", 400, Some("Invalid data (105)"))),
                "the message was refused; messente: status 400, Invalid data (105)",
            ),
        ] {
            assert_eq!(error.to_string(), text);
        }
    }
}
