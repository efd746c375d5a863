//! The end of the interpreter: a thread of ours that touched it afterwards would crash, so the
//! background worker is stopped and waiting calls are ended while Python still runs.

use std::process;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use verigator::embed;

/// How long the end may be held up.
const PATIENCE: Duration = Duration::from_secs(1);
const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// What threads have to handle the error that ended their call, before they are gone.
const TO_HANDLE_IT: Duration = Duration::from_millis(50);

static ENDING: AtomicBool = AtomicBool::new(false);
/// The thread that ends the interpreter. It alone may still call.
static LAST: OnceLock<ThreadId> = OnceLock::new();
/// Calls that wait now, and the process that counts them: a forked child inherits the number but
/// none of the threads.
static WAITING: AtomicUsize = AtomicUsize::new(0);
static COUNTED_BY: AtomicU32 = AtomicU32::new(0);

/// Has the interpreter call us before it ends.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let hook = wrap_pyfunction!(end, module)?;
    module
        .py()
        .import("atexit")?
        .call_method1("register", (hook,))?;
    Ok(())
}

#[pyfunction]
fn end(py: Python<'_>) {
    // Daemon threads whose calls are ended here get the GIL to see it.
    py.detach(|| {
        // The first end is the only one: the hook runs once for a process.
        LAST.get_or_init(|| thread::current().id());
        ENDING.store(true, Ordering::SeqCst);
        embed::shut_down(PATIENCE);
        if others_wait() {
            let until = Instant::now() + PATIENCE;
            while others_wait() && Instant::now() < until {
                thread::sleep(LOOK_AGAIN);
            }
            thread::sleep(TO_HANDLE_IT);
        }
    });
}

fn others_wait() -> bool {
    COUNTED_BY.load(Ordering::SeqCst) == process::id() && WAITING.load(Ordering::SeqCst) > 0
}

/// A call that waits on the calling thread.
pub(crate) struct Waiting {
    /// Called by the thread that ends the interpreter, while it does so.
    is_last: bool,
}

impl Waiting {
    /// None when the interpreter is ending and the thread is about to go with it.
    pub(crate) fn begin() -> Option<Self> {
        let pid = process::id();
        if COUNTED_BY.swap(pid, Ordering::SeqCst) != pid {
            WAITING.store(0, Ordering::SeqCst);
        }
        WAITING.fetch_add(1, Ordering::SeqCst);
        let ending = ENDING.load(Ordering::SeqCst);
        let waiting = Self {
            is_last: ending && LAST.get() == Some(&thread::current().id()),
        };
        (!ending || waiting.is_last).then_some(waiting)
    }

    /// Whether the call has to be given up, for the interpreter is ending.
    pub(crate) fn must_end(&self) -> bool {
        !self.is_last && ENDING.load(Ordering::SeqCst)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // A handler that forks while its thread waits leaves the child nothing to count down.
        let _ = WAITING.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
    }
}
