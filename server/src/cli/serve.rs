//! `verigator serve`: the server as a program.

use std::{io::Write, net::SocketAddr, sync::Arc, time::Duration};

use clap::{Args, ValueEnum};
use thiserror::Error;
use tokio::{net::TcpListener, time::timeout};
use verigator_server::{
    accounts::AccountsError,
    app::{App, AppError, Parts},
    clock::{Clock, SystemClock},
    config::{Limits, PasswordCost, Rules},
    engine::{
        budget::{Budget, Budgets},
        phone::Prefix,
        pin::{PinLength, Resend},
        template::Template,
    },
    http,
    lifecycle::{self, Wire},
    random,
    tls::TlsError,
};

use super::{
    Reason, delivery, operate, signals, store, tls,
    values::{self, Allowance},
};

/// The one account of a server that keeps nothing.
const ACCOUNT: &str = "verigator";

#[derive(Debug, Args)]
#[command(after_help = "Clients sign in with an account: verigator account create NAME makes one.")]
pub(super) struct Options {
    /// Address and port to listen on; port 0 takes any free one
    #[arg(long, env = "VERIGATOR_LISTEN", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,

    #[command(flatten)]
    store: store::StoreOptions,

    /// How long to finish what runs once told to stop
    #[arg(long, env = "VERIGATOR_DRAIN", value_parser = values::duration, default_value = "10s")]
    drain: Duration,

    /// How the log is written to standard error. VERIGATOR_LOG says what is logged, such as warn
    #[allow(clippy::doc_markdown, reason = "it is shown as it is")]
    #[arg(long, env = "VERIGATOR_LOG_FORMAT", default_value = "text")]
    pub(super) log: LogForm,

    #[command(flatten)]
    tls: tls::TlsOptions,

    #[command(flatten)]
    delivery: delivery::DeliveryOptions,

    #[command(flatten)]
    rules: RulesOptions,
}

/// How a line of the log is written.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum LogForm {
    Text,
    Json,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Rules")]
struct RulesOptions {
    /// Digits of a PIN, 4 to 10
    #[arg(long, env = "VERIGATOR_PIN_LENGTH", value_parser = values::pin_length, default_value = "6")]
    pin_length: PinLength,

    /// How long a PIN may be used
    #[arg(long, env = "VERIGATOR_VALID_FOR", value_parser = values::duration, default_value = "10m")]
    valid_for: Duration,

    /// Wrong guesses before a new PIN is needed
    #[arg(long, env = "VERIGATOR_TRIES", default_value_t = 5)]
    tries: u32,

    /// The least time between two PINs to one user
    #[arg(long, env = "VERIGATOR_RESEND_DELAY", value_parser = values::duration, default_value = "30s")]
    resend_delay: Duration,

    /// What is sent while a PIN is valid: a new one, or the same again
    #[arg(long, env = "VERIGATOR_RESEND", default_value = "new")]
    resend: Resend,

    /// Messages to one user
    #[arg(long, env = "VERIGATOR_USER_BUDGET", default_value = "5/1h")]
    user_budget: Allowance,

    /// Messages to one number, over all services of an account
    #[arg(long, env = "VERIGATOR_NUMBER_BUDGET", default_value = "5/1h")]
    number_budget: Allowance,

    /// All messages of one account
    #[arg(long, env = "VERIGATOR_ACCOUNT_BUDGET", default_value = "none")]
    account_budget: Allowance,

    /// Messages of one account to all numbers that begin so, such as +372=100/1h; may be repeated
    #[arg(long, env = "VERIGATOR_PREFIX_BUDGET", value_delimiter = ',', value_parser = values::prefix_budget)]
    prefix_budget: Vec<(Prefix, Budget)>,

    /// Send only to numbers that begin so, such as +372; may be repeated
    #[arg(long, env = "VERIGATOR_ALLOW_PREFIX", value_delimiter = ',')]
    allow_prefix: Vec<Prefix>,

    /// Wrong guesses in a row, over all PINs, after which a user is locked
    #[arg(long, env = "VERIGATOR_LOCK_AFTER", default_value_t = 100)]
    lock_after: u32,

