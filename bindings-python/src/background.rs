//! The client that runs calls on the background worker; a [`Bridge`] brings their ends to the
//! event loop.

use pyo3::prelude::*;
use verigator::embed;

use crate::bridge::Bridge;
use crate::call::Call;
use crate::config::{Config, call_options};

/// Runs calls on the background worker.
#[pyclass(frozen, module = "verigator._core")]
pub(crate) struct AsyncClient {
    client: embed::BackgroundClient,
}

#[pymethods]
impl AsyncClient {
    #[new]
    fn new(config: &Bound<'_, Config>) -> Self {
        Self {
            client: embed::BackgroundClient::new(config.get().get()),
        }
    }

    /// Starts a call whose end goes into `future`, a future of the bridge's loop. To be called on
    /// that loop's thread. Returns the number to abort the call by.
    #[expect(
        clippy::too_many_arguments,
        reason = "a call with its options and where it ends"
    )]
    fn start(
        &self,
        py: Python<'_>,
        bridge: &Bound<'_, Bridge>,
        future: Py<PyAny>,
        call: &Bound<'_, Call>,
        timeout: &Bound<'_, PyAny>,
        deadline: &Bound<'_, PyAny>,
        max_retries: &Bound<'_, PyAny>,
    ) -> PyResult<u64> {
        let options = call_options(py, timeout, deadline, max_retries)?;
        let call = call.get().checked(py)?.clone();
        Ok(bridge
            .get()
            .carry(future, |done| self.client.start(call, options, done)))
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
