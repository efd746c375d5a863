//! `Idempotency-Key`: the first answer to a key is given again, byte for byte.
//!
//! Not kept are 5xx answers and those with `Retry-After`: both ask the client to come again, and
//! a kept one would answer it the same for a day.

use std::{sync::Arc, time::Duration};

use axum::{
    Extension,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http_body_util::BodyExt;
use sha2::{Digest, Sha256};

use super::{
    answers::{ApiError, raw},
    authenticate::Caller,
};
use crate::{
    app::App,
    random,
    store::{Claim, Claimed, StoreError, StoredAnswer},
};

/// How long to wait before trying again to settle a key.
const AGAIN: Duration = Duration::from_secs(1);

/// Runs a POST or PUT with a key once.
pub(crate) async fn idempotency(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    request: Request,
    next: Next,
) -> Response {
    if !matches!(*request.method(), Method::POST | Method::PUT) {
        return next.run(request).await;
    }
    match key(request.headers()) {
        Ok(None) => next.run(request).await,
        Ok(Some(key)) => once(&app, caller, key, request, next)
            .await
            .unwrap_or_else(IntoResponse::into_response),
        Err(error) => error.into_response(),
    }
}

fn key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let mut values = headers.get_all("idempotency-key").iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let text = value
        .to_str()
        .map_err(|_| ApiError::InvalidIdempotencyKey)?;
    let is_visible = text.bytes().all(|byte| byte.is_ascii_graphic());
    if values.next().is_none() && is_visible && (1..=255).contains(&text.len()) {
        Ok(Some(text.to_owned()))
    } else {
        Err(ApiError::InvalidIdempotencyKey)
    }
}

async fn once(
    app: &Arc<App>,
    Caller(account): Caller,
    key: String,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .map_err(|_| ApiError::UnreadableBody)?
        .to_bytes();
    let claim = Claim::new(
        random::uuid()?,
        account,
        key,
        fingerprint(&parts, &body),
        app.clock.now(),
        app.rules.idempotency_for,
    );
    let claimed = app.store.claim_key(&claim).await;
    if let Err(StoreError::Unknown(_)) = claimed {
        // It may be claimed by a request that will not run.
        tokio::spawn(settle_later(Arc::clone(app), claim, None));
        return Err(ApiError::StoreUnavailable);
    }
    match claimed? {
        Claimed::Replay(answer) => {
            let status = StatusCode::from_u16(answer.status).map_err(|_| ApiError::Internal)?;
            Ok(raw(status, answer.body))
        }
        Claimed::InProgress => Err(ApiError::IdempotencyInProgress),
        Claimed::Reused => Err(ApiError::IdempotencyKeyReused),
        Claimed::Run => {
            let response = next.run(Request::from_parts(parts, Body::from(body))).await;
            settle(app, claim, response).await
        }
    }
}

/// Keeps the answer, or gives the key back. When the store fails now, the operation has happened
/// and its answer still goes out.
async fn settle(app: &Arc<App>, claim: Claim, response: Response) -> Result<Response, ApiError> {
    let status = response.status();
    if status.is_server_error() || response.headers().contains_key(header::RETRY_AFTER) {
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
fn fingerprint(parts: &Parts, body: &Bytes) -> [u8; 32] {
    let head = format!("{} {}\n", parts.method, parts.uri);
    Sha256::new()
        .chain_update(head)
        .chain_update(body)
        .finalize()
        .into()
}
