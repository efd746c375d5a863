//! `Idempotency-Key`: the first answer to a key is given again, byte for byte.
//!
//! Which answers are not kept says [`is_kept`]. A start and a check keep theirs in the very step
//! that they are, so that neither a client nor a server that dies makes them happen twice; around
//! everything else a key is claimed before and its answer kept after.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http_body_util::BodyExt;
use sha2::{Digest, Sha256};

use super::{
    admit::operate,
    answers::{ApiError, is_kept, raw},
    authenticate::Caller,
    operation::Operation,
    stamp::RequestId,
};
use crate::{
    app::App,
    store::{Claim, Claimed, Once, Refusal, StoreError, StoredAnswer},
};

/// How long to wait before trying again to settle a key.
const AGAIN: Duration = Duration::from_secs(1);

/// Runs a POST or PUT with a key once.
pub(crate) async fn idempotency(
    app: &Arc<App>,
    caller: Caller,
    parts: Parts,
    body: Bytes,
    next: Next,
) -> Result<Response, ApiError> {
    let key = match parts.method {
        Method::POST | Method::PUT => key(&parts.headers)?,
        _ => None,
    };
    match key {
        None => Ok(operate(next, Request::from_parts(parts, body.into())).await),
        Some(key) => {
            let claim = claim(app, caller, key, &parts, &body)?;
            once(app, claim, parts, body, next).await
        }
    }
}

fn key(headers: &HeaderMap) -> Result<Option<Arc<str>>, ApiError> {
    let mut values = headers.get_all("idempotency-key").iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let text = value
        .to_str()
        .map_err(|_| ApiError::InvalidIdempotencyKey)?;
    let is_visible = text.bytes().all(|byte| byte.is_ascii_graphic());
    if values.next().is_none() && is_visible && (1..=255).contains(&text.len()) {
        Ok(Some(text.into()))
    } else {
        Err(ApiError::InvalidIdempotencyKey)
    }
}

fn claim(
    app: &App,
    Caller(account): Caller,
    key: Arc<str>,
    parts: &Parts,
    body: &[u8],
) -> Result<Claim, ApiError> {
    let &RequestId(id) = parts.extensions.get().ok_or(ApiError::Internal)?;
    let fingerprint = fingerprint(parts, body);
    let (now, keep_for) = (app.clock.now(), app.rules.idempotency_for);
    Ok(Claim::new(id, account, key, fingerprint, now, keep_for))
}

async fn once(
    app: &Arc<App>,
    claim: Claim,
    mut parts: Parts,
    body: Bytes,
    next: Next,
) -> Result<Response, ApiError> {
    if keeps_in_its_step(app, &parts) {
        parts.extensions.insert(claim.clone());
        let request = Request::from_parts(parts, body.into());
        let response = operate(next, request).await;
        // Without a step, there was something wrong with the request itself.
        let is_seen_to = response.extensions().get::<InStep>().is_some();
        if is_seen_to || response.status().is_server_error() {
            return Ok(response);
        }
        return match claim_key(app, &claim).await? {
            Claimed::Run => settle(app, claim, response).await,
            claimed => before(claimed),
        };
    }
    match claim_key(app, &claim).await? {
        Claimed::Run => {
            let request = Request::from_parts(parts, body.into());
            settle(app, claim, operate(next, request).await).await
        }
        claimed => before(claimed),
    }
}

async fn claim_key(app: &Arc<App>, claim: &Claim) -> Result<Claimed, ApiError> {
    let claimed = app.store.claim_key(claim).await;
    if let Err(StoreError::Unknown(_)) = claimed {
        // It may be claimed by a request that will not run.
        tokio::spawn(settle_later(Arc::clone(app), claim.clone(), None));
        return Err(ApiError::StoreUnavailable);
    }
    Ok(claimed?)
}

/// Whether the operation takes its claim along. Not a start that is answered later than it is
/// committed, which is still running until then.
fn keeps_in_its_step(app: &App, parts: &Parts) -> bool {
    match Operation::of(&parts.method, parts.uri.path()) {
        Some(Operation::AuthInitiate) => !app.answer_after_attempt,
        Some(Operation::AuthVerify) => true,
        _ => false,
    }
}

/// An extension of an answer that was kept, if it was to be, in the step that it answers.
#[derive(Clone, Copy)]
pub(crate) struct InStep;

/// What a step says, that was done once if it had a key.
pub(crate) enum Said<T> {
    /// It was done now, or refused.
    Now(Result<T, Refusal>),
    /// The answer to another request with the key.
    Before(Response),
}

impl<T> Said<T> {
    pub(crate) fn of(once: Result<Once<T>, StoreError>) -> Result<Self, ApiError> {
        match once {
            Ok(Once::Done(done)) => Ok(Self::Now(Ok(done))),
            Err(StoreError::Refused(refusal)) => Ok(Self::Now(Err(refusal))),
            Ok(Once::Not(claimed)) => {
                let answer = before(claimed).unwrap_or_else(IntoResponse::into_response);
                Ok(Self::Before(in_step(answer)))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Marks an answer as seen to.
pub(crate) fn in_step(answer: impl IntoResponse) -> Response {
    let mut response = answer.into_response();
    response.extensions_mut().insert(InStep);
    response
}

/// The answer to whoever comes with a key that is another request's.
fn before(claimed: Claimed) -> Result<Response, ApiError> {
    match claimed {
        Claimed::Replay(answer) => {
            let status = StatusCode::from_u16(answer.status).map_err(|_| ApiError::Internal)?;
            Ok(raw(status, answer.body))
        }
        Claimed::Reused => Err(ApiError::IdempotencyKeyReused),
        Claimed::InProgress => Err(ApiError::IdempotencyInProgress),
        Claimed::Run => Err(ApiError::Internal),
    }
}

/// Keeps the answer, or gives the key back. When the store fails now, the operation has happened
/// and its answer still goes out.
async fn settle(app: &Arc<App>, claim: Claim, response: Response) -> Result<Response, ApiError> {
    let status = response.status();
    let asks_to_come_again = response.headers().contains_key(header::RETRY_AFTER);
    if !is_kept(status, asks_to_come_again) {
        if app.store.abandon_key(&claim).await.is_err() {
            tokio::spawn(settle_later(Arc::clone(app), claim, None));
        }
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let body = body
        .collect()
        .await
        .map_err(|_| ApiError::Internal)?
        .to_bytes();
    let answer = StoredAnswer {
        status: status.as_u16(),
        body: body.to_vec(),
    };
    if app.store.keep_answer(&claim, &answer).await.is_err() {
        tokio::spawn(settle_later(Arc::clone(app), claim, Some(answer)));
    }
    Ok(Response::from_parts(parts, Body::from(body)))
}

/// Keeps the answer, or gives the key back when there is none, once the store works again: the
/// client may come again before the claim is over by itself.
async fn settle_later(app: Arc<App>, claim: Claim, answer: Option<StoredAnswer>) {
    while app.clock.now() < claim.lease_until {
        let settled = match &answer {
            Some(answer) => app.store.keep_answer(&claim, answer).await,
            None => app.store.abandon_key(&claim).await,
        };
        if settled.is_ok() {
            return;
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Method, path and body. The path holds no separator, so the parts cannot run into each other.
fn fingerprint(parts: &Parts, body: &[u8]) -> [u8; 32] {
    let head = format!("{} {}\n", parts.method, parts.uri);
    Sha256::new()
        .chain_update(head)
        .chain_update(body)
        .finalize()
        .into()
}
