//! The client that waits on the calling thread, without the GIL, and looks up about every 50 ms
//! whether Python wants the thread back.

use pyo3::prelude::*;
use verigator::{Outcome, embed};

use crate::call::Call;
use crate::config::{Config, call_options};
use crate::ending::Waiting;
use crate::{errors, replies};

/// Runs calls on the calling thread.
#[pyclass(frozen, module = "verigator._core")]
pub(crate) struct BlockingClient {
    client: embed::BlockingClient,
}

/// Why a call is given up.
enum Stop {
    /// A signal's handler raised, as Ctrl-C's does.
    Signal(PyErr),
    /// The interpreter is ending.
    Ending,
}

#[pymethods]
impl BlockingClient {
    #[new]
    fn new(config: &Bound<'_, Config>) -> Self {
        Self {
            client: embed::BlockingClient::new(config.get().get()),
        }
    }

    /// Waits for a call and returns its plain value, or raises its error.
    fn call<'py>(
        &self,
        py: Python<'py>,
        call: &Bound<'py, Call>,
        timeout: &Bound<'py, PyAny>,
        deadline: &Bound<'py, PyAny>,
        max_retries: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let options = call_options(py, timeout, deadline, max_retries)?;
        let call = call.get().checked(py)?;
        let operation = call.operation();
        // Until the end of this function: whoever ends the interpreter lets the error be raised.
        let waiting =
            Waiting::begin().ok_or_else(|| errors::ending(py, operation, Outcome::NotSent))?;
        let outcome = py.detach(|| {
            self.client.call(call, options, || {
                if waiting.must_end() {
                    return Err(Stop::Ending);
                }
                Python::attach(|py| py.check_signals().map_err(Stop::Signal))
            })
        });
        match outcome {
            Ok(Ok(reply)) => replies::plain(py, reply),
            Ok(Err(error)) => Err(errors::raise(py, &error)),
            Err(Stop::Signal(error)) => Err(error),
            Err(Stop::Ending) => Err(errors::ending(py, operation, Outcome::Unknown)),
        }
    }

    /// Refuses later calls. Calls that run go on; again does nothing.
    fn close(&self, py: Python<'_>) {
        py.detach(|| self.client.close());
    }

    /// Whether it was closed.
    #[getter]
    fn closed(&self) -> bool {
        self.client.is_closed()
    }
}
