//! From the background worker to one event loop. The worker queues what has ended and rings; the
//! loop's own thread then sets the futures, all that have ended by then at once. The worker never
//! touches a Python object: it knows calls by number only.
//!
//! A loop is rung through a pair of connected sockets that it watches, or, where it can watch none,
//! through its `call_soon_threadsafe`. The loop's watch is all that keeps a bridge alive, so it ends
//! with its loop.

use std::collections::HashMap;
use std::mem;
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyNotImplementedError;
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit, intern};
use verigator::embed::{Completions, InFlight, Reply};

use crate::{errors, replies};

/// Where calls of one event loop end.
#[pyclass(frozen, weakref, module = "verigator._core")]
pub(crate) struct Bridge {
    /// The process that made it. A forked child inherits the sockets, too, but must not read what
    /// is meant for its parent.
    pid: u32,
    next: AtomicU64,
    /// The calls that have not ended, by number. Never locked while Python code runs.
    pending: Mutex<HashMap<u64, Pending>>,
    finished: Arc<Completions<Finished>>,
    #[cfg(unix)]
    bell: Option<Arc<bell::Bell>>,
}

struct Pending {
    future: Py<PyAny>,
    in_flight: InFlight,
}

/// The end of a call, on its way to the loop's thread.
pub(crate) struct Finished {
    number: u64,
    result: verigator::Result<Reply>,
}

impl Bridge {
    /// Starts a call by `start`, which is given what to call at its end.
    pub(crate) fn carry(
        &self,
        future: Py<PyAny>,
        start: impl FnOnce(Box<dyn FnOnce(verigator::Result<Reply>) + Send>) -> InFlight,
    ) -> u64 {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let finished = Arc::clone(&self.finished);
        let in_flight = start(Box::new(move |result| {
            finished.push(Finished { number, result });
        }));
        // It may have ended already, but only this thread, later, will look for it.
        self.pending().insert(number, Pending { future, in_flight });
        number
    }

    fn over(finished: Completions<Finished>) -> Self {
        Self {
            pid: process::id(),
            next: AtomicU64::new(0),
            pending: Mutex::default(),
            finished: Arc::new(finished),
            #[cfg(unix)]
            bell: None,
        }
    }

    fn pending(&self) -> MutexGuard<'_, HashMap<u64, Pending>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_inherited(&self) -> bool {
        self.pid != process::id()
    }

    /// Lets go of a call that nobody waits for any more.
    fn give_up(&self, pending: Pending) {
        if self.is_inherited() {
            // It runs in the parent.
            mem::forget(pending.in_flight);
        } else {
            pending.in_flight.abort();
        }
    }

    fn give_up_all(&self) {
        let all = mem::take(&mut *self.pending());
        for pending in all.into_values() {
            self.give_up(pending);
        }
    }
}

#[pymethods]
impl Bridge {
    /// A bridge that is rung by a socket, for a loop that can watch one.
    #[new]
    fn new() -> PyResult<Self> {
        #[cfg(unix)]
        {
            let bell = Arc::new(bell::Bell::new()?);
            let ring = Arc::clone(&bell);
            let mut bridge = Self::over(Completions::new(move || ring.ring()));
            bridge.bell = Some(bell);
            Ok(bridge)
        }
        #[cfg(not(unix))]
        Err(PyNotImplementedError::new_err(
            "there are no local sockets here",
        ))
    }

    /// A bridge for any other loop. It rings by `verigator._bridge.ring(number)`, on the worker's
    /// thread.
    #[staticmethod]
    fn rung_by_number(number: u64) -> Self {
        Self::over(Completions::new(move || {
            // None when the interpreter is ending: nobody waits any more.
            Python::try_attach(|py| {
                let rung = py
                    .import(intern!(py, "verigator._bridge"))
                    .and_then(|module| module.call_method1(intern!(py, "ring"), (number,)));
                if let Err(error) = rung {
                    error.write_unraisable(py, None);
                }
            });
        }))
    }

    /// The descriptor to watch for reading.
    fn fileno(&self) -> PyResult<i32> {
        #[cfg(unix)]
        if let Some(bell) = &self.bell {
            return Ok(bell.fileno());
        }
        Err(PyNotImplementedError::new_err("this bridge has no socket"))
    }

    /// Whether this process made it; after a fork the child needs its own.
    #[getter]
    fn usable(&self) -> bool {
        !self.is_inherited()
    }

    /// How many calls have not ended.
    #[getter]
    fn in_flight(&self) -> usize {
        self.pending().len()
    }

    /// Sets the futures of all calls that have ended. To be called on the loop's thread.
    fn drain(&self, py: Python<'_>) {
        if self.is_inherited() {
            return;
        }
        // Silenced first: what ends from here on rings anew.
        #[cfg(unix)]
        if let Some(bell) = &self.bell {
            bell.silence();
        }
        for Finished { number, result } in self.finished.take() {
            let ended = self.pending().remove(&number);
            // None when it was aborted.
            if let Some(Pending { future, .. }) = ended {
                let future = future.bind(py);
                if let Err(error) = settle(future, result) {
                    error.write_unraisable(py, Some(future));
                }
            }
        }
    }

    /// Drops a call: its connection is closed and its future is left alone. Does nothing when it
    /// has ended.
    fn abort(&self, number: u64) {
        let aborted = self.pending().remove(&number);
        if let Some(pending) = aborted {
            self.give_up(pending);
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // Locked by a stopped thread: then it is in use, and not to be collected anyway.
        if let Ok(pending) = self.pending.try_lock() {
            for it in pending.values() {
                visit.call(&it.future)?;
            }
        }
        Ok(())
    }

    fn __clear__(&self) {
        self.give_up_all();
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.give_up_all();
    }
}

/// Puts a result into a future, unless it is done or cancelled.
fn settle(future: &Bound<'_, PyAny>, result: verigator::Result<Reply>) -> PyResult<()> {
    let py = future.py();
    if future.call_method0(intern!(py, "done"))?.is_truthy()? {
        return Ok(());
    }
    let value = match result {
        Ok(reply) => replies::plain(py, reply),
        Err(error) => Err(errors::raise(py, &error)),
    };
    match value {
        Ok(value) => future.call_method1(intern!(py, "set_result"), (value,))?,
        Err(error) => future.call_method1(intern!(py, "set_exception"), (error.into_value(py),))?,
    };
    Ok(())
}

#[cfg(unix)]
mod bell {
    //! Wakes a loop that watches a descriptor.

    use std::io::{ErrorKind, Read, Result, Write};
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;

    /// Both ends belong together: writing to a pair whose reader is gone would raise a signal.
    pub(super) struct Bell {
        watched: UnixStream,
        rope: UnixStream,
    }

    impl Bell {
        pub(super) fn new() -> Result<Self> {
            let (watched, rope) = UnixStream::pair()?;
            watched.set_nonblocking(true)?;
            rope.set_nonblocking(true)?;
            Ok(Self { watched, rope })
        }

        pub(super) fn fileno(&self) -> i32 {
            self.watched.as_raw_fd()
        }

        pub(super) fn ring(&self) {
            // The only failure is a full pair, and then it is ringing.
            let _ = (&self.rope).write(&[1]);
        }

        pub(super) fn silence(&self) {
            let mut rings = [0; 64];
            loop {
                match (&self.watched).read(&mut rings) {
                    Ok(read) if read == rings.len() => {}
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Ok(_) | Err(_) => return,
                }
            }
        }
    }
}
