//! Where the sandbox's messages end, for tests to read.

use std::{
    fmt,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::{
    delivery::{Deliver, DeliveryError, Message, console::Console},
    engine::phone::Phone,
};

/// A message that the sandbox took in place of a phone. `Debug` shows the number masked, and
/// neither text nor PIN: a test's output is a log, too.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentMessage {
    /// The number, as `+` and digits.
    pub to: String,
    /// The whole text.
    pub text: String,
    /// The PIN in it.
    pub pin: String,
    /// When, at the server's clock.
    pub sent_at: Timestamp,
}

impl fmt::Debug for SentMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("SentMessage");
        if let Ok(to) = Phone::parse(&self.to) {
            shown.field("to", &to);
        }
        shown
            .field("sent_at", &self.sent_at)
            .finish_non_exhaustive()
    }
}

/// The outbox.
#[derive(Default)]
pub(super) struct Outbox {
    /// Oldest first.
    sent: Mutex<Vec<SentMessage>>,
    /// Wakes waiting threads.
    arrived: Condvar,
    /// Wakes waiting tasks.
    count: watch::Sender<usize>,
    /// Prints, too.
    console: Option<Console>,
}

impl Outbox {
    pub(super) fn new(console: bool) -> Self {
        Self {
            console: console.then_some(Console),
            ..Self::default()
        }
    }

    fn sent(&self) -> MutexGuard<'_, Vec<SentMessage>> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn all(&self) -> Vec<SentMessage> {
        self.sent().clone()
    }

    pub(super) fn all_to(&self, to: &Phone) -> Vec<SentMessage> {
        self.sent()
            .iter()
            .filter(|it| it.to == to.expose())
            .cloned()
            .collect()
    }

    pub(super) fn latest(&self, to: &Phone) -> Option<SentMessage> {
        latest(&self.sent(), to)
    }

    /// The latest message to a number, as soon as there is one.
    pub(super) async fn arrival(&self, to: &Phone) -> SentMessage {
        self.wait_until(|sent| latest(sent, to)).await
    }

    /// The messages after the first so many, as soon as there is one.
    pub(super) async fn after(&self, seen: usize) -> Vec<SentMessage> {
        self.wait_until(|sent| match sent.get(seen..) {
            None | Some([]) => None,
            Some(new) => Some(new.to_vec()),
        })
        .await
    }

    async fn wait_until<T>(&self, found: impl Fn(&[SentMessage]) -> Option<T>) -> T {
        let mut count = self.count.subscribe();
        loop {
            count.mark_unchanged();
            if let Some(it) = found(&self.sent()) {
                return it;
            }
            if count.changed().await.is_err() {
                // The sender is in `self`, which is alive.
                std::future::pending::<()>().await;
            }
        }
    }

    pub(super) fn wait_blocking(&self, to: &Phone, timeout: Duration) -> Option<SentMessage> {
        let none_yet = |sent: &mut Vec<SentMessage>| latest(sent, to).is_none();
        let waited = self
            .arrived
            .wait_timeout_while(self.sent(), timeout, none_yet);
        let (sent, _) = waited.unwrap_or_else(PoisonError::into_inner);
        latest(&sent, to)
    }
}

fn latest(sent: &[SentMessage], to: &Phone) -> Option<SentMessage> {
    sent.iter().rev().find(|it| it.to == to.expose()).cloned()
}

#[async_trait]
impl Deliver for Outbox {
    fn provider(&self) -> &'static str {
        "sandbox"
    }

    async fn deliver(&self, message: &Message) -> Result<(), DeliveryError> {
        let sent = SentMessage {
            to: message.to.expose().to_owned(),
            text: message.text.as_str().to_owned(),
            pin: message.pin.expose().to_owned(),
            sent_at: message.sent_at,
        };
        let count = {
            let mut all = self.sent();
            all.push(sent);
            all.len()
        };
        self.arrived.notify_all();
        self.count.send_replace(count);
        match &self.console {
            Some(console) => console.deliver(message).await,
            None => Ok(()),
        }
    }
}
