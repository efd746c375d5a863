//! The server in a test: in memory, on a loopback port, with an outbox, a clock that can be moved
//! and faults that can be set.
//!
//! Everything a client meets is the real server: the same router, rules and limits, but for the
//! budgets of messages ([`rules`]). The resend delay is there too: a second message to a user
//! within 30 s is refused, so a test that wants one moves the clock with [`Sandbox::advance`].
//!
//! At `/` it has a page for people, which shows the messages as they go out.
//!
//! It lives on its own thread with its own runtime, so that it works under any caller, blocking or
//! async.

mod builder;
mod faults;
mod outbox;
mod page;
mod route;

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use thiserror::Error;
use tokio::{runtime::Handle, sync::oneshot};
use verigator::{Api, ApiBuilder, blocking};

pub use self::{
    builder::{SandboxBuilder, rules},
    faults::{DropPoint, Fault},
    outbox::SentMessage,
};
use self::{faults::Faults, outbox::Outbox};
use crate::{
    accounts::AccountsError,
    app::AppError,
    clock::{Clock, MovableClock},
    engine::{
        phone::Phone,
        totp::{TotpSecret, TotpSecretError},
    },
    random::RandomError,
};

const USERNAME: &str = "test";
const PASSWORD: &str = "test";

/// A running sandbox. Dropping it stops it.
pub struct Sandbox {
    url: String,
    outbox: Arc<Outbox>,
    clock: Arc<MovableClock>,
    faults: Arc<Faults>,
    /// The server's own runtime, for waiting with its timer under any caller.
    runtime: Handle,
    /// Taken by whoever stops it first.
    life: Mutex<Option<Life>>,
}

struct Life {
    stop: oneshot::Sender<()>,
    thread: thread::JoinHandle<()>,
}

/// Why a sandbox did not start, or did not do as told.
#[derive(Debug, Error)]
pub enum SandboxError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The system gave no thread or no runtime.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
    /// A rule or a limit outside its limits.
    #[error(transparent)]
    Settings(#[from] AppError),
    /// An account that cannot be made.
    #[error(transparent)]
    Account(#[from] AccountsError),
    /// The system has no random bytes.
    #[error("no random bytes: {0}")]
    Random(#[from] RandomError),
    /// Not a secret of an authenticator.
    #[error(transparent)]
    Secret(#[from] TotpSecretError),
    /// A fault that could never happen, or does nothing.
    #[error("{0}")]
    Fault(&'static str),
    /// A client that cannot be made; and what a call of one ended in, so that a test needs one
    /// error only.
    #[error(transparent)]
    Client(#[from] verigator::Error),
    /// Its thread ended before it was ready.
    #[error("the sandbox ended before it was ready")]
    Ended,
}

impl Sandbox {
    /// Starts one with the defaults: `127.0.0.1`, any free port, [`rules`].
    pub async fn start() -> Result<Self, SandboxError> {
        Self::builder().start().await
    }

    /// [`start`](Self::start) for callers without a runtime. Waits a few milliseconds.
    pub fn start_blocking() -> Result<Self, SandboxError> {
        Self::builder().start_blocking()
    }

    /// Starts one with other settings.
    pub fn builder() -> SandboxBuilder {
        SandboxBuilder::default()
    }

    /// Where it listens: `http://127.0.0.1:…`, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The account's name: `test`.
    pub fn username(&self) -> &str {
        USERNAME
    }

    /// The account's password: `test`.
    pub fn password(&self) -> &str {
        PASSWORD
    }

    /// The client for it, asynchronous, with default options.
    pub fn api(&self) -> Result<Api, SandboxError> {
        Ok(self.api_builder().build()?)
    }

    /// The client for it, for callers without a runtime, with default options.
    pub fn blocking_api(&self) -> Result<blocking::Api, SandboxError> {
        Ok(self.api_builder().build_blocking()?)
    }

    /// A client for it that is not made yet, for other options.
    pub fn api_builder(&self) -> ApiBuilder {
        Api::builder(USERNAME, PASSWORD)
            .endpoint(self.url())
            // It may have been told to listen elsewhere than on the loopback, and its password is
            // no secret.
            .allow_insecure_http(true)
    }

    /// All messages so far, oldest first.
    pub fn messages(&self) -> Vec<SentMessage> {
        self.outbox.all()
    }

    /// The latest message to a number, or else the first that comes within `timeout` of real
    /// time. None after that, and at once when `to` is no phone number.
    pub async fn wait_for_message(&self, to: &str, timeout: Duration) -> Option<SentMessage> {
        let to = Phone::parse(to).ok()?;
        if let Some(message) = self.outbox.latest(&to) {
            return Some(message);
        }
        let outbox = Arc::clone(&self.outbox);
        let waiting = async move { tokio::time::timeout(timeout, outbox.arrival(&to)).await };
        // The caller may have another runtime, or none; the sandbox's own has a timer.
        self.runtime.spawn(waiting).await.ok()?.ok()
    }

    /// [`wait_for_message`](Self::wait_for_message) for callers without a runtime.
    pub fn wait_for_message_blocking(&self, to: &str, timeout: Duration) -> Option<SentMessage> {
        self.outbox.wait_blocking(&Phone::parse(to).ok()?, timeout)
    }

    /// The PIN in the latest message to a number, which may be written in any form the server
    /// takes.
    pub fn last_pin(&self, to: &str) -> Option<String> {
        Some(self.outbox.latest(&Phone::parse(to).ok()?)?.pin)
    }

    /// Moves the server's clock ahead, by whole milliseconds.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// The code that an authenticator with this secret (BASE32) shows at the server's time.
    pub fn totp_code(&self, secret: &str) -> Result<String, SandboxError> {
        Ok(TotpSecret::from_base32(secret)?.code_at(self.clock.now()))
    }

    /// Sets a fault for the next requests it fits. Several wait in the order they were set, and
    /// one request meets one of them. Refuses a fault that could never happen or does nothing.
    pub fn fail_next(&self, fault: Fault) -> Result<(), SandboxError> {
        self.faults.set(fault)
    }

    /// Stops it and waits for its thread: at once when nothing runs, else for up to half a second.
    /// Once it is stopped, this does nothing.
    pub fn stop(&self) {
        let life = self
            .life
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(Life { stop, thread }) = life {
            // Both fail only when the thread is already gone, which is what is wanted.
            let _ = stop.send(());
            let _ = thread.join();
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.stop();
    }
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}
