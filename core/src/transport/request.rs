//! What is to be sent, before any attempt at sending it.

use http::Method;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use crate::error::{Error, Result};
use crate::secret::SecretBody;

/// Fewer are in any text by chance.
const TELLING_DIGITS: usize = 4;

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
    /// A token or a phone number, which nobody but the server may learn.
    confided: Option<SecretString>,
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
            confided: None,
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
            confided: None,
        })
    }

    /// Says which part of the body is a secret: a server's words that repeat it go no further.
    pub(crate) fn confides(mut self, secret: &str) -> Self {
        self.confided = Some(secret.into());
        self
    }

    /// Whether a text repeats what was confided, as it stands or as the same digits.
    pub(crate) fn is_betrayed_by(&self, text: &str) -> bool {
        let Some(secret) = &self.confided else {
            return false;
        };
        let secret = secret.expose_secret();
        let digits = digits(secret);
        (!secret.is_empty() && text.contains(secret))
            || (digits.len() >= TELLING_DIGITS && self::digits(text).contains(&digits))
    }
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn confiding(secret: &str) -> Request {
        let path = Ok("/".to_owned());
        let request = Request::put("auth.verify", Effect::Authenticates, path, &());
        request.unwrap().confides(secret)
    }

    #[test]
    fn a_secret_is_known_again() {
        let request = confiding("+372 5555-5555");
        assert!(request.is_betrayed_by("no SMS to +372 5555-5555"));
        assert!(request.is_betrayed_by("no SMS to +37255555555"));
        assert!(!request.is_betrayed_by("no SMS to +372•••••55"));
        assert!(confiding("123456").is_betrayed_by("{\"token\":\"123456\"}"));
        assert!(!confiding("12").is_betrayed_by("try again in 1 or 2 minutes"));
        assert!(!confiding("").is_betrayed_by("token is missing"));
    }
}
