//! Takes messages from the store's outbox to the providers.
//!
//! A message is in the outbox from the step that started its authentication until a provider has
//! it, so a crash loses none; one that was on its way when the process died goes out again. Most
//! are put there on hold for this process, which then sends them without a look into the outbox;
//! it looks for those of the dead, those to be tried again and those that came when it had no slot.
//! Knows the outbox, the providers and the time, and no rules but these:
//!
//! - providers are asked in their order, and the next only when the one before certainly did not
//!   take the message. When that is not known, the message may have been sent, and a second one
//!   goes out only if it is asked for ([`Courier::redelivering`]).
//! - when all have failed and one may do better later, all are asked again, ever less often.
//! - nothing goes out once its PIN is dead.

use std::{
    collections::HashMap,
    panic::AssertUnwindSafe,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::FutureExt;
use jiff::Timestamp;
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot},
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

use super::{
    Deliver, DeliveryError, Message, Reason,
    round::{ATTEMPT, Round, lease},
    settling::{Settling, Untold},
};
use crate::{
    clock::Clock,
    engine::time::after,
    metrics::Metrics,
    random,
    store::{Hold, Outgoing, Pickup, Settled, Settlement, Store, StoreError},
};

/// Messages that are on their way at once.
const AT_ONCE: usize = 64;
/// How long to wait when the store fails, and at most before looking again: the clock may have
/// been set.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Sends what the store says must be sent.
pub struct Courier {
    store: Arc<dyn Store>,
    /// In the order they are asked.
    providers: Vec<Arc<dyn Deliver>>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    redeliver: AtomicBool,
    looking: Mutex<Looking>,
    /// Wakes the task that looks.
    wakes: Notify,
    /// Who waits for the first attempt at a message.
    awaited: Mutex<HashMap<Uuid, Awaited>>,
    slots: Arc<Semaphore>,
    settling: Settling,
    tasks: TaskTracker,
    stopped: CancellationToken,
}

/// The task that looks into the outbox, until that is empty.
#[derive(Default)]
struct Looking {
    /// It runs.
    runs: bool,
    /// Something was put into the outbox since it last began to look.
    news: bool,
}

/// A message whose first attempt somebody waits for.
struct Awaited {
    /// Sent to, or dropped, when there is nothing more to wait for.
    done: oneshot::Sender<()>,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It may yet come into the outbox.
    Announced,
    /// It came into the outbox.
    Committed,
    /// It was taken out.
    Taken,
}

