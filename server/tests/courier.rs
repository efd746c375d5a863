//! Messages reach a provider, in memory and over a file: providers that do what a test scripted.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

#[path = "common/choosing.rs"]
mod choosing;
mod common;

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use choosing::Choosing;
use common::{Client, parts, serve_app};
use tokio::{sync::Semaphore, task::JoinSet};
use verigator_server::{
    app::App,
    clock::{Clock, MovableClock, SystemClock},
    delivery::{Deliver, DeliveryError, Message, Reason},
    engine::keys::Keys,
    store::{Store, StoreError, memory::MemoryStore},
};

/// What a provider does with a message.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Act {
    Take,
    Refuse,
    Fail,
    Lose,
    Hang,
    Panic,
}

/// Does as scripted, and takes everything once the script is over.
struct Provider {
    name: &'static str,
    script: Mutex<VecDeque<Act>>,
    /// Each message that came, and when.
    heard: Mutex<Vec<(String, Instant)>>,
}

impl Provider {
    fn new(name: &'static str, script: &[Act]) -> Arc<Self> {
        Arc::new(Self {
            name,
            script: Mutex::new(script.iter().copied().collect()),
            heard: Mutex::default(),
        })
    }

    fn heard(&self) -> usize {
        self.heard.lock().unwrap().len()
    }
}

#[async_trait]
impl Deliver for Provider {
    fn provider(&self) -> &'static str {
        self.name
    }

    async fn deliver(&self, message: &Message) -> Result<(), DeliveryError> {
        let pin = message.pin.expose().to_owned();
        self.heard.lock().unwrap().push((pin, Instant::now()));
        let act = self.script.lock().unwrap().pop_front();
        let reason = Reason::new(self.name, "as scripted");
        match act.unwrap_or(Act::Take) {
            Act::Take => Ok(()),
            Act::Refuse => Err(DeliveryError::Refused(reason)),
            Act::Fail => Err(DeliveryError::Failed(reason)),
            Act::Lose => Err(DeliveryError::Unknown(reason)),
            Act::Hang => std::future::pending().await,
            Act::Panic => panic!("on purpose"),
        }
    }
}

struct Server {
    app: Arc<App>,
    client: Client,
    clock: Arc<MovableClock>,
    user: String,
}

impl Server {
    async fn start(store: Arc<dyn Store>, providers: &[&Arc<Provider>]) -> Self {
        let clock = Arc::new(MovableClock::default());
        let mut parts = parts(store, Provider::new("unused", &[]));
        parts.deliver = providers.iter().map(|it| Arc::clone(it) as _).collect();
        parts.answer_after_attempt = false;
        parts.rules.resend_delay = Duration::ZERO;
        parts.clock = Arc::clone(&clock) as _;
        let app = App::new(parts).unwrap();
        let client = Client::to(&serve_app(Arc::clone(&app)).await);
        let user = client.user(&client.service("shop").await, "jo").await;
        Self {
            app,
            client,
            clock,
            user,
        }
    }

    async fn initiate(&self) {
        assert_eq!(self.client.initiate(&self.user, "sms").await.status, 201);
    }
}

/// Takes nothing until it is opened.
struct Gate(Semaphore);

#[async_trait]
impl Deliver for Gate {
    fn provider(&self) -> &'static str {
        "gate"
    }

    async fn deliver(&self, _: &Message) -> Result<(), DeliveryError> {
        let _open = self.0.acquire().await.unwrap();
        Ok(())
    }
}

/// Waits until it is so.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn memory() -> Arc<dyn Store> {
    Arc::new(MemoryStore::default())
}

