//! Messages that must be sent, in memory.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    engine::message::Message,
    store::{Hold, Outgoing, PickedUp, Pickup, Queue, Settled, Settlement, outbox::put_in},
};

/// The messages, by their ids.
#[derive(Default)]
pub(super) struct Outbox {
    rows: HashMap<Uuid, Row>,
    /// When each is due, in this order.
    due: BTreeSet<(Timestamp, Uuid)>,
    /// The one message of a user: what starts the next forgets the last.
    of_user: HashMap<Uuid, Uuid>,
}

struct Row {
    user: Uuid,
    /// When it is tried, or when the lease of whoever tries it ends.
    due: Timestamp,
    lease: Option<Uuid>,
    outgoing: Outgoing,
}

impl Outbox {
    /// Puts a message in, for a user who has none there.
    pub(super) fn add(&mut self, user: Uuid, message: Message, hold: Option<Hold>) {
        let id = message.id;
        let (due, lease) = put_in(message.sent_at, hold);
        let row = Row {
            user,
            due,
            lease,
            outgoing: Outgoing {
                id,
                message,
                failures: 0,
            },
        };
        self.due.insert((due, id));
        self.of_user.insert(user, id);
        self.rows.insert(id, row);
    }

    /// Forgets what waits for a user, also what is on its way: that is not tried again.
    pub(super) fn forget(&mut self, user: Uuid) {
        if let Some(id) = self.of_user.get(&user) {
            self.remove(*id);
        }
    }

    fn remove(&mut self, id: Uuid) {
        if let Some(row) = self.rows.remove(&id) {
            self.due.remove(&(row.due, id));
            self.of_user.remove(&row.user);
        }
    }

    pub(super) fn pick_up(&mut self, pickup: &Pickup) -> PickedUp {
        let mut messages = Vec::new();
        for _ in 0..pickup.at_most {
            let Some((_, id)) = self.due.first().copied().filter(|it| it.0 <= pickup.now) else {
                break;
            };
            self.due.pop_first();
            if let Some(row) = self.rows.get_mut(&id) {
                row.lease = Some(pickup.hold.lease);
                row.due = pickup.hold.until;
                self.due.insert((row.due, id));
                messages.push(row.outgoing.clone());
            }
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
        self.due.first().map(|(due, _)| *due)
    }

    pub(super) fn settle(&mut self, &Settlement { id, lease, settled }: &Settlement) {
        let Some(row) = self.rows.get_mut(&id) else {
            return;
        };
        if row.lease != Some(lease) {
            return;
        }
        match settled {
            Settled::Over => self.remove(id),
            Settled::Again(at) => {
                self.due.remove(&(row.due, id));
                self.due.insert((at, id));
                row.due = at;
                row.lease = None;
                row.outgoing.failures += 1;
            }
        }
    }
}
