//! Says in the store what became of messages: of all together that ended while the store was still
//! busy with those before, and again and again while the store is away. Knows the store and the
//! time, and nothing of providers.

use std::{
    mem::take,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::{
    sync::{Mutex as Turns, oneshot},
    time::sleep,
};

use crate::{
    clock::Clock,
    store::{Settlement, Store},
};

/// How long to wait before saying it again: less than for the next look into the outbox, which
/// might find the message once more.
const AGAIN: Duration = Duration::from_millis(200);

/// What the store was not told yet, and whose turn it is to tell it.
pub(super) struct Settling {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    untold: Mutex<Vec<Untold>>,
    turn: Turns<()>,
}

/// What the store is to be told.
pub(super) struct Untold {
    pub(super) settlement: Settlement,
    /// When it is of no use any more: nobody would send the message again, or others may have it.
    pub(super) until: Timestamp,
    /// Sent to, or dropped, once the store was told for the first time, whatever it said.
    pub(super) told: Option<oneshot::Sender<()>>,
}

impl Settling {
    pub(super) fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            clock,
            untold: Mutex::default(),
            turn: Turns::new(()),
        }
    }

    /// Completes when the store knows it, or it is of no use any more.
    pub(super) async fn tell(&self, untold: Untold) {
        self.untold_now(|all| all.push(untold));
        let _turn = self.turn.lock().await;
        // Nothing is left when whoever had the turn before has told all.
        let mut telling = self.untold_now(take);
        while !telling.is_empty() {
            let settlements: Vec<Settlement> = telling.iter().map(|it| it.settlement).collect();
            let said = self.store.settle_messages(&settlements).await;
            for told in telling.iter_mut().filter_map(|it| it.told.take()) {
                // Whoever waited may be gone.
                let _ = told.send(());
            }
            if said.is_ok() {
                return;
            }
            sleep(AGAIN).await;
            telling.extend(self.untold_now(take));
            let now = self.clock.now();
            telling.retain(|it| now < it.until);
        }
    }

    fn untold_now<T>(&self, with: impl FnOnce(&mut Vec<Untold>) -> T) -> T {
        with(&mut self.untold.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
