//! From an error of `verigator` to the exception of its kind. The classes are Python's, in
//! `verigator._errors`; the table of kinds is `verigator`'s.

use std::error::Error as _;

use pyo3::exceptions::PyException;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyModule};
use verigator::{Error, ErrorKind, Outcome};

static CLASSES: PyOnceLock<Py<PyModule>> = PyOnceLock::new();

/// The exception for an error.
pub(crate) fn raise(py: Python<'_>, error: &Error) -> PyErr {
    let fields = Fields {
        message: error.message(),
        code: error.code(),
        error_code: error.error_code(),
        operation: error.operation(),
        attempts: error.attempts(),
        retry_after: error.retry_after().map(|wait| wait.as_secs_f64()),
        request_id: error.request_id(),
        outcome: error.outcome(),
        safe_to_retry: error.safe_to_retry(),
    };
    // An exception that cannot be made is itself one.
    let exception = fields
        .exception(py, error.kind())
        .unwrap_or_else(|failure| failure);
    if let Some(cause) = causes(error) {
        exception.set_cause(py, Some(PyException::new_err(cause)));
    }
    exception
}

/// The exception for what is refused before `verigator` sees it: values of the wrong type.
pub(crate) fn refused(
    py: Python<'_>,
    kind: ErrorKind,
    message: &str,
    operation: Option<&str>,
) -> PyErr {
    own(py, kind, message, operation, Outcome::NotSent)
}

/// The exception for a call that the end of the interpreter refused, or gave up while it ran.
pub(crate) fn ending(py: Python<'_>, operation: &str, outcome: Outcome) -> PyErr {
    let message = "the client is closed: the interpreter is ending";
    own(py, ErrorKind::Closed, message, Some(operation), outcome)
}

fn own(
    py: Python<'_>,
    kind: ErrorKind,
    message: &str,
    operation: Option<&str>,
    outcome: Outcome,
) -> PyErr {
    let fields = Fields {
        message,
        code: 0,
        error_code: kind.word(),
        operation,
        attempts: 0,
        retry_after: None,
        request_id: None,
        outcome,
        safe_to_retry: false,
    };
    fields.exception(py, kind).unwrap_or_else(|failure| failure)
}

/// The table of errors, `(word, class name)` for every kind.
#[pyfunction]
pub(crate) fn error_kinds() -> Vec<(&'static str, &'static str)> {
    ErrorKind::ALL
        .iter()
        .map(|kind| (kind.word(), kind.class_name()))
        .collect()
}

struct Fields<'a> {
    message: &'a str,
    code: u16,
    error_code: &'a str,
    operation: Option<&'a str>,
    attempts: u32,
    retry_after: Option<f64>,
    request_id: Option<&'a str>,
    outcome: Outcome,
    safe_to_retry: bool,
}

impl Fields<'_> {
    fn exception(&self, py: Python<'_>, kind: ErrorKind) -> PyResult<PyErr> {
        let classes = CLASSES
            .get_or_try_init(py, || py.import("verigator._errors").map(Bound::unbind))?
            .bind(py);
        let named = PyDict::new(py);
        named.set_item(intern!(py, "error_code"), self.error_code)?;
        named.set_item(intern!(py, "operation"), self.operation)?;
        named.set_item(intern!(py, "attempts"), self.attempts)?;
        named.set_item(intern!(py, "retry_after"), self.retry_after)?;
        named.set_item(intern!(py, "request_id"), self.request_id)?;
        named.set_item(intern!(py, "outcome"), self.outcome.as_str())?;
        named.set_item(intern!(py, "safe_to_retry"), self.safe_to_retry)?;
        let class = classes.getattr(kind.class_name())?;
        Ok(PyErr::from_value(
            class.call((self.code, self.message), Some(&named))?,
        ))
    }
}

/// What the error says of its causes, each level once: libraries often repeat the level below.
fn causes(error: &Error) -> Option<String> {
    let mut text = String::new();
    let mut next = error.source();
    while let Some(cause) = next {
        let level = cause.to_string();
        if !text.contains(&level) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&level);
        }
        next = cause.source();
    }
    (!text.is_empty()).then_some(text)
}
