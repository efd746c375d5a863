//! What is to be sent, before any attempt at sending it.

use http::Method;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::secret::SecretBody;

/// What sending the request twice would do. The columns of the retry table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// The same as sending it once.
    Repeatable,
    /// Make a second thing, or meet the first one as a conflict.
    Creates,
    /// Send a second message, or use up a second try.
    Authenticates,
}

pub(crate) struct Request {
    /// The name of the call in errors and logs, such as `auth.initiate`.
    pub(crate) operation: &'static str,
    pub(crate) effect: Effect,
    pub(crate) method: Method,
    /// Begins with a slash; ids in it are encoded.
    pub(crate) path: String,
    pub(crate) body: Option<SecretBody>,
}

impl Request {
    pub(crate) fn get(operation: &'static str, path: Result<String>) -> Result<Self> {
        Self::without_body(operation, Method::GET, path)
    }

    pub(crate) fn delete(operation: &'static str, path: Result<String>) -> Result<Self> {
        Self::without_body(operation, Method::DELETE, path)
    }

    fn without_body(operation: &'static str, method: Method, path: Result<String>) -> Result<Self> {
        let path = path.map_err(|error| error.operation_is(operation))?;
        Ok(Self {
            operation,
            effect: Effect::Repeatable,
            method,
            path,
            body: None,
        })
    }

    pub(crate) fn post<B: Serialize>(
        operation: &'static str,
        effect: Effect,
        path: Result<String>,
        body: &B,
    ) -> Result<Self> {
        Self::with_body(operation, effect, Method::POST, path, body)
    }

    pub(crate) fn put<B: Serialize>(
        operation: &'static str,
        effect: Effect,
        path: Result<String>,
        body: &B,
    ) -> Result<Self> {
        Self::with_body(operation, effect, Method::PUT, path, body)
    }

    fn with_body<B: Serialize>(
        operation: &'static str,
        effect: Effect,
        method: Method,
        path: Result<String>,
        body: &B,
    ) -> Result<Self> {
        let path = path.map_err(|error| error.operation_is(operation))?;
        let text = serde_json::to_vec(body)
            .map_err(|error| Error::bug("a request could not be written").caused_by(error))?;
        Ok(Self {
            operation,
            effect,
            method,
            path,
            body: Some(SecretBody::new(text)),
        })
    }
}
