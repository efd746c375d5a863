//! What a status that is not a success means: its kind of error, the row of the retry table it
//! belongs to, and the server's own words about it.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Map, Value};

use crate::error::{Error, ErrorKind, Outcome};
use crate::transport::attempt::RawAnswer;
use crate::transport::retry::Setback;

/// The word of a server that is still at work on an earlier attempt with the same key.
const IN_PROGRESS: &str = "idempotency_in_progress";
/// Longer texts are no message for people.
const LONGEST_MESSAGE: usize = 1000;

/// A status that is not a success, read.
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) setback: Setback,
    message: Option<String>,
    word: Option<String>,
}

impl Refusal {
    /// The server's words are left out when they are a secret, or hold one.
    pub(crate) fn read(
        answer: &RawAnswer,
        retry_after: Option<Duration>,
        keyed: bool,
        is_secret: impl Fn(&str) -> bool,
    ) -> Self {
        let body: Map<String, Value> = serde_json::from_slice(&answer.body).unwrap_or_default();
        // Each by itself: a server that numbers its codes still has a message for people.
        let text = |name| {
            let text = body.get(name).and_then(Value::as_str);
            text.filter(|it| !is_secret(it)).map(str::to_owned)
        };
        let (message, word) = (text("message"), text("code"));
        let setback = match answer.status.as_u16() {
            408 | 425 | 429 => Setback::Declined,
            503 if retry_after.is_some() => Setback::Declined,
            409 if word.as_deref() == Some(IN_PROGRESS) => Setback::Declined,
            // Only the body would tell whether an earlier attempt with this key is still at work.
            409 if keyed && answer.body_was_cut => Setback::Ambiguous,
            500..=599 => Setback::Ambiguous,
            _ => Setback::Final,
        };
        Self {
            status: answer.status,
            setback,
            message: message.filter(|text| !text.trim().is_empty()),
            word: word.filter(|text| !text.is_empty()),
        }
    }

    /// Whether an earlier attempt with the same key is at work right now.
    fn is_in_progress(&self) -> bool {
        self.status == StatusCode::CONFLICT && self.word.as_deref() == Some(IN_PROGRESS)
    }

    /// Whether a server that honours keys has looked at the key by then. Who asks, how long the
    /// request is and how often requests come is checked before.
    pub(crate) fn follows_key(&self) -> bool {
        !matches!(self.status.as_u16(), 401 | 408 | 413 | 425 | 429)
    }

    pub(crate) fn into_error(self) -> Error {
        let outcome = match self.setback {
            Setback::Ambiguous => Outcome::Unknown,
            _ if self.is_in_progress() => Outcome::Unknown,
            _ => Outcome::Rejected,
        };
        let message = self.message.map_or_else(
            || match self.status.canonical_reason() {
                Some(reason) => format!("the server answered {} {reason}", self.status.as_u16()),
                None => format!("the server answered {}", self.status.as_u16()),
            },
            |text| text.chars().take(LONGEST_MESSAGE).collect(),
        );
        Error::new(kind_of(self.status), message)
            .code_is(self.status.as_u16())
            .error_code_is(self.word)
            .outcome_is(outcome)
    }
}

fn kind_of(status: StatusCode) -> ErrorKind {
    match status.as_u16() {
        400 | 422 => ErrorKind::InvalidData,
        401 => ErrorKind::WrongCredentials,
        403 => ErrorKind::ResourceForbidden,
        404 | 410 => ErrorKind::NoSuchResource,
        409 => ErrorKind::ResourceAlreadyExists,
        429 => ErrorKind::RateLimited,
        500..=599 => ErrorKind::Internal,
        _ => ErrorKind::UnexpectedStatus,
    }
}
