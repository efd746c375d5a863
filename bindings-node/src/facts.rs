//! What is decided in Rust and JavaScript asks for: the table of errors.

use napi_derive::napi;
use verigator::ErrorKind;

/// One row of the table of errors.
#[napi(object, object_from_js = false)]
pub struct ErrorClass {
    /// The stable word of the kind, such as `no_such_resource`.
    pub kind: &'static str,
    /// The class that stands for it.
    pub class: &'static str,
}

/// Every kind of error and its class.
#[napi]
pub fn error_classes() -> Vec<ErrorClass> {
    ErrorKind::ALL
        .iter()
        .map(|kind| ErrorClass {
            kind: kind.word(),
            class: kind.class_name(),
        })
        .collect()
}
