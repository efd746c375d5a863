//! The resource `auth`: starting an authentication and checking a guess.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use bytes::Bytes;
use serde::Serialize;

use super::{
    answers::{ApiError, created, json_answer},
    fields::{Fields, invalid},
};
use crate::{
    app::App,
    engine::{
        authentication::{Check, CheckRequest, Method, StartRequest},
        pin::Pin,
    },
    random,
    store::{Started, UserScope},
};

#[derive(Serialize)]
struct InitiateBody {
    /// The method really used.
    method: &'static str,
}

#[derive(Serialize)]
struct VerifyBody {
    method: &'static str,
    verified: bool,
    /// Only with a guess that did not verify.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<StatusBody>,
}

#[derive(Serialize)]
struct StatusBody {
    throttled: bool,
    expired: bool,
    invalid: bool,
    result: &'static str,
}

pub(crate) async fn initiate(
    State(app): State<Arc<App>>,
    scope: UserScope,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let fields = Fields::parse(&body)?;
    let method = method(fields.required("method")?)?;
    let (id, rules) = (random::uuid()?, &app.rules);
    let start = StartRequest {
        method,
        id,
        pin: &Pin::new(rules.resend, rules.pin_length, &app.key, id, random::fill)?,
        key: &app.key,
        now: app.clock.now(),
        rules,
    };
    // Asked for before the step, since it may be made before the step's answer is here.
    let attempt = (app.answer_after_attempt).then(|| app.courier.first_attempt(id));
    let method = match app.store.start_authentication(scope, &start).await? {
        Started::Sms(_) => {
            app.metrics.pin_sent();
            app.courier.committed(id);
            if let Some(attempt) = attempt {
                // The authentication stands, whatever becomes of its message: the user asks for
                // another when none arrives.
                let _ = attempt.await;
            }
            Method::Sms
        }
        Started::Totp => Method::Totp,
        Started::TooSoon { retry_after } => return Err(ApiError::ResendTooSoon(retry_after)),
        Started::OverBudget { retry_after } => return Err(ApiError::TooManyMessages(retry_after)),
        Started::NotAllowed => return Err(ApiError::CountryNotAllowed),
        Started::Locked => return Err(ApiError::UserLocked),
    };
    Ok(created(
        &headers,
        &InitiateBody {
            method: method.as_str(),
        },
    ))
}

pub(crate) async fn verify(
    State(app): State<Arc<App>>,
    scope: UserScope,
    body: Bytes,
) -> Result<Response, ApiError> {
    let fields = Fields::parse(&body)?;
    let guess = fields.token()?;
    // What is running decides the method; a wrong word is a mistake all the same.
    fields.optional("method")?.map(method).transpose()?;
    let check = CheckRequest {
        guess: &guess,
        key: &app.key,
        now: app.clock.now(),
        rules: &app.rules,
    };
    let (method, status) = match app.store.check(scope, &check).await? {
        Check::NotStarted => return Err(ApiError::AuthenticationNotFound),
        Check::Verified(method) => (method, None),
        Check::Invalid { method, .. } => (method, Some("INVALID")),
        Check::Expired(method) => (method, Some("EXPIRED")),
        Check::Throttled(method) => (method, Some("THROTTLED")),
    };
    let result = status.unwrap_or("VERIFIED");
    app.metrics.checked(method.as_str(), result);
    let body = VerifyBody {
        method: method.as_str(),
        verified: status.is_none(),
        status: status.map(|result| StatusBody {
            throttled: result == "THROTTLED",
            expired: result == "EXPIRED",
            invalid: result == "INVALID",
            result,
        }),
    };
    Ok(json_answer(StatusCode::OK, &body))
}

fn method(word: &str) -> Result<Method, ApiError> {
    word.parse()
        .map_err(|_| invalid("method must be sms or totp"))
}
