//! `verigator._core`: the client and the sandbox as Python's own layer wants them. Every operation
//! is a [`call::Call`], which one of two clients runs: waiting, or on the background worker with an
//! event loop told of the end. Knows no HTTP and decides nothing that `verigator` has decided.

mod background;
mod blocking;
mod bridge;
mod call;
mod config;
mod ending;
mod errors;
mod replies;
mod sandbox;

/// The native part of `verigator`. Private: use `verigator` instead.
#[pyo3::pymodule(gil_used = false)]
mod _core {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::background::AsyncClient;
    #[pymodule_export]
    use crate::blocking::BlockingClient;
    #[pymodule_export]
    use crate::bridge::Bridge;
    #[pymodule_export]
    use crate::call::{
        Call, auth_initiate, auth_verify, auth_verify_or_error, services_create, services_delete,
        services_get, totp_confirm, totp_enrol, totp_remove, users_create, users_delete, users_get,
        users_get_all,
    };
    #[pymodule_export]
    use crate::config::Config;
    #[pymodule_export]
    use crate::errors::error_kinds;
    #[pymodule_export]
    use crate::sandbox::Sandbox;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        module.add("DEFAULT_ENDPOINT", verigator::DEFAULT_ENDPOINT)?;
        crate::ending::register(module)
    }
}
