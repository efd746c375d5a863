//! What every request needs, put together once.

use std::{collections::BTreeMap, sync::Arc};

use thiserror::Error;

use crate::{
    accounts::{Accounts, AccountsError},
    clock::Clock,
    config::{Limits, LimitsError, PasswordCost, Rules, RulesError},
    delivery::{Deliver, Reports, courier::Courier},
    engine::pin::MacKey,
    lifecycle::Running,
    metrics::Metrics,
    store::{Store, measured::Measured},
};

/// What a server is made of.
pub struct Parts {
    /// Keeps everything.
    pub store: Arc<dyn Store>,
    /// Sends what was started: asked in this order.
    pub deliver: Vec<Arc<dyn Deliver>>,
    /// Whether a start is answered only after the first attempt to send its message: for whoever
    /// looks for the message next. Otherwise once it is committed.
    pub answer_after_attempt: bool,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// The rules of an authentication.
    pub rules: Rules,
    /// What a client may take of the server.
    pub limits: Limits,
    /// What checking a password costs.
    pub password_cost: PasswordCost,
    /// What PINs are kept with.
    pub key: MacKey,
}

/// The server without its sockets.
pub struct App {
    /// Keeps everything, and is timed.
    pub store: Arc<dyn Store>,
    /// Knows who is asking.
    pub accounts: Accounts,
    /// Sends what was started.
    pub courier: Arc<Courier>,
    /// Read what providers report of messages, by the provider's word.
    pub reports: BTreeMap<&'static str, Arc<dyn Reports>>,
    /// See [`Parts::answer_after_attempt`].
    pub answer_after_attempt: bool,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// The rules of an authentication, checked.
    pub rules: Rules,
    /// What a client may take of the server, checked.
    pub limits: Limits,
    /// What PINs are kept with.
    pub key: MacKey,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// What must end before the server has stopped.
    pub running: Running,
}

/// Why the parts make no server.
#[derive(Debug, Error)]
pub enum AppError {
    /// A rule outside its limits.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// A limit outside its limits.
    #[error(transparent)]
    Limits(#[from] LimitsError),
    /// Passwords cannot be checked.
    #[error(transparent)]
    Accounts(#[from] AccountsError),
}

impl App {
    /// Checks the settings and puts the parts together. Runs Argon2 once.
    pub fn new(parts: Parts) -> Result<Arc<Self>, AppError> {
        parts.rules.validate()?;
        parts.limits.validate()?;
        let metrics = Arc::new(Metrics::default());
        let reports = parts.deliver.iter();
        let reports = reports.filter_map(|it| Some((it.provider(), it.reports()?)));
        let reports = reports.collect();
        let store: Arc<dyn Store> = Arc::new(Measured::new(parts.store, Arc::clone(&metrics)));
        Ok(Arc::new(Self {
            accounts: Accounts::new(Arc::clone(&store), parts.password_cost)?,
            courier: Courier::new(
                Arc::clone(&store),
                parts.deliver,
                Arc::clone(&parts.clock),
                Arc::clone(&metrics),
            ),
            reports,
            answer_after_attempt: parts.answer_after_attempt,
            store,
            clock: parts.clock,
            rules: parts.rules,
            limits: parts.limits,
            key: parts.key,
            metrics,
            running: Running::default(),
        }))
    }
}
