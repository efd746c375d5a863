//! From what an operation returned to plain Python values; `verigator._models` makes its classes
//! of them. A service or a user is a tuple of its fields, nothing is None.

use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use verigator::embed::Reply;
use verigator::{Service, User, Verification};

/// The value for a reply.
pub(crate) fn plain(py: Python<'_>, reply: Reply) -> PyResult<Bound<'_, PyAny>> {
    match reply {
        Reply::Service(it) => service(it).into_bound_py_any(py),
        Reply::User(it) => user(it).into_bound_py_any(py),
        Reply::Users(them) => them
            .into_iter()
            .map(user)
            .collect::<Vec<_>>()
            .into_bound_py_any(py),
        Reply::Method(method) => method.as_str().into_bound_py_any(py),
        Reply::Verification(it) => verification(it).into_bound_py_any(py),
        Reply::Enrolment(it) => (it.uri, it.secret, it.qr).into_bound_py_any(py),
        Reply::Confirmed(confirmed) => confirmed.into_bound_py_any(py),
        Reply::Done => Ok(py.None().into_bound(py)),
    }
}

fn service(it: Service) -> (String, String, String) {
    (it.id, it.creation_time, it.name)
}

fn user(it: User) -> (String, String, String) {
    (it.id, it.creation_time, it.username)
}

type Status = (bool, bool, bool, String);

fn verification(it: Verification) -> (bool, Option<String>, Option<Status>) {
    let status = it
        .status
        .map(|it| (it.throttled, it.expired, it.invalid, it.result));
    (
        it.verified,
        it.method.map(|method| method.as_str().to_owned()),
        status,
    )
}
