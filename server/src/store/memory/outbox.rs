//! Messages that must be sent, in memory.

use std::collections::BTreeMap;

use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    engine::message::Message,
    store::{Outgoing, PickedUp, Pickup, Queue, Settled},
};

/// The messages, in the order they are due.
#[derive(Default)]
pub(super) struct Outbox {
    rows: BTreeMap<(Timestamp, Uuid), Row>,
}

struct Row {
    user: Uuid,
    lease: Option<Uuid>,
    outgoing: Outgoing,
}

impl Outbox {
    pub(super) fn add(&mut self, user: Uuid, message: Message) {
        let (id, due) = (message.id, message.sent_at);
        let outgoing = Outgoing {
            id,
            message,
            failures: 0,
        };
        let row = Row {
            user,
            lease: None,
            outgoing,
        };
        self.rows.insert((due, id), row);
    }

    /// Forgets what waits for a user, also what is on its way: that is not tried again.
    pub(super) fn forget(&mut self, user: Uuid) {
        self.rows.retain(|_, row| row.user != user);
    }

    pub(super) fn pick_up(&mut self, pickup: &Pickup) -> PickedUp {
        let mut messages = Vec::new();
        for _ in 0..pickup.at_most {
            let Some(first) = self.rows.first_entry() else {
                break;
            };
            if first.key().0 > pickup.now {
                break;
            }
            let mut row = first.remove();
            row.lease = Some(pickup.lease);
            messages.push(row.outgoing.clone());
            self.rows.insert((pickup.until, row.outgoing.id), row);
        }
        let next = self.first_due();
        PickedUp { messages, next }
    }

    pub(super) fn queue(&self, at_most: u32) -> Queue {
        let messages = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
        Queue {
            messages: messages.min(at_most),
            first_due: self.first_due(),
        }
    }

    fn first_due(&self) -> Option<Timestamp> {
        self.rows.keys().next().map(|(due, _)| *due)
    }

    pub(super) fn settle(&mut self, id: Uuid, lease: Uuid, settled: Settled) {
        let mut rows = self.rows.iter();
        let found = rows.find(|(key, row)| key.1 == id && row.lease == Some(lease));
        let Some(key) = found.map(|(key, _)| *key) else {
            return;
        };
        if let (Some(mut row), Settled::Again(at)) = (self.rows.remove(&key), settled) {
            row.lease = None;
            row.outgoing.failures += 1;
            self.rows.insert((at, id), row);
        }
    }
}
