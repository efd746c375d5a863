//! The two ways a binding runs a call: waiting on the calling thread, or on the background worker.
//! Both survive a `fork`, can be closed, and turn a panic into an error.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::FutureExt;
use tokio::task::AbortHandle;

use crate::api::Api;
use crate::blocking::Engines;
use crate::config::{CallOptions, Config};
use crate::embed::background;
use crate::embed::call::{Call, Reply};
use crate::error::{Error, Result};
use crate::per_process::PerProcess;

/// Runs calls on the calling thread.
pub struct BlockingClient {
    engines: Engines,
    closed: AtomicBool,
}

impl BlockingClient {
    /// Starts and connects nothing yet.
    pub fn new(config: Config) -> Self {
        Self {
            engines: Engines::new(config),
            closed: AtomicBool::new(false),
        }
    }

    /// Waits for a call. `tick` runs about every 50 ms; its error abandons the call.
    pub fn call<E>(
        &self,
        call: &Call,
        options: CallOptions,
        tick: impl FnMut() -> Result<(), E>,
    ) -> Result<Result<Reply>, E> {
        if self.is_closed() {
            return Ok(Err(Error::closed().operation_is(call.operation())));
        }
        let operation = call.operation();
        self.engines.run_ticking(
            options,
            async |api| caught(operation, call.perform(&api)).await,
            tick,
        )
    }

    /// Refuses later calls and closes idle connections; calls that run go on. Again does nothing.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.engines.close_idle();
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }
}

/// Runs calls on the background worker.
pub struct BackgroundClient {
    config: Config,
    api: Arc<PerProcess<Api>>,
    closed: AtomicBool,
}

impl BackgroundClient {
    /// Starts and connects nothing yet.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            api: Arc::new(PerProcess::new()),
            closed: AtomicBool::new(false),
        }
    }

    /// The options it was made from.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Starts a call. `done` gets its end, once, unless it is aborted first: on the worker, or on
    /// the calling thread when the call cannot be started.
    pub fn start(
        &self,
        call: Call,
        options: CallOptions,
        done: impl FnOnce(Result<Reply>) + Send + 'static,
    ) -> InFlight {
        let operation = call.operation();
        let worker = match background::handle() {
            Ok(_) if self.is_closed() => Err(Error::closed()),
            worker => worker,
        };
        match worker {
            Ok(worker) => {
                let (config, api) = (self.config.clone(), self.api.clone());
                let task = worker.spawn(async move {
                    let performed = caught(operation, async {
                        // Made here: reading the platform's certificates would hold up the caller.
                        let api = api.get_or_make(|| Api::from_config(&config, Arc::default()))?;
                        call.perform(&api.with(options)).await
                    });
                    done(
                        performed
                            .await
                            .map_err(|error| error.operation_is(operation)),
                    );
                });
                InFlight(Some(task.abort_handle()))
            }
            Err(error) => {
                done(Err(error.operation_is(operation)));
                InFlight(None)
            }
        }
    }

    /// Refuses later calls and closes idle connections; calls that run go on. Again does nothing.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        drop(self.api.take());
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }
}

/// A call that was started. Dropping it changes nothing.
pub struct InFlight(Option<AbortHandle>);

impl InFlight {
    /// Drops the call: its connection is closed, and its end is told to nobody.
    pub fn abort(&self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

/// A panic becomes an error.
async fn caught(
    operation: &'static str,
    job: impl Future<Output = Result<Reply>>,
) -> Result<Reply> {
    let ended = AssertUnwindSafe(job).catch_unwind().await;
    ended.unwrap_or_else(|panic| Err(bug(panic.as_ref()).operation_is(operation)))
}

fn bug(panic: &(dyn Any + Send)) -> Error {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Error::bug(match text {
        Some(text) => format!("a fault in verigator, please report it: {text}"),
        None => "a fault in verigator, please report it".to_owned(),
    })
}
