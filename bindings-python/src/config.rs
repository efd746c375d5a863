//! The options of a client, from Python's types to `verigator`'s. Says which option has the wrong
//! type; whether a value is sensible is decided in `verigator`.

use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use verigator::embed::{self, Options};
use verigator::{CaBundle, CallOptions, ErrorKind};

use crate::call::{optional_text, type_name};
use crate::errors;

/// Options that were checked. One makes any number of clients.
#[pyclass(frozen, module = "verigator._core")]
pub(crate) struct Config(embed::Config);

impl Config {
    pub(crate) fn get(&self) -> embed::Config {
        self.0.clone()
    }
}

#[pymethods]
impl Config {
    #[expect(
        clippy::too_many_arguments,
        reason = "these are the options of a client"
    )]
    #[new]
    #[pyo3(signature = (
        username, password, endpoint, timeout, connect_timeout, deadline, max_retries, idempotency,
        pool_idle_timeout, proxy, ca_bundle, app_info, allow_insecure_http
    ))]
    fn new(
        py: Python<'_>,
        username: &Bound<'_, PyAny>,
        password: &Bound<'_, PyAny>,
        endpoint: &Bound<'_, PyAny>,
        timeout: &Bound<'_, PyAny>,
        connect_timeout: &Bound<'_, PyAny>,
        deadline: &Bound<'_, PyAny>,
        max_retries: &Bound<'_, PyAny>,
        idempotency: &Bound<'_, PyAny>,
        pool_idle_timeout: &Bound<'_, PyAny>,
        proxy: &Bound<'_, PyAny>,
        ca_bundle: &Bound<'_, PyAny>,
        app_info: &Bound<'_, PyAny>,
        allow_insecure_http: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        let product = product(py)?;
        let options = || -> Result<Options, String> {
            Ok(Options {
                username: optional_text("username", username)?,
                password: optional_text("password", password)?,
                endpoint: optional_text("endpoint", endpoint)?,
                timeout: seconds("timeout", timeout)?,
                connect_timeout: seconds("connect_timeout", connect_timeout)?,
                deadline: seconds("deadline", deadline)?,
                max_retries: count("max_retries", max_retries)?,
                idempotency: optional_text("idempotency", idempotency)?,
                pool_idle_timeout: seconds("pool_idle_timeout", pool_idle_timeout)?,
                proxy: optional_text("proxy", proxy)?,
                ca_bundle: bundle(ca_bundle)?,
                app_info: optional_text("app_info", app_info)?,
                allow_insecure_http: allow_insecure_http.extract().map_err(|_| {
                    let found = type_name(allow_insecure_http);
                    format!("allow_insecure_http must be a bool, not {found}")
                })?,
                product,
                environment: None,
            })
        };
        let options = options()
            .map_err(|message| errors::refused(py, ErrorKind::Configuration, &message, None))?;
        // Reads the file of certificates.
        py.detach(|| options.config())
            .map(Self)
            .map_err(|error| errors::raise(py, &error))
    }

    /// The account's name, masked.
    #[getter]
    fn username(&self) -> &str {
        self.0.masked_username()
    }

    /// Where requests go.
    #[getter]
    fn endpoint(&self) -> &str {
        self.0.endpoint()
    }

    fn __repr__(&self) -> String {
        format!(
            "<verigator._core.Config of {} at {}>",
            self.username(),
            self.endpoint()
        )
    }
}

/// The options of one call.
pub(crate) fn call_options(
    py: Python<'_>,
    timeout: &Bound<'_, PyAny>,
    deadline: &Bound<'_, PyAny>,
    max_retries: &Bound<'_, PyAny>,
) -> PyResult<CallOptions> {
    if timeout.is_none() && deadline.is_none() && max_retries.is_none() {
        return Ok(CallOptions::new());
    }
    let numbers = || {
        Ok((
            seconds("timeout", timeout)?,
            seconds("deadline", deadline)?,
            count("max_retries", max_retries)?,
        ))
    };
    let (timeout, deadline, max_retries) = numbers().map_err(|message: String| {
        errors::refused(py, ErrorKind::InvalidArgument, &message, None)
    })?;
    embed::call_options(timeout, deadline, max_retries).map_err(|error| errors::raise(py, &error))
}

fn seconds(name: &str, value: &Bound<'_, PyAny>) -> Result<Option<f64>, String> {
    if value.is_none() {
        return Ok(None);
    }
    value.extract().map(Some).map_err(|_| {
        format!(
            "{name} must be a number of seconds or None, not {}",
            type_name(value)
        )
    })
}

fn count(name: &str, value: &Bound<'_, PyAny>) -> Result<Option<i64>, String> {
    if value.is_none() {
        return Ok(None);
    }
    value.extract().map(Some).map_err(|_| {
        format!(
            "{name} must be a whole number of an ordinary size or None, not {}",
            type_name(value)
        )
    })
}

fn bundle(value: &Bound<'_, PyAny>) -> Result<Option<CaBundle>, String> {
    if value.is_none() {
        return Ok(None);
    }
    if let Ok(pem) = value.cast::<PyBytes>() {
        return Ok(Some(CaBundle::Pem(pem.as_bytes().to_vec())));
    }
    value
        .extract::<PathBuf>()
        .map(|path| Some(CaBundle::Path(path)))
        .map_err(|_| {
            format!(
                "ca_bundle must be a path, bytes in PEM form or None, not {}",
                type_name(value)
            )
        })
}

/// What stands first in the User-Agent, such as `verigator-python/1.0.0 CPython/3.12.1`.
fn product(py: Python<'_>) -> PyResult<String> {
    let implementation = py
        .import("sys")?
        .getattr("implementation")?
        .getattr("name")?;
    let implementation = match implementation.extract::<String>()?.as_str() {
        "cpython" => "CPython".to_owned(),
        "pypy" => "PyPy".to_owned(),
        "graalpy" => "GraalPy".to_owned(),
        other => other.to_owned(),
    };
    let version = py.version_info();
    Ok(format!(
        "verigator-python/{} {implementation}/{}.{}.{}",
        env!("CARGO_PKG_VERSION"),
        version.major,
        version.minor,
        version.patch
    ))
}
