//! Getting a message to a phone.
//!
//! Knows nothing of PIN rules or HTTP answers. A message comes here after the store committed the
//! authentication it belongs to, never before.

pub mod console;
pub mod courier;

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
}

/// A message that was not handed over, as far as is known. No text here names number or PIN.
#[derive(Debug, Error)]
pub enum DeliveryError {
    /// It was not taken, and will not be: the request itself was refused.
    #[error("the message was refused")]
    Refused,
    /// It was not taken, and may be later: nobody answered, or asked to come again.
    #[error("the message was not taken")]
    Failed(#[source] Option<std::io::Error>),
    /// It may have been taken: the answer was lost.
    #[error("whether the message was taken is unknown")]
    Unknown,
}

impl DeliveryError {
    /// Whether the same provider may take the same message later.
    pub fn may_do_better(&self) -> bool {
        matches!(self, Self::Failed(_))
    }
}

impl From<std::io::Error> for DeliveryError {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(Some(error))
    }
}
