//! The sandbox for `verigator.testing`. Waits without the GIL; a forked child leaves the parent's
//! server alone.

use std::mem;
use std::process;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use verigator::ErrorKind;
use verigator_server::sandbox::{self, DropPoint, Fault, SandboxError, SentMessage};

use crate::errors;

/// How soon a waiting thread notices a signal.
const TICK: Duration = Duration::from_millis(50);

/// A running server in this process.
#[pyclass(frozen, module = "verigator._core")]
pub(crate) struct Sandbox {
    /// The process that runs the server. In a forked child there is no thread to stop.
    pid: u32,
    sandbox: Arc<sandbox::Sandbox>,
}

/// `(to, text, pin, microseconds since 1970)`.
type Message = (String, String, String, i64);

#[pymethods]
impl Sandbox {
    /// Starts one.
    #[new]
    fn new(py: Python<'_>) -> PyResult<Self> {
        let sandbox = py
            .detach(sandbox::Sandbox::start_blocking)
            .map_err(|error| failed(py, &error))?;
        Ok(Self {
            pid: process::id(),
            sandbox: Arc::new(sandbox),
        })
    }

    #[getter]
    fn url(&self) -> &str {
        self.sandbox.url()
    }

    #[getter]
    fn username(&self) -> &str {
        self.sandbox.username()
    }

    #[getter]
    fn password(&self) -> &str {
        self.sandbox.password()
    }

    /// All messages so far, oldest first.
    fn messages(&self, py: Python<'_>) -> Vec<Message> {
        py.detach(|| self.sandbox.messages().into_iter().map(message).collect())
    }

    /// The latest message to a number, or the first that comes within so many seconds.
    fn wait_for_message(
        &self,
        py: Python<'_>,
        to: &str,
        timeout: f64,
    ) -> PyResult<Option<Message>> {
        let timeout = duration(py, "timeout", timeout)?;
        let start = Instant::now();
        loop {
            let left = timeout.saturating_sub(start.elapsed());
            let found = py.detach(|| self.sandbox.wait_for_message_blocking(to, left.min(TICK)));
            if found.is_some() || left.is_zero() {
                return Ok(found.map(message));
            }
            py.check_signals()?;
        }
    }

    /// The PIN in the latest message to a number.
    fn last_pin(&self, py: Python<'_>, to: &str) -> Option<String> {
        py.detach(|| self.sandbox.last_pin(to))
    }

    /// Moves the server's clock ahead.
    fn advance(&self, py: Python<'_>, seconds: f64) -> PyResult<()> {
        self.sandbox.advance(duration(py, "seconds", seconds)?);
        Ok(())
    }

    /// The code of an authenticator at the server's time.
    fn totp_code(&self, py: Python<'_>, secret: &str) -> PyResult<String> {
        self.sandbox
            .totp_code(secret)
            .map_err(|error| failed(py, &error))
    }

    /// Sets a fault for the next requests.
    fn fail_next(
        &self,
        py: Python<'_>,
        status: Option<i64>,
        drop: Option<&str>,
        delay: Option<f64>,
        count: i64,
        operation: Option<String>,
    ) -> PyResult<()> {
        let status = status.map(|it| {
            it.try_into()
                .map_err(|_| refused(py, "the status of a fault is 400 to 599"))
        });
        let drop = drop.map(|word| match word {
            "before_answer" => Ok(DropPoint::BeforeAnswer),
            "after_request" => Ok(DropPoint::AfterRequest),
            _ => Err(refused(
                py,
                "drop must be \"before_answer\" or \"after_request\"",
            )),
        });
        let fault = Fault {
            status: status.transpose()?,
            drop: drop.transpose()?,
            delay: delay.map(|it| duration(py, "delay", it)).transpose()?,
            count: count
                .try_into()
                .ok()
                .filter(|it| *it > 0)
                .ok_or_else(|| refused(py, "count must be a whole number, 1 or more"))?,
            operation,
        };
        self.sandbox
            .fail_next(fault)
            .map_err(|error| failed(py, &error))
    }

    /// Stops it. Again does nothing.
    fn stop(&self, py: Python<'_>) {
        if self.pid == process::id() {
            py.detach(|| self.sandbox.stop());
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // Stopping waits for a thread, which a forked child does not have: it leaves the server to
        // its parent. In the parent the server needs no GIL to stop.
        if self.pid != process::id() {
            mem::forget(Arc::clone(&self.sandbox));
        }
    }
}

fn message(it: SentMessage) -> Message {
    (it.to, it.text, it.pin, it.sent_at.as_microsecond())
}

fn duration(py: Python<'_>, name: &str, seconds: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(seconds).map_err(|_| {
        refused(
            py,
            &format!("{name} must be a number of seconds, 0 or more"),
        )
    })
}

fn refused(py: Python<'_>, message: &str) -> PyErr {
    errors::refused(py, ErrorKind::InvalidArgument, message, None)
}

fn failed(py: Python<'_>, error: &SandboxError) -> PyErr {
    match error {
        SandboxError::Listen { .. } | SandboxError::Thread(_) | SandboxError::Ended => {
            PyOSError::new_err(error.to_string())
        }
        error => refused(py, &error.to_string()),
    }
}
