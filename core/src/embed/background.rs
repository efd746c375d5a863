//! The one worker thread of a process that runs the calls of languages with an event loop of their
//! own. One is cheapest: the calls wait for the network, not for a core.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};

use crate::error::{Error, Result};
use crate::per_process::PerProcess;

static WORKER: PerProcess<Worker> = PerProcess::new();
static SHUT_DOWN: AtomicBool = AtomicBool::new(false);

struct Worker {
    handle: Handle,
    /// Taken when it is shut down.
    runtime: Mutex<Option<Runtime>>,
}

/// The worker's runtime, started on first use and anew in a forked child.
pub(super) fn handle() -> Result<Handle> {
    if SHUT_DOWN.load(Ordering::Acquire) {
        return Err(Error::closed());
    }
    Ok(WORKER.get_or_make(start)?.handle.clone())
}

fn start() -> Result<Worker> {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("verigator")
        .enable_all()
        .build()
        .map_err(|error| Error::not_started("thread", error))?;
    Ok(Worker {
        handle: runtime.handle().clone(),
        runtime: Mutex::new(Some(runtime)),
    })
}

/// Ends the worker for good, for a process that is about to end: calls in flight are dropped
/// without an answer, and later ones find the client closed. Waits at most `wait`.
pub fn shut_down(wait: Duration) {
    SHUT_DOWN.store(true, Ordering::Release);
    let Some(worker) = WORKER.take() else { return };
    let runtime = worker
        .runtime
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    if let Some(runtime) = runtime {
        runtime.shutdown_timeout(wait);
    }
}
