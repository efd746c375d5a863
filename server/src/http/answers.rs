//! Every answer's form, and the status, code and message of every error: all in one table.

use std::{convert::Infallible, time::Duration};

use axum::{
    body::Body,
    extract::FromRequestParts,
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use jiff::{Timestamp, tz::Offset};
use serde::Serialize;
use serde_json::{Value, json};
use thiserror::Error;

use crate::{
    accounts::AccountsError,
    random::RandomError,
    store::{Refusal, StoreError, StoredAnswer},
};

/// Why a request was not done. The message is for people, [`code`](Self::code) for programs.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ApiError {
    /// The request could not be read at all.
    #[error("the request body could not be read")]
    UnreadableBody,
    /// No `X-Service-Auth`, or not the right one. Which of both stays unsaid.
    #[error("X-Service-Auth must be <username>:<password> of an account")]
    WrongCredentials,
    /// A provider's report without its signature, or with another.
    #[error("the signature is missing or wrong")]
    WrongSignature,
    /// See [`Refusal::ServiceForbidden`].
    #[error("the service belongs to another account")]
    ServiceForbidden,
    /// The path is none of the API's.
    #[error("there is nothing at this path")]
    NotFound,
    /// See [`Refusal::ServiceNotFound`].
    #[error("no such service")]
    ServiceNotFound,
    /// See [`Refusal::UserNotFound`].
    #[error("no such user")]
    UserNotFound,
    /// Nothing was started, or it is spent.
    #[error("no authentication was started")]
    AuthenticationNotFound,
    /// The user has no authenticator.
    #[error("the user has no authenticator")]
    TotpNotEnrolled,
    /// The path is right and the method is not.
    #[error("the method is not allowed at this path")]
    MethodNotAllowed,
    /// The head came too slowly.
    #[error("the request took too long")]
    SlowHead,
    /// The body came too slowly.
    #[error("the request body took too long")]
    SlowBody,
    /// See [`Refusal::ServiceExists`].
    #[error("the account has a service of this name or fqdn")]
    ServiceExists,
    /// See [`Refusal::UserExists`].
    #[error("the service has a user of this id_in_service")]
    UserExists,
    /// A PIN went out less than the resend delay ago.
    #[error("an authentication was started a moment ago; try again in {} s", seconds(*.0))]
    ResendTooSoon(Duration),
    /// A budget of messages is used up. Which of them stays unsaid: that of a number tells of
    /// other users.
    #[error("too many messages were sent; try again in {} s", seconds(*.0))]
    TooManyMessages(Duration),
    /// See [`crate::config::Rules::allow_prefixes`].
    #[error("no messages are sent to numbers of this country")]
    CountryNotAllowed,
    /// The user's authenticator is in use.
    #[error("the user has an authenticator; remove it first")]
    TotpAlreadyEnrolled,
    /// The first request with this key still runs.
    #[error("a request with this Idempotency-Key is still running")]
    IdempotencyInProgress,
    /// See [`crate::config::Limits::body_bytes`].
    #[error("the request body is too large")]
    BodyTooLarge,
    /// The body is not what the operation takes. Names a field, never repeats a value.
    #[error("{0}")]
    InvalidBody(String),
    /// The key was used with another request.
    #[error("this Idempotency-Key was used with another request")]
    IdempotencyKeyReused,
    /// The key cannot be one.
    #[error("an Idempotency-Key is 1 to 255 visible ASCII characters")]
    InvalidIdempotencyKey,
    /// Too many wrong guesses in a row.
    #[error("the user is locked after too many wrong guesses")]
    UserLocked,
    /// A fault of the server. The log says more.
    #[error("the server failed")]
    Internal,
    /// The store failed, and the request was not done.
    #[error("the server cannot reach its store")]
    StoreUnavailable,
    /// The store failed, and the request may have been done: to ask again may do it twice.
    #[error("the server has lost its store, and does not know whether the request was done")]
    StoreLost,
}

/// Only an operator lifts a lock; a client that waits for it asks once an hour.
const LOCKED_RETRY: Duration = Duration::from_hours(1);

