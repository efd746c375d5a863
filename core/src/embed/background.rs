//! The one worker thread of a process that runs the calls of languages with an event loop of their
//! own. One is cheapest: the calls wait for the network, not for a core.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use crate::error::{Error, Result};
use crate::per_process::PerProcess;

static WORKER: PerProcess<Worker> = PerProcess::new();
static SHUT_DOWN: AtomicBool = AtomicBool::new(false);

struct Worker {
    handle: Handle,
    /// Taken when it is shut down.
    life: Mutex<Option<Life>>,
}

struct Life {
    /// How long its end may take. It ends, too, when this is dropped.
    stop: oneshot::Sender<Duration>,
    ended: Arc<Ended>,
}

/// Whether the thread has ended all that it ran.
#[derive(Default)]
struct Ended {
    has: Mutex<bool>,
    told: Condvar,
}

/// The worker's runtime, started on first use and anew in a forked child.
pub(super) fn handle() -> Result<Handle> {
    if SHUT_DOWN.load(Ordering::Acquire) {
        return Err(Error::closed());
    }
    Ok(WORKER.get_or_make(start)?.handle.clone())
}

fn start() -> Result<Worker> {
    let not_started = |error| Error::not_started("thread", error);
    let runtime = Builder::new_current_thread()
        .thread_name("verigator")
        .enable_all()
        .build()
        .map_err(not_started)?;
    let handle = runtime.handle().clone();
    let (stop, stopped) = oneshot::channel();
    let ended = Arc::new(Ended::default());
    let ending = ended.clone();
    thread::Builder::new()
        .name("verigator".to_owned())
        .spawn(move || {
            let wait = runtime.block_on(stopped).unwrap_or_default();
            runtime.shutdown_timeout(wait);
            *ending.has.lock().unwrap_or_else(PoisonError::into_inner) = true;
            ending.told.notify_all();
        })
        .map_err(not_started)?;
    Ok(Worker {
        handle,
        life: Mutex::new(Some(Life { stop, ended })),
    })
}

/// Ends the worker for good, for a process that is about to end: calls in flight are dropped
/// without an answer, and later ones find the client closed. Waits at most `wait`.
pub fn shut_down(wait: Duration) {
    SHUT_DOWN.store(true, Ordering::Release);
    let Some(worker) = WORKER.take() else { return };
    let life = worker
        .life
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    if let Some(Life { stop, ended }) = life {
        // It fails only when the thread has ended already, which is what is wanted.
        let _ = stop.send(wait);
        let has_ended = ended.has.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = ended.told.wait_timeout_while(has_ended, wait, |it| !*it);
    }
}
