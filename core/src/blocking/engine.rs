//! Where blocking calls run: a pool of engines, each a current-thread runtime with its own
//! connections, driven by whichever thread has borrowed it. That costs half of what handing the
//! call to another thread does, and leaves no thread to lose in a `fork`.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};

use crate::api::Api;
use crate::config::{CallOptions, Config};
use crate::error::{Error, ErrorKind, Result};
use crate::per_process::PerProcess;
use crate::started::Started;

/// How often a waiting call asks whether it is to stop: it stops within twice that.
const TICK: Duration = Duration::from_millis(50);
/// Engines that are kept for the next calls. Each holds a few descriptors and its connections.
const KEPT: usize = 64;

pub(crate) struct Engines {
    config: Config,
    pool: PerProcess<Pool>,
}

#[derive(Default)]
struct Pool {
    started: Arc<Started>,
    /// The engine used last is used next: its connection is the likeliest to be alive.
    idle: Mutex<Vec<Engine>>,
}

struct Engine {
    /// None only while it is dropped.
    runtime: Option<Runtime>,
    api: Api,
}

impl Engines {
    /// Starts and connects nothing yet.
    pub(crate) fn new(config: Config) -> Self {
        Self {
            config,
            pool: PerProcess::new(),
        }
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// Closes the connections that no call is using.
    pub(crate) fn close_idle(&self) {
        drop(self.pool.take());
    }

    /// Runs a job to its end on the calling thread.
    pub(crate) fn run<T>(
        &self,
        options: CallOptions,
        job: impl AsyncFnOnce(Api) -> Result<T>,
    ) -> Result<T> {
        match self.drive(options, async |api| Ok::<_, Infallible>(job(api).await))? {
            Ok(result) => result,
            Err(never) => match never {},
        }
    }

    /// Runs a job on the calling thread; `tick` is called every 50 ms, and its error abandons the
    /// job.
    pub(crate) fn run_ticking<T, E>(
        &self,
        options: CallOptions,
        job: impl AsyncFnOnce(Api) -> Result<T>,
        mut tick: impl FnMut() -> Result<(), E>,
    ) -> Result<Result<T>, E> {
        let outcome = self.drive(options, async |api| {
            let mut job = pin!(job(api));
            loop {
                match tokio::time::timeout(TICK, &mut job).await {
                    Ok(result) => return Ok(result),
                    Err(_elapsed) => tick()?,
                }
            }
        });
        match outcome {
            Ok(result) => result,
            Err(error) => Ok(Err(error)),
        }
    }

    fn drive<T, E>(
        &self,
        options: CallOptions,
        job: impl AsyncFnOnce(Api) -> Result<Result<T>, E>,
    ) -> Result<Result<Result<T>, E>> {
        if Handle::try_current().is_ok() {
            return Err(Error::invalid_argument(
                "a blocking client cannot be used on a thread of an async runtime: \
                 use verigator::Api there",
            ));
        }
        let pool = self.pool.get_or_make(|| Ok(Pool::default()))?;
        let engine = pool.borrow(&self.config)?;
        let outcome = engine.block_on(job(engine.api.with(options)));
        // A call that was dropped half-way leaves its connection to nobody; the engine goes with it.
        let finished = match &outcome {
            Ok(Ok(_)) => true,
            Ok(Err(error)) => error.kind() != ErrorKind::Timeout,
            Err(_) => false,
        };
        if finished {
            pool.give_back(engine);
        }
        Ok(outcome)
    }
}

impl Pool {
    fn borrow(&self, config: &Config) -> Result<Engine> {
        let kept = self.idle().pop();
        kept.map_or_else(|| Engine::new(config, self.started.clone()), Ok)
    }

    fn give_back(&self, engine: Engine) {
        let mut idle = self.idle();
        if idle.len() < KEPT {
            idle.push(engine);
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Engine>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine {
    fn new(config: &Config, started: Arc<Started>) -> Result<Self> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Error::not_started("event loop", error))?;
        let api = Api::from_config(config, started)?;
        Ok(Self {
            runtime: Some(runtime),
            api,
        })
    }

    fn block_on<T>(&self, job: impl Future<Output = T>) -> T {
        match &self.runtime {
            Some(runtime) => runtime.block_on(job),
            None => unreachable!("an engine has its runtime until it is dropped"),
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // An ordinary drop waits for a name that is being looked up, and panics on a thread of an
        // async runtime.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
