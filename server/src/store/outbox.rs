//! What a store keeps of a message until it is sent.

use jiff::Timestamp;
use uuid::Uuid;

use crate::engine::message::Message;

/// A worker's hold on messages.
#[derive(Debug, Clone, Copy)]
pub struct Hold {
    /// Tells it from a later one.
    pub lease: Uuid,
    /// Until when nobody else gets them, should this worker die.
    pub until: Timestamp,
}

/// When a message that is put in now is due, and whose it is until then.
pub(super) fn put_in(now: Timestamp, hold: Option<Hold>) -> (Timestamp, Option<Uuid>) {
    hold.map_or((now, None), |it| (it.until, Some(it.lease)))
}

/// A worker that wants messages.
#[derive(Debug, Clone, Copy)]
pub struct Pickup {
    /// On what it gets.
    pub hold: Hold,
    /// The time.
    pub now: Timestamp,
    /// How many at most.
    pub at_most: u32,
}

/// What a worker got.
#[derive(Debug, Default)]
pub struct PickedUp {
    /// Messages that nobody else sends until the lease is over.
    pub messages: Vec<Outgoing>,
    /// When the next of all others is due; none when there is none.
    pub next: Option<Timestamp>,
}

/// How full the outbox is, for whoever watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Queue {
    /// All messages, also those that are on their way or wait for another try; no more than were
    /// to be counted.
    pub messages: u32,
    /// When the first of them is due: in the past, when no worker came for it. None when there is
    /// none.
    pub first_due: Option<Timestamp>,
}

/// A message that must be sent.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Its id: that of the start that asked for it.
    pub id: Uuid,
    /// What goes where.
    pub message: Message,
    /// How often all providers have failed to take it.
    pub failures: u32,
}

/// What is said of a message that was picked up, or put in with a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settlement {
    /// The message's id.
    pub id: Uuid,
    /// Whose hold on it ends.
    pub lease: Uuid,
    /// What becomes of it.
    pub settled: Settled,
}

/// What becomes of a message that was picked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// It is sent, or never will be.
    Over,
    /// It is tried again at this time.
    Again(Timestamp),
}