/// What the first and the second of two providers hear when the first does `act` once.
async fn heard_when(act: Act, redeliver: bool) -> (usize, usize) {
    let (one, two) = (Provider::new("one", &[act]), Provider::new("two", &[]));
    let server = Server::start(memory(), &[&one, &two]).await;
    server.app.courier.redelivering(redeliver);
    server.initiate().await;
    until("the first attempt", || one.heard() > 0).await;
    // Everything that will happen has happened once it stops.
    tokio::time::sleep(Duration::from_millis(200)).await;
    server.app.courier.stop().await;
    (one.heard(), two.heard())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_certainly_failed_goes_to_the_next_and_what_may_have_arrived_does_not() {
    for (act, redeliver, heard) in [
        (Act::Take, false, (1, 0)),
        (Act::Refuse, false, (1, 1)),
        (Act::Fail, false, (1, 1)),
        (Act::Lose, false, (1, 0)),
        (Act::Panic, false, (1, 0)),
        (Act::Take, true, (1, 0)),
        (Act::Fail, true, (1, 1)),
        (Act::Lose, true, (1, 1)),
    ] {
        assert_eq!(
            heard_when(act, redeliver).await,
            heard,
            "{act:?} {redeliver}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_hangs_is_given_up_and_holds_up_nobody_else() {
    let provider = Provider::new("one", &[Act::Hang]);
    let server = Server::start(memory(), &[&provider]).await;
    server.initiate().await;
    until("the one that hangs", || provider.heard() == 1).await;
    server.initiate().await;
    until("the one behind it", || provider.heard() == 2).await;
    let begun = Instant::now();
    server.app.courier.stop().await;
    assert!(
        begun.elapsed() > Duration::from_secs(5),
        "it was waited for"
    );
    assert_eq!(provider.heard(), 2);
}

/// The messages that are on their way at once hold one up before its first attempt, and so it can
/// be replaced before that. Whoever waits for it is told.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_is_answered_whose_message_was_replaced_before_it_was_tried() {
    let gate = Arc::new(Gate(Semaphore::new(0)));
    let mut parts = parts(memory(), Arc::clone(&gate) as _);
    parts.rules.resend_delay = Duration::ZERO;
    let client = Client::to(&serve_app(App::new(parts).unwrap()).await);
    let service = client.service("shop").await;
    let mut starts = JoinSet::new();
    let mut initiate = |user: &str| {
        let (client, user) = (client.clone(), user.to_owned());
        starts.spawn(async move { client.initiate(&user, "sms").await.status });
    };
    for n in 0..80 {
        initiate(&client.user(&service, &format!("user{n}")).await);
    }
    let user = client.user(&service, "jo").await;
    for _ in 0..3 {
        initiate(&user);
    }
    // All are committed by now; it matters only that some are.
    tokio::time::sleep(Duration::from_millis(500)).await;
    gate.0.add_permits(1);
    let answered = tokio::time::timeout(Duration::from_mins(1), starts.join_all()).await;
    let answered = answered.expect("some wait for ever");
    assert!(answered.iter().all(|status| *status == 201));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_is_tried_again_until_the_pin_is_dead() {
    let provider = Provider::new("one", &[Act::Fail, Act::Fail]);
    let server = Server::start(memory(), &[&provider]).await;
    server.initiate().await;
    until("third time", || provider.heard() == 3).await;
    {
        let heard = provider.heard.lock().unwrap();
        assert!(heard.iter().all(|(pin, _)| *pin == heard[0].0));
        let wait = heard[2].1 - heard[1].1;
        assert!(wait > Duration::from_millis(1_900), "{wait:?}");
    }

    provider.script.lock().unwrap().push_back(Act::Fail);
    server.initiate().await;
    until("the fourth", || provider.heard() == 4).await;
    server.clock.advance(Duration::from_mins(10));
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(provider.heard(), 4, "its PIN is dead");

    // What was refused is not tried again.
    provider.script.lock().unwrap().push_back(Act::Refuse);
    server.initiate().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(provider.heard(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_attempt_starts_within_10_ms() {
    let provider = Provider::new("one", &[]);
    let server = Server::start(memory(), &[&provider]).await;
    let mut waits = Vec::new();
    for n in 0..50 {
        // Asleep between messages, too.
        tokio::time::sleep(Duration::from_millis(n % 3 * 10)).await;
        let before = provider.heard();
        server.initiate().await;
        let answered = Instant::now();
        until("it is sent", || provider.heard() > before).await;
        let sent = provider.heard.lock().unwrap().last().unwrap().1;
        waits.push(sent.saturating_duration_since(answered));
    }
    waits.sort_unstable();
    // The machine may be busy with other tests: the median is the program's own.
    assert!(waits[25] < Duration::from_millis(10), "{waits:?}");
}

/// It is put on hold for whoever sends it, so that nobody has to look for it.
#[tokio::test]
async fn what_there_is_a_slot_for_is_sent_without_a_look() {
    let looks = Arc::new(AtomicUsize::new(0));
    let (memory, counts) = (Arc::new(MemoryStore::default()), Arc::clone(&looks));
    let kept = Arc::clone(&memory);
    let store = Choosing::new(move |step| {
        if step == "pick_up_messages" {
            counts.fetch_add(1, Ordering::Relaxed);
        }
        Ok(Arc::clone(&memory) as _)
    });
    let provider = Provider::new("one", &[]);
    let server = Server::start(Arc::new(store), &[&provider]).await;
    for n in 1..=20 {
        server.initiate().await;
        until("it is sent", || provider.heard() == n).await;
    }
    server.app.courier.stop().await;
    assert_eq!(looks.load(Ordering::Relaxed), 0);
    assert_eq!(kept.queue(1).await.unwrap().messages, 0);
}

/// More than may be on their way at once: the others wait in the outbox, and are sent, too.
#[tokio::test(flavor = "multi_thread")]
async fn what_there_is_no_slot_for_waits_in_the_outbox() {
    let gate = Arc::new(Gate(Semaphore::new(0)));
    let store = memory();
    let mut parts = parts(Arc::clone(&store), Arc::clone(&gate) as _);
    parts.answer_after_attempt = false;
    let app = App::new(parts).unwrap();
    let client = Client::to(&serve_app(Arc::clone(&app)).await);
    let service = client.service("shop").await;
    for n in 0..100 {
        let user = client.user(&service, &format!("user{n}")).await;
        assert_eq!(client.initiate(&user, "sms").await.status, 201);
    }
    assert_eq!(store.queue(1_000).await.unwrap().messages, 100);
    gate.0.add_permits(1);
    let begun = Instant::now();
    while store.queue(1_000).await.unwrap().messages > 0 {
        assert!(begun.elapsed() < Duration::from_secs(20), "some still wait");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A start whose commit nobody heard of was committed all the same: its message does not wait for
/// the end of the hold that it was put in with.
#[tokio::test]
async fn what_may_have_been_started_is_sent_at_once() {
    let memory = Arc::new(MemoryStore::default());
    let kept = Arc::clone(&memory);
    let store = Choosing::new(move |_| Ok(Arc::clone(&memory) as _));
    let provider = Provider::new("one", &[]);
    let store = store.losing("start_authentication");
    let server = Server::start(Arc::new(store), &[&provider]).await;
    assert_eq!(
        server.client.initiate(&server.user, "sms").await.status,
        503
    );
    until("it is sent", || provider.heard() == 1).await;
    server.app.courier.stop().await;
    assert_eq!(kept.queue(1).await.unwrap().messages, 0);
}

/// As when a process is stopped, and goes on when others think that it is dead.
#[tokio::test]
async fn what_was_held_up_for_as_long_as_its_lease_is_left_to_others() {
    let clock: Arc<Mutex<Option<Arc<MovableClock>>>> = Arc::default();
    let (memory, holds) = (Arc::new(MemoryStore::default()), Arc::clone(&clock));
    let store = Choosing::new(move |step| {
        if step == "start_authentication"
            && let Some(clock) = holds.lock().unwrap().take()
        {
            clock.advance(Duration::from_secs(12));
        }
        Ok(Arc::clone(&memory) as _)
    });
    let provider = Provider::new("one", &[]);
    let server = Server::start(Arc::new(store), &[&provider]).await;
    *clock.lock().unwrap() = Some(Arc::clone(&server.clock));
    server.initiate().await;
    until("it was held up", || clock.lock().unwrap().is_none()).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(provider.heard(), 0, "another may have it by now");
    server.clock.advance(Duration::from_secs(9));
    until("it is sent", || provider.heard() == 1).await;
}

/// The store is away just after a message was sent.
#[tokio::test]
async fn what_could_not_be_settled_is_settled_later_and_not_sent_again() {
    let asked = Arc::new(AtomicUsize::new(0));
    let (memory, counts) = (Arc::new(MemoryStore::default()), Arc::clone(&asked));
    let kept = Arc::clone(&memory);
    let store = Choosing::new(move |step| {
        if step == "settle_messages" && counts.fetch_add(1, Ordering::Relaxed) < 3 {
            return Err(StoreError::Unavailable("away".into()));
        }
        Ok(Arc::clone(&memory) as _)
    });
    let provider = Provider::new("one", &[]);
    let server = Server::start(Arc::new(store), &[&provider]).await;
    server.initiate().await;
    until("it is settled", || asked.load(Ordering::Relaxed) == 4).await;
    assert_eq!(kept.queue(1).await.unwrap().messages, 0);
    server.clock.advance(Duration::from_secs(30));
    server.app.courier.wake();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(provider.heard(), 1);
}

/// The store is away while many are sent.
#[tokio::test]
async fn what_ended_meanwhile_is_settled_together() {
    let (is_back, settled) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let (memory, back, counts) = (
        Arc::new(MemoryStore::default()),
        Arc::clone(&is_back),
        Arc::clone(&settled),
    );
    let kept = Arc::clone(&memory);
    let store = Choosing::new(move |step| {
        if step == "settle_messages" {
            if !back.load(Ordering::Relaxed) {
                return Err(StoreError::Unavailable("away".into()));
            }
            counts.fetch_add(1, Ordering::Relaxed);
        }
        Ok(Arc::clone(&memory) as _)
    });
    let provider = Provider::new("one", &[]);
    let server = Server::start(Arc::new(store), &[&provider]).await;
    let service = server.client.service("other").await;
    for name in ["a", "b", "c", "d", "e"] {
        let user = server.client.user(&service, name).await;
        assert_eq!(server.client.initiate(&user, "sms").await.status, 201);
    }
    until("all are sent", || provider.heard() == 5).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(kept.queue(9).await.unwrap().messages, 5);
    is_back.store(true, Ordering::Relaxed);
    server.app.courier.stop().await;
    assert_eq!(kept.queue(9).await.unwrap().messages, 0);
    let settled = settled.load(Ordering::Relaxed);
    assert!(settled < 5, "one by one: {settled}");
}

#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_sent_before_a_stop_is_sent_after_the_next_start() {
    use verigator_server::store::sqlite::SqliteStore;

    let folder = tempfile::tempdir().unwrap();
    let keys = Keys::parse(&"01".repeat(32)).unwrap();
    let open = || Arc::new(SqliteStore::open(&folder.path().join("db"), keys.clone()).unwrap());
    let (one, hangs) = (
        Provider::new("one", &[]),
        Provider::new("hangs", &[Act::Hang]),
    );
    // Committed and never looked at; and one that was on its way.
    let server = Server::start(open(), &[&one]).await;
    server.app.courier.stop().await;
    server.initiate().await;
    let parts = |store: &Arc<SqliteStore>, provider: &Arc<Provider>| {
        parts(Arc::clone(store) as _, Arc::clone(provider) as _)
    };
    let second = open();
    let app = App::new(parts(&second, &hangs)).unwrap();
    app.courier.wake();
    until("it is on its way", || hangs.heard() == 1).await;

    // Another process, while the second may still be sending it.
    let (store, two) = (open(), Provider::new("two", &[]));
    let app = App::new(parts(&store, &two)).unwrap();
    app.courier.wake();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(two.heard(), 0, "two would send it twice");
    // The second is known to be dead.
    let now = SystemClock.now();
    store.release_messages(now).await.unwrap();
    let due = store.queue(1).await.unwrap().first_due.unwrap();
    let overdue = now.duration_since(due).as_micros();
    assert!(
        (0..=1).contains(&overdue),
        "it has waited for no {overdue} µs"
    );
    app.courier.wake();
    until("it is sent", || two.heard() == 1).await;
    assert_eq!(one.heard(), 0);
    let (sent, tried) = (two.heard.lock().unwrap(), hangs.heard.lock().unwrap());
    assert_eq!(sent[0].0, tried[0].0, "the same PIN");
}
