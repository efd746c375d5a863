//! The one error type of the client, and the table that names every kind of it in every language.
//! Knows nothing of HTTP libraries; an error never holds a credential, a PIN or a body.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

/// The result of every call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

type Source = Box<dyn StdError + Send + Sync + 'static>;

/// Why a call failed, what the server knows of it, and whether it may be tried again.
///
/// [`kind`](Self::kind) is what to match on. `Display` is the message alone.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    code: u16,
    message: String,
    error_code: Option<String>,
    operation: Option<&'static str>,
    attempts: u32,
    retry_after: Option<Duration>,
    request_id: Option<String>,
    outcome: Outcome,
    safe_to_retry: bool,
    source: Option<Source>,
}

macro_rules! error_kinds {
    ($($(#[$doc:meta])* $kind:ident, $word:literal, $class:literal;)*) => {
        /// What went wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorKind { $($(#[$doc])* $kind,)* }

        impl ErrorKind {
            /// Every kind, for tables and tests.
            pub const ALL: &'static [Self] = &[$(Self::$kind),*];

            /// The stable word of this kind, such as `no_such_resource`.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$kind => $word),* }
            }

            /// The name of the error class that stands for this kind in Python and Node.
            pub const fn class_name(self) -> &'static str {
                match self { $(Self::$kind => $class),* }
            }
        }
    };
}

error_kinds! {
    /// 400 or 422: a field is missing or malformed.
    InvalidData, "invalid_data", "InvalidDataError";
    /// 401: username or password are wrong.
    WrongCredentials, "wrong_credentials", "WrongCredentialsError";
    /// 403: the service belongs to another account.
    ResourceForbidden, "resource_forbidden", "ResourceForbiddenError";
    /// 404 or 410: no such service or user, or no authentication was started.
    NoSuchResource, "no_such_resource", "NoSuchResourceError";
    /// 409: the name is taken, or a PIN went out a moment ago (then with `retry_after`).
    ResourceAlreadyExists, "resource_already_exists", "ResourceAlreadyExistsError";
    /// 429: a sending or guessing budget is used up.
    RateLimited, "rate_limited", "RateLimitError";
    /// 5xx: the server failed.
    Internal, "internal", "InternalError";
    /// Any other status, a redirect among them.
    UnexpectedStatus, "unexpected_status", "VerigatorError";
    /// A 2xx whose body is not the JSON it should be, or is over 1 MiB.
    InvalidResponse, "invalid_response", "InvalidResponseError";
    /// No answer: the name did not resolve, the connection failed, or it broke.
    Connection, "connection", "VerigatorConnectionError";
    /// No answer in time.
    Timeout, "timeout", "VerigatorTimeoutError";
    /// `verify_or_error` and a PIN that is not right.
    NotVerified, "not_verified", "NotVerifiedError";
    /// An argument was refused; nothing was sent.
    InvalidArgument, "invalid_argument", "InvalidArgumentError";
    /// An option was refused; no client was made.
    Configuration, "configuration", "ConfigurationError";
    /// The client was closed before the call, or while it ran.
    Closed, "client_closed", "ClientClosedError";
    /// A fault in this library. Please report it.
    Bug, "bug", "VerigatorError";
}

/// What the server may have done with a call that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// The request never left: the server did nothing.
    NotSent,
    /// The request may have arrived: the server may have acted, or not.
    Unknown,
    /// The server answered that it did not act.
    Rejected,
    /// The server answered that it acted.
    Accepted,
}

impl Outcome {
    /// `not_sent`, `unknown`, `rejected` or `accepted`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotSent => "not_sent",
            Self::Unknown => "unknown",
            Self::Rejected => "rejected",
            Self::Accepted => "accepted",
        }
    }
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            code: 0,
            message: message.into(),
            error_code: None,
            operation: None,
            attempts: 0,
            retry_after: None,
            request_id: None,
            outcome: Outcome::NotSent,
            safe_to_retry: false,
            source: None,
        }))
    }

    pub(crate) fn invalid_argument(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidArgument, message)
    }

    pub(crate) fn configuration(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Configuration, message)
    }

    /// A call that met a closed client. For the language bindings, which own the closing.
    #[doc(hidden)]
    pub fn closed() -> Self {
        Self::new(ErrorKind::Closed, "the client is closed")
    }

    pub(crate) fn not_started(what: &str, source: std::io::Error) -> Self {
        Self::new(
            ErrorKind::Connection,
            format!("the system gave the client no {what}"),
        )
        .caused_by(source)
    }

    /// A fault of this library that was caught before it could end the process.
    #[doc(hidden)]
    pub fn bug(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Bug, message).outcome_is(Outcome::Unknown)
    }

    pub(crate) fn code_is(mut self, code: u16) -> Self {
        self.0.code = code;
        self
    }

    pub(crate) fn error_code_is(mut self, word: Option<String>) -> Self {
        self.0.error_code = word;
        self
    }

    pub(crate) fn operation_is(mut self, operation: &'static str) -> Self {
        self.0.operation = Some(operation);
        self
    }

    pub(crate) fn attempts_are(mut self, attempts: u32) -> Self {
        self.0.attempts = attempts;
        self
    }

    pub(crate) fn retry_after_is(mut self, wait: Option<Duration>) -> Self {
        self.0.retry_after = wait;
        self
    }

    pub(crate) fn request_id_is(mut self, id: Option<String>) -> Self {
        self.0.request_id = id;
        self
    }

    pub(crate) fn outcome_is(mut self, outcome: Outcome) -> Self {
        self.0.outcome = outcome;
        self
    }

    pub(crate) fn safe_to_retry_is(mut self, safe: bool) -> Self {
        self.0.safe_to_retry = safe;
        self
    }

    pub(crate) fn caused_by(mut self, source: impl Into<Source>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    pub(crate) fn with_hint(mut self, hint: &str) -> Self {
        self.0.message.push_str(hint);
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The HTTP status, 0 when there was no answer.
    pub fn code(&self) -> u16 {
        self.0.code
    }

    /// What happened, for people.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// A stable word for programs: the server's own, such as `user_not_found`, else the kind's.
    pub fn error_code(&self) -> &str {
        self.0.error_code.as_deref().unwrap_or(self.0.kind.word())
    }

    /// The call that failed, such as `auth.initiate`.
    pub fn operation(&self) -> Option<&'static str> {
        self.0.operation
    }

    /// How many times the request was tried.
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// How long the server asks to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The server's name for the request, to quote in a support case.
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// What the server may have done.
    pub fn outcome(&self) -> Outcome {
        self.0.outcome
    }

    /// Whether the same call again may succeed and cannot act twice.
    pub fn safe_to_retry(&self) -> bool {
        self.0.safe_to_retry
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("code", &self.0.code)
            .field("message", &self.0.message)
            .field("error_code", &self.error_code())
            .field("operation", &self.0.operation)
            .field("attempts", &self.0.attempts)
            .field("retry_after", &self.0.retry_after)
            .field("request_id", &self.0.request_id)
            .field("outcome", &self.0.outcome)
            .field("safe_to_retry", &self.0.safe_to_retry)
            .field("source", &self.0.source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0
            .source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_kind_has_its_own_word() {
        let words: HashSet<_> = ErrorKind::ALL.iter().map(|kind| kind.word()).collect();
        assert_eq!(words.len(), ErrorKind::ALL.len());
    }

    #[test]
    fn an_error_is_small_enough_to_return_by_value() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
    }
}
