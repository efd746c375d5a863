//! Getting a message to a phone.
//!
//! Knows nothing of PIN rules or HTTP answers. A message comes here after the store committed the
//! authentication it belongs to, never before.

pub mod console;

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

/// A message that was not handed over. Its text names neither the number nor the PIN.
#[derive(Debug, Error)]
#[error("a message was not delivered")]
pub struct DeliveryError(#[from] std::io::Error);