impl ApiError {
    /// Status and code. With both here, no two errors can come to share a code unseen.
    fn row(&self) -> (StatusCode, &'static str) {
        match self {
            Self::UnreadableBody => (StatusCode::BAD_REQUEST, "unreadable_body"),
            Self::WrongCredentials => (StatusCode::UNAUTHORIZED, "wrong_credentials"),
            Self::WrongSignature => (StatusCode::UNAUTHORIZED, "wrong_signature"),
            Self::ServiceForbidden => (StatusCode::FORBIDDEN, "service_forbidden"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found"),
            Self::ServiceNotFound => (StatusCode::NOT_FOUND, "service_not_found"),
            Self::UserNotFound => (StatusCode::NOT_FOUND, "user_not_found"),
            Self::AuthenticationNotFound => (StatusCode::NOT_FOUND, "authentication_not_found"),
            Self::TotpNotEnrolled => (StatusCode::NOT_FOUND, "totp_not_enrolled"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::SlowHead => (StatusCode::REQUEST_TIMEOUT, "slow_head"),
            Self::SlowBody => (StatusCode::REQUEST_TIMEOUT, "slow_body"),
            Self::ServiceExists => (StatusCode::CONFLICT, "service_already_exists"),
            Self::UserExists => (StatusCode::CONFLICT, "user_already_exists"),
            Self::ResendTooSoon(_) => (StatusCode::CONFLICT, "resend_too_soon"),
            Self::TotpAlreadyEnrolled => (StatusCode::CONFLICT, "totp_already_enrolled"),
            Self::IdempotencyInProgress => (StatusCode::CONFLICT, "idempotency_in_progress"),
            Self::BodyTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
            Self::InvalidBody(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid_body"),
            Self::IdempotencyKeyReused => {
                (StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused")
            }
            Self::InvalidIdempotencyKey => {
                (StatusCode::UNPROCESSABLE_ENTITY, "invalid_idempotency_key")
            }
            Self::CountryNotAllowed => (StatusCode::UNPROCESSABLE_ENTITY, "country_not_allowed"),
            Self::TooManyMessages(_) => (StatusCode::TOO_MANY_REQUESTS, "too_many_messages"),
            Self::UserLocked => (StatusCode::TOO_MANY_REQUESTS, "user_locked"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
            Self::StoreUnavailable => (StatusCode::SERVICE_UNAVAILABLE, "store_unavailable"),
            Self::StoreLost => (StatusCode::SERVICE_UNAVAILABLE, "store_lost"),
        }
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.row().0
    }

    /// The stable word in the body.
    pub fn code(&self) -> &'static str {
        self.row().1
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::ResendTooSoon(left) | Self::TooManyMessages(left) => Some(*left),
            Self::UserLocked => Some(LOCKED_RETRY),
            Self::IdempotencyInProgress | Self::StoreUnavailable => Some(Duration::from_secs(1)),
            _ => None,
        }
    }
}

/// `Retry-After` has whole seconds: rounded up, or the client would come too soon again.
fn seconds(left: Duration) -> u64 {
    left.as_secs() + u64::from(left.subsec_nanos() > 0)
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        Answer::from(self).into_response()
    }
}

/// A status and a JSON body, and what else there may be to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    status: StatusCode,
    body: Vec<u8>,
    /// In seconds.
    retry_after: Option<u64>,
}

impl Answer {
    /// A body of JSON.
    pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(body) => Self {
                status,
                body,
                retry_after: None,
            },
            Err(_) => ApiError::Internal.into(),
        }
    }

    /// What is kept of it for an `Idempotency-Key`, if it is one to keep.
    pub(crate) fn kept(self) -> Option<StoredAnswer> {
        is_kept(self.status, self.retry_after.is_some()).then(|| StoredAnswer {
            status: self.status.as_u16(),
            body: self.body,
        })
    }
}

/// Not kept are faults of the server and what asks the client to come again: a kept answer would be
/// the same for a day.
pub(crate) fn is_kept(status: StatusCode, asks_to_come_again: bool) -> bool {
    !status.is_server_error() && !asks_to_come_again
}

