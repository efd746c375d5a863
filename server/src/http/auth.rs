//! The resource `auth`: starting an authentication and checking a guess.

use std::sync::Arc;

use axum::{Extension, extract::State, http::StatusCode, response::Response};
use bytes::Bytes;
use serde::Serialize;

use super::{
    answers::{Answer, ApiError, Created},
    fields::{Fields, invalid},
    idempotency::{Said, in_step},
    stamp::RequestId,
};
use crate::{
    app::App,
    engine::{
        authentication::{Check, CheckRequest, Method, StartRequest},
        pin::Pin,
    },
    random,
    store::{Answers, Claim, Keyed, Refusal, Started, StoreError, UserScope},
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
    Extension(RequestId(id)): Extension<RequestId>,
    claim: Option<Extension<Claim>>,
    Created(status): Created,
    body: Bytes,
) -> Result<Response, ApiError> {
    let fields = Fields::parse(&body)?;
    let method = method(fields.required("method")?)?;
    let rules = &app.rules;
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
    let keyed = claim.map(|Extension(claim)| {
        let answer: Answers<Started> = Arc::new(move |it| initiated(it, status).kept());
        Keyed { claim, answer }
    });
    let hold = app.courier.hold(id);
    let once = app
        .store
        .start_authentication(scope, &start, hold, keyed)
        .await;
    if let (Err(StoreError::Unknown(_)), Some(hold)) = (&once, hold) {
        app.courier.give_back(id, hold);
    }
    let started = match Said::of(once)? {
        Said::Now(started) => started,
        Said::Before(answer) => return Ok(answer),
    };
    if let Ok(Started::Sms(message)) = &started {
        app.metrics.pin_sent();
        app.courier.committed(message, hold);
        if let Some(attempt) = attempt {
            // The authentication stands, whatever becomes of its message: the user asks for
            // another when none arrives.
            let _ = attempt.await;
        }
    }
    Ok(in_step(initiated(&started, status)))
}

fn initiated(started: &Result<Started, Refusal>, created: StatusCode) -> Answer {
    let method = match *started {
        Ok(Started::Sms(_)) => Method::Sms,
        Ok(Started::Totp) => Method::Totp,
        Ok(Started::TooSoon { retry_after }) => return ApiError::ResendTooSoon(retry_after).into(),
        Ok(Started::OverBudget { retry_after }) => {
            return ApiError::TooManyMessages(retry_after).into();
        }
        Ok(Started::NotAllowed) => return ApiError::CountryNotAllowed.into(),
        Ok(Started::Locked) => return ApiError::UserLocked.into(),
        Err(refusal) => return ApiError::from(refusal).into(),
    };
    let method = method.as_str();
    Answer::json(created, &InitiateBody { method })
}

pub(crate) async fn verify(
    State(app): State<Arc<App>>,
    scope: UserScope,
    claim: Option<Extension<Claim>>,
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
    let keyed = claim.map(|Extension(claim)| {
        let answer: Answers<Check> = Arc::new(|it| verified(*it).kept());
        Keyed { claim, answer }
    });
    let checked = match Said::of(app.store.check(scope, &check, keyed).await)? {
        Said::Now(checked) => checked,
        Said::Before(answer) => return Ok(answer),
    };
    if let Some((method, result)) = checked.ok().and_then(result) {
        app.metrics.checked(method.as_str(), result);
    }
    Ok(in_step(verified(checked)))
}

const VERIFIED: &str = "VERIFIED";

/// By which method, and with which result; none when nothing was started.
fn result(check: Check) -> Option<(Method, &'static str)> {
    match check {
        Check::NotStarted => None,
        Check::Verified(method) => Some((method, VERIFIED)),
        Check::Invalid { method, .. } => Some((method, "INVALID")),
        Check::Expired(method) => Some((method, "EXPIRED")),
        Check::Throttled(method) => Some((method, "THROTTLED")),
    }
}

fn verified(checked: Result<Check, Refusal>) -> Answer {
    let result = match checked {
        Ok(check) => result(check).ok_or(ApiError::AuthenticationNotFound),
        Err(refusal) => Err(refusal.into()),
    };
    let (method, result) = match result {
        Ok(checked) => checked,
        Err(error) => return error.into(),
    };
    let verified = result == VERIFIED;
    let body = VerifyBody {
        method: method.as_str(),
        verified,
        status: (!verified).then(|| StatusBody {
            throttled: result == "THROTTLED",
            expired: result == "EXPIRED",
            invalid: result == "INVALID",
            result,
        }),
    };
    Answer::json(StatusCode::OK, &body)
}

fn method(word: &str) -> Result<Method, ApiError> {
    word.parse()
        .map_err(|_| invalid("method must be sms or totp"))
}
