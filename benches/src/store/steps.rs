//! What a server does with its store in a flow, step by step and without the server: idempotency
//! keys, the start, the outbox and the check. The messages go to nobody.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use tokio::task::JoinSet;
use uuid::Uuid;
use verigator_benches::{
    flows::{Asked, Clock, Failure, Figures, Times},
    keys::new_key,
};
use verigator_server::{
    clock::{Clock as _, SystemClock},
    config::Rules,
    delivery::{Deliver, DeliveryError, Message, courier::Courier},
    metrics::Metrics,
    random,
    store::{Account, Claim},
};

use crate::{
    flow::{User, rules},
    place::Opened,
};

pub(crate) struct Steps {
    opened: Opened,
    account: Uuid,
    rules: Rules,
    users: Vec<User>,
    /// Whether each request claims an idempotency key.
    keys: bool,
    courier: Arc<Courier>,
    /// How many flows were begun. Users take turns, so that nobody is asked twice in a moment.
    begun: AtomicUsize,
}

impl Steps {
    pub(crate) async fn new(opened: Opened, users: u32, keys: bool) -> Result<Arc<Self>, Failure> {
        let account = Account {
            id: random::uuid()?,
            username: "bench".to_owned(),
            // Nobody signs in.
            password_hash: String::new(),
            disabled: true,
            created_at: SystemClock.now(),
        };
        opened.store.create_account(&account).await?;
        let service = opened.make_service(account.id).await?;
        let users = opened.make_users(service, 0..users).await?;
        let courier = Courier::new(
            Arc::clone(&opened.store),
            vec![Arc::new(Nobody)],
            Arc::new(SystemClock),
            Arc::new(Metrics::default()),
        );
        Ok(Arc::new(Self {
            opened,
            account: account.id,
            rules: rules(5, Duration::from_secs(1)),
            users,
            keys,
            courier,
            begun: AtomicUsize::default(),
        }))
    }

    pub(crate) async fn run(self: &Arc<Self>, asked: Asked) -> Result<Figures, Failure> {
        let left = Arc::new(AtomicU64::new(asked.calls));
        let processes = [std::process::id()];
        let clock = Clock::start(&processes)?;
        let mut running = JoinSet::new();
        for _ in 0..asked.at_once {
            running.spawn(Arc::clone(self).flows(Arc::clone(&left)));
        }
        let mut times = Times::new()?;
        while let Some(its) = running.join_next().await {
            times.add(&its??)?;
        }
        clock.stop(&times)
    }

    /// One flow after another, until none is left.
    async fn flows(self: Arc<Self>, left: Arc<AtomicU64>) -> Result<Times, Failure> {
        let mut times = Times::new()?;
        let fewer = |left: u64| left.checked_sub(1);
        while left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer)
            .is_ok()
        {
            self.flow(&mut times).await?;
        }
        Ok(times)
    }

    async fn flow(&self, times: &mut Times) -> Result<(), Failure> {
        let place = self.begun.fetch_add(1, Ordering::Relaxed) % self.users.len().max(1);
        let user = self.users.get(place).ok_or("there are no users")?;
        let begun = Instant::now();
        let (id, now) = (random::uuid()?, SystemClock.now());
        let hold = self.courier.hold(id);
        let start = self
            .opened
            .start(id, user, &self.rules, now, hold, self.claim()?);
        let message = start.await?;
        self.courier.committed(&message, hold);
        times.started(begun)?;
        let checking = Instant::now();
        let now = SystemClock.now();
        let check = self
            .opened
            .check(user, &message.pin, &self.rules, now, self.claim()?);
        check.await?;
        times.verified(begun, checking)
    }

    fn claim(&self) -> Result<Option<Claim>, Failure> {
        if !self.keys {
            return Ok(None);
        }
        let (id, now) = (random::uuid()?, SystemClock.now());
        let (key, kept) = (new_key()?.to_string().into(), self.rules.idempotency_for);
        let claim = Claim::new(id, self.account, key, [0; 32], now, kept);
        Ok(Some(claim))
    }
}

/// Takes every message, and leaves it at that.
struct Nobody;

#[async_trait]
impl Deliver for Nobody {
    fn provider(&self) -> &'static str {
        "nobody"
    }

    async fn deliver(&self, _: &Message) -> Result<(), DeliveryError> {
        Ok(())
    }
}
