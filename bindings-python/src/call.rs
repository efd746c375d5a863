//! Every operation as an object that either client runs, and the one place where its arguments are
//! checked. A call never shows its arguments: they may be a PIN or a phone number.

use pyo3::prelude::*;
use pyo3::types::PyString;
use verigator::{ErrorKind, embed};

use crate::errors;

/// An operation with its arguments, to be run by a client.
#[pyclass(frozen, module = "verigator._core")]
pub(crate) struct Call {
    operation: &'static str,
    /// Or why it is refused. The client says so, not the constructor: by then the caller's frame
    /// has let go of the arguments, and a traceback that shows local variables shows no PIN.
    call: Result<embed::Call, String>,
}

impl Call {
    /// The call to run, or the error that refuses it.
    pub(crate) fn checked(&self, py: Python<'_>) -> PyResult<&embed::Call> {
        self.call.as_ref().map_err(|message| {
            errors::refused(
                py,
                ErrorKind::InvalidArgument,
                message,
                Some(self.operation),
            )
        })
    }
}

#[pymethods]
impl Call {
    /// The operation's name, such as `auth.initiate`.
    #[getter]
    fn operation(&self) -> &'static str {
        self.operation
    }

    fn __repr__(&self) -> String {
        format!("<verigator._core.Call {}>", self.operation)
    }
}

macro_rules! constructors {
    ($($name:ident = $operation:literal $variant:ident { $($argument:ident: $take:ident),* };)*) => {$(
        #[doc = concat!("A call of `", $operation, "`.")]
        #[pyfunction]
        pub(crate) fn $name($($argument: &Bound<'_, PyAny>),*) -> Call {
            let call = || Ok(embed::Call::$variant {
                $($argument: $take(stringify!($argument), $argument)?),*
            });
            Call { operation: $operation, call: call() }
        }
    )*};
}

constructors! {
    services_create = "services.create" ServicesCreate { domain: text, name: text };
    services_get = "services.get" ServicesGet { id: text };
    services_delete = "services.delete" ServicesDelete { id: text };
    users_get_all = "users.get_all" UsersGetAll { service_id: text };
    users_create = "users.create" UsersCreate { service_id: text, number: text, username: text };
    users_get = "users.get" UsersGet { service_id: text, id: text };
    users_delete = "users.delete" UsersDelete { service_id: text, id: text };
    auth_initiate = "auth.initiate" AuthInitiate { service_id: text, user_id: text, method: text };
    auth_verify = "auth.verify" AuthVerify {
        service_id: text, user_id: text, token: text, method: optional_text
    };
    auth_verify_or_error = "auth.verify" AuthVerifyOrError {
        service_id: text, user_id: text, token: text, method: optional_text
    };
    totp_enrol = "totp.enrol" TotpEnrol { service_id: text, user_id: text };
    totp_confirm = "totp.confirm" TotpConfirm { service_id: text, user_id: text, token: text };
    totp_remove = "totp.remove" TotpRemove { service_id: text, user_id: text };
}

/// A `str`, or what to say of anything else.
pub(crate) fn text(name: &str, value: &Bound<'_, PyAny>) -> Result<String, String> {
    let text = value
        .cast::<PyString>()
        .map_err(|_| format!("{name} must be a str, not {}", type_name(value)))?;
    match text.to_str() {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(format!(
            "{name} is not Unicode text: it has a lone surrogate"
        )),
    }
}

/// A `str` or None.
pub(crate) fn optional_text(
    name: &str,
    value: &Bound<'_, PyAny>,
) -> Result<Option<String>, String> {
    if value.is_none() {
        Ok(None)
    } else {
        text(name, value).map(Some)
    }
}

/// The name of a value's type, for messages that may not show the value.
pub(crate) fn type_name(value: &Bound<'_, PyAny>) -> String {
    value
        .get_type()
        .name()
        .map_or_else(|_| "another type".to_owned(), |name| name.to_string())
}