    /// The text of a message, with {pin} and {service}
    #[arg(long, env = "VERIGATOR_TEMPLATE", default_value_t)]
    template: Template,

    /// End each message in a line by which browsers offer the PIN
    #[arg(long, env = "VERIGATOR_AUTOFILL")]
    autofill: bool,

    /// How long the answer to an Idempotency-Key is kept
    #[arg(long, env = "VERIGATOR_IDEMPOTENCY_FOR", value_parser = values::duration, default_value = "24h")]
    idempotency_for: Duration,
}

impl RulesOptions {
    fn rules(&self) -> Rules {
        Rules {
            pin_length: self.pin_length,
            valid_for: self.valid_for,
            tries: self.tries,
            resend_delay: self.resend_delay,
            resend: self.resend,
            budgets: Budgets {
                user: self.user_budget.0,
                number: self.number_budget.0,
                account: self.account_budget.0,
                prefixes: self.prefix_budget.clone(),
            },
            allow_prefixes: self.allow_prefix.clone(),
            lock_after: self.lock_after,
            template: self.template.clone(),
            autofill: self.autofill,
            idempotency_for: self.idempotency_for,
        }
    }
}

/// Why the program ends with an error.
#[derive(Debug, Error)]
pub(super) enum Error {
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error(transparent)]
    Delivery(#[from] delivery::Error),
    #[error(transparent)]
    Settings(#[from] AppError),
    #[error(transparent)]
    Account(#[from] AccountsError),
    #[error("no random bytes: {0}")]
    Random(#[from] random::RandomError),
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
    #[error("cannot start: {0}")]
    System(#[from] std::io::Error),
}

impl Reason for Error {
    fn may_pass(&self) -> bool {
        matches!(self, Self::Store(error) if error.may_pass())
    }
}

/// Runs until SIGINT or SIGTERM.
pub(super) fn run(options: &Options) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let served = runtime.block_on(serve(options));
    // What is still running after the drain has had its time.
    runtime.shutdown_background();
    served
}

async fn serve(options: &Options) -> Result<(), Error> {
    // Listened for before anything is printed: who reads the URL may send a signal at once.
    let stop = signals::stop()?;
    let wire = options.tls.wire()?;
    tls::renew_on_signal(&wire)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let providers = options.delivery.providers(&clock)?;
    // Before the store is touched: a second server must not get that far.
    let listener = TcpListener::bind(options.listen).await;
    let listener = listener.map_err(|error| Error::Listen(options.listen, error))?;
    let store = options.store.serve().await?;
    let app = App::new(Parts {
        store: Arc::clone(&store.store),
        deliver: providers,
        answer_after_attempt: false,
        clock,
        rules: options.rules.rules(),
        limits: Limits {
            drain: options.drain,
            ..Limits::default()
        },
        password_cost: PasswordCost::default(),
        key: store.keys.mac_key(),
    })?;
    app.courier
        .redelivering(options.delivery.redeliver_ambiguous);
    if options.delivery.prints() {
        tracing::warn!("messages with their PINs are printed to standard output");
    }
    let address = listener.local_addr()?;
    let mut out = std::io::stdout();
    let scheme = match &wire {
        Wire::Plain => "http",
        Wire::Tls(_) => "https",
    };
    writeln!(out, "Verigator on {scheme}://{address}")?;
    if options.store.forgets() {
        // No other command reaches into this process to make one.
        let password = operate::new_password()?;
        let made = app.accounts.create(ACCOUNT, &password, SystemClock.now());
        made.await?;
        writeln!(out, "account {ACCOUNT} with password {}", password.as_str())?;
    }
    out.flush()?;
    // Those that were committed before the last end, however it came.
    app.courier.wake();
    let router = http::router(&app);
    if !lifecycle::run(listener, wire, router, &app.limits, &app.running, stop).await {
        tracing::warn!("some requests did not end in time");
    }
    if timeout(options.drain, app.courier.stop()).await.is_err() {
        tracing::warn!("some messages were on their way, and go out again with the next start");
    }
    Ok(())
}