impl Courier {
    /// Sends with `providers`, in this order.
    pub fn new(
        store: Arc<dyn Store>,
        providers: Vec<Arc<dyn Deliver>>,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> Arc<Self> {
        Arc::new(Self {
            settling: Settling::new(Arc::clone(&store), Arc::clone(&clock)),
            store,
            providers,
            clock,
            metrics,
            redeliver: AtomicBool::new(false),
            looking: Mutex::default(),
            wakes: Notify::new(),
            awaited: Mutex::default(),
            slots: Arc::new(Semaphore::new(AT_ONCE)),
            tasks: TaskTracker::new(),
            stopped: CancellationToken::new(),
        })
    }

    /// Whether a message that a provider may have sent is given to the next one all the same. Off
    /// by default: a user would rather ask again than get two.
    pub fn redelivering(&self, redeliver: bool) {
        self.redeliver.store(redeliver, Ordering::Relaxed);
    }

    /// A hold for the message of this id that is about to be committed, if it would be sent at once;
    /// otherwise it must wait in the outbox.
    pub fn hold(&self, id: Uuid) -> Option<Hold> {
        let sends = !self.stopped.is_cancelled() && self.slots.available_permits() > 0;
        sends.then(|| self.hold_as(id, self.clock.now()))
    }

    /// Says that a message was committed, and with which hold. Must be called in a runtime.
    pub fn committed(self: &Arc<Self>, message: &Message, hold: Option<Hold>) {
        // One that waited here could be replaced in the outbox, and would go out all the same.
        let slot = hold.and_then(|_| Arc::clone(&self.slots).try_acquire_owned().ok());
        if let Some(awaited) = lock(&self.awaited).get_mut(&message.id)
            && awaited.stage == Stage::Announced
        {
            awaited.stage = match slot {
                Some(_) => Stage::Taken,
                None => Stage::Committed,
            };
        }
        match (hold, slot) {
            (Some(hold), Some(slot)) => {
                let outgoing = Outgoing {
                    id: message.id,
                    message: message.clone(),
                    failures: 0,
                };
                self.begin(outgoing, hold, slot);
            }
            (Some(hold), None) => self.give_back(message.id, hold),
            (None, _) => self.wake(),
        }
    }

    /// Leaves a message to whoever looks for messages, if it was committed with this hold. Must be
    /// called in a runtime.
    pub fn give_back(self: &Arc<Self>, id: Uuid, Hold { lease, until }: Hold) {
        let courier = Arc::clone(self);
        let settled = Settled::Again(self.clock.now());
        let untold = Untold {
            settlement: Settlement { id, lease, settled },
            until,
            told: None,
        };
        self.tasks.spawn(async move {
            courier.settling.tell(untold).await;
            courier.wake();
        });
    }

    /// Says that there may be messages from before. Must be called in a runtime.
    pub fn wake(self: &Arc<Self>) {
        let mut looking = lock(&self.looking);
        looking.news = true;
        self.wakes.notify_one();
        if !looking.runs && !self.stopped.is_cancelled() {
            looking.runs = true;
            let courier = Arc::clone(self);
            self.tasks.spawn(async move { courier.look().await });
        }
    }

    /// Completes after the first attempt at a message that is not committed yet; or when another
    /// start has replaced it before there was one.
    pub fn first_attempt(&self, id: Uuid) -> oneshot::Receiver<()> {
        let (done, waiting) = oneshot::channel();
        let mut awaited = lock(&self.awaited);
        // Of those that came to nothing.
        awaited.retain(|_, it| !it.done.is_closed());
        let stage = Stage::Announced;
        awaited.insert(id, Awaited { done, stage });
        waiting
    }

    /// Begins nothing more, and waits for what is on its way. What is left stays in the outbox.
    pub async fn stop(&self) {
        self.stopped.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Sends what is due, until nothing is left that ever will be, or for ever if others put
    /// messages into the outbox, too.
    async fn look(self: Arc<Self>) {
        loop {
            lock(&self.looking).news = false;
            let next = tokio::select! {
                biased;
                () = self.stopped.cancelled() => break,
                next = self.pick_up() => next,
            };
            let pause = match next {
                Ok(Some(pause)) => pause,
                // Another process may die with what it has put in.
                Ok(None) if self.store.is_shared() => LOOK_AGAIN,
                Ok(None) => {
                    // Under the lock, so that whoever brings news either is seen or begins anew.
                    let mut looking = lock(&self.looking);
                    if looking.news {
                        continue;
                    }
                    looking.runs = false;
                    return;
                }
                Err(error) => {
                    // A store tells of its failures by itself.
                    tracing::debug!(%error, "the outbox could not be read");
                    LOOK_AGAIN
                }
            };
            tokio::select! {
                () = self.stopped.cancelled() => break,
                () = self.wakes.notified() => {}
                () = sleep(pause) => {}
            }
        }
    }

    /// Takes what is due and starts sending it. How long until more is; none when the outbox is
    /// empty.
    async fn pick_up(self: &Arc<Self>) -> Result<Option<Duration>, StoreError> {
        let Ok(slot) = Arc::clone(&self.slots).acquire_owned().await else {
            return Ok(None);
        };
        let free = self.slots.available_permits() + 1;
        let now = self.clock.now();
        let lease = random::uuid().map_err(|error| StoreError::Unavailable(error.into()))?;
        let pickup = Pickup {
            hold: self.hold_as(lease, now),
            now,
            at_most: u32::try_from(free).unwrap_or(u32::MAX),
        };
        let committed = self.committed_so_far();
        let picked = self.store.pick_up_messages(pickup).await?;
        let is_all = picked.messages.len() < free;
        self.took(&picked.messages, is_all.then_some(committed));
        let mut slot = Some(slot);
        for outgoing in picked.messages {
            let slot = match slot.take() {
                Some(slot) => slot,
                // This task alone takes slots, and asked for no more than were free.
                None => match Arc::clone(&self.slots).acquire_owned().await {
                    Ok(slot) => slot,
                    Err(_) => return Ok(None),
                },
            };
            self.begin(outgoing, pickup.hold, slot);
        }
        Ok(picked.next.map(|next| {
            let until = Duration::try_from(next.duration_since(now)).unwrap_or_default();
            until.min(LOOK_AGAIN)
        }))
    }

    /// For as long as the slowest round takes.
    fn hold_as(&self, id: Uuid, now: Timestamp) -> Hold {
        Hold {
            lease: id,
            until: after(now, lease(self.providers.len())),
        }
    }

    /// Begins to send.
    fn begin(self: &Arc<Self>, outgoing: Outgoing, hold: Hold, slot: OwnedSemaphorePermit) {
        let courier = Arc::clone(self);
        self.tasks
            .spawn(async move { courier.send(&outgoing, hold, slot).await });
    }

    /// What somebody waits for and must be in the outbox.
    fn committed_so_far(&self) -> Vec<Uuid> {
        let awaited = lock(&self.awaited);
        let committed = awaited
            .iter()
            .filter(|(_, it)| it.stage == Stage::Committed);
        committed.map(|(id, _)| *id).collect()
    }

    /// Notes what was taken out of the outbox, and lets go who waits for what was `missing` when
    /// all of it was taken out.
    fn took(&self, messages: &[Outgoing], missing: Option<Vec<Uuid>>) {
        let mut awaited = lock(&self.awaited);
        for outgoing in messages {
            if let Some(awaited) = awaited.get_mut(&outgoing.id) {
                awaited.stage = Stage::Taken;
            }
        }
        for id in missing.unwrap_or_default() {
            if (awaited.get(&id)).is_some_and(|it| it.stage == Stage::Committed) {
                awaited.remove(&id);
            }
        }
    }

    /// Makes one round of the providers with a message, and says in the store what came of it.
    async fn send(
        self: &Arc<Self>,
        outgoing: &Outgoing,
        Hold { lease, until }: Hold,
        slot: OwnedSemaphorePermit,
    ) {
        let attempts = u32::try_from(self.providers.len()).unwrap_or(u32::MAX);
        if after(self.clock.now(), ATTEMPT.saturating_mul(attempts)) > until {
            // Something held this up, such as a process that was stopped. The lease may be over
            // before the round is, and then another server sends the message, too.
            self.wake();
            return;
        }
        let (id, settled) = (outgoing.id, self.round(outgoing).await);
        drop(slot);
        let waiting = lock(&self.awaited).remove(&id);
        let untold = Untold {
            settlement: Settlement { id, lease, settled },
            // As long as it would go out once more if nobody said so: a store that is away for less
            // than a lease then makes no second message.
            until: outgoing.message.expires_at,
            told: waiting.map(|it| it.done),
        };
        self.settling.tell(untold).await;
        if settled != Settled::Over {
            self.wake();
        }
    }

    async fn round(&self, outgoing: &Outgoing) -> Settled {
        let (id, to) = (outgoing.id, &outgoing.message.to);
        let mut round = Round::new(outgoing, self.redeliver.load(Ordering::Relaxed));
        for provider in &self.providers {
            if !round.goes_on(self.clock.now()) {
                break;
            }
            let name = provider.provider();
            let answer = attempt(&**provider, &outgoing.message).await;
            round.note(&answer);
            match answer {
                Ok(()) => self.metrics.delivered(name, "sent"),
                Err(error @ DeliveryError::Unknown(_)) => {
                    self.metrics.delivered(name, "unknown");
                    tracing::error!(%id, %to, provider = name, %error, "may not be delivered");
                }
                Err(error) => {
                    self.metrics.delivered(name, "failed");
                    tracing::error!(%id, %to, provider = name, %error, "not delivered");
                }
            }
        }
        let settled = round.settled(self.clock.now());
        if settled == Settled::Over && !round.is_done() {
            tracing::error!(%id, %to, "given up");
        }
        settled
    }
}

/// A provider that panics takes nothing with it.
async fn attempt(provider: &dyn Deliver, message: &Message) -> Result<(), DeliveryError> {
    let unknown = |what| {
        Err(DeliveryError::Unknown(Reason::new(
            provider.provider(),
            what,
        )))
    };
    let delivering = AssertUnwindSafe(provider.deliver(message)).catch_unwind();
    match timeout(ATTEMPT, delivering).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => unknown("it panicked"),
        Err(_) => unknown("no answer in time"),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