impl From<ApiError> for Answer {
    fn from(error: ApiError) -> Self {
        let (status, code) = error.row();
        let body = error_body(code, &error.to_string());
        let retry_after = error.retry_after().map(|left| seconds(left).max(1));
        Self {
            retry_after,
            ..Self::json(status, &body)
        }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = raw(self.status, self.body);
        if let Some(seconds) = self.retry_after {
            let value = HeaderValue::from(seconds);
            response.headers_mut().insert(header::RETRY_AFTER, value);
        }
        response
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::ServiceNotFound => Self::ServiceNotFound,
            Refusal::ServiceForbidden => Self::ServiceForbidden,
            Refusal::ServiceExists => Self::ServiceExists,
            Refusal::UserNotFound => Self::UserNotFound,
            Refusal::UserExists => Self::UserExists,
            // No operation of the API makes or changes an account.
            Refusal::AccountExists | Refusal::AccountNotFound => Self::Internal,
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Refused(refusal) => refusal.into(),
            // The store's own log says why.
            StoreError::Unavailable(_) => Self::StoreUnavailable,
            StoreError::Unknown(_) => Self::StoreLost,
        }
    }
}

impl From<AccountsError> for ApiError {
    fn from(error: AccountsError) -> Self {
        match error {
            AccountsError::Store(error) => error.into(),
            other => {
                tracing::error!(error = %other, "credentials could not be checked");
                Self::Internal
            }
        }
    }
}

impl From<RandomError> for ApiError {
    fn from(error: RandomError) -> Self {
        tracing::error!(%error, "no random bytes");
        Self::Internal
    }
}

/// An error body: always an object with a message and a code.
pub(crate) fn error(status: StatusCode, code: &str, message: &str) -> Response {
    json_answer(status, &error_body(code, message))
}

fn error_body(code: &str, message: &str) -> Value {
    json!({ "message": message, "code": code })
}

/// [`ApiError::SlowHead`] as it goes over the wire: there is no request that it could answer by
/// way of the router.
pub(crate) fn slow_head() -> Vec<u8> {
    let error = ApiError::SlowHead;
    let body = error_body(error.code(), &error.to_string()).to_string();
    let head = format!(
        "HTTP/1.1 {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         verigator-idempotency: honoured\r\nconnection: close\r\n\r\n",
        error.status(),
        body.len(),
    );
    (head + &body).into_bytes()
}

/// A JSON body.
pub(crate) fn json_answer(status: StatusCode, body: &impl Serialize) -> Response {
    Answer::json(status, body).into_response()
}

/// A body that is JSON already.
pub(crate) fn raw(status: StatusCode, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// The status for what was made: 201, but 200 for the Java client, which takes nothing else as
/// success.
#[derive(Clone, Copy)]
pub(crate) struct Created(pub(crate) StatusCode);

impl<S: Sync> FromRequestParts<S> for Created {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let agent = parts.headers.get(header::USER_AGENT);
        let is_java = agent.is_some_and(|it| it.as_bytes().starts_with(b"verigator-java-"));
        Ok(Self(if is_java {
            StatusCode::OK
        } else {
            StatusCode::CREATED
        }))
    }
}

/// 202 with an empty object: the Python client fails on an empty body.
pub(crate) fn deleted() -> Response {
    json_answer(StatusCode::ACCEPTED, &json!({}))
}

/// UTC with six decimals and without a zone, as the service wrote it.
pub(crate) fn ctime(time: Timestamp) -> String {
    format!("{:.6}", Offset::UTC.to_datetime(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ctime_has_six_decimals() {
        let time: Timestamp = "2017-09-15T06:44:15.274438Z".parse().unwrap();
        assert_eq!(ctime(time), "2017-09-15T06:44:15.274438");
        assert_eq!(ctime(Timestamp::UNIX_EPOCH), "1970-01-01T00:00:00.000000");
    }

    #[test]
    fn retry_after_is_rounded_up_and_never_zero() {
        for (millis, expected) in [(1, "1"), (999, "1"), (1_000, "1"), (1_001, "2"), (0, "1")] {
            let response = ApiError::ResendTooSoon(Duration::from_millis(millis)).into_response();
            assert_eq!(response.headers()["retry-after"], expected);
        }
    }
}
