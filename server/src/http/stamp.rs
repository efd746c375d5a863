//! What every answer carries, and the task that every request runs in which has to wait.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Instant};

use axum::{
    extract::{Request, State},
    http::{HeaderName, HeaderValue},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use uuid::Uuid;

use super::{answers::ApiError, health, operation::Operation};
use crate::{app::App, random};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const IDEMPOTENCY: HeaderName = HeaderName::from_static("verigator-idempotency");

/// An extension of an answer that is not to be given: the connection is closed in its place.
#[derive(Debug, Clone, Copy)]
pub struct HangUp;

/// An extension of a request: its id, which is new for each. What it makes happen once has this id,
/// too: its claim of a key, and the authentication that it starts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestId(pub(crate) Uuid);

/// Runs the request in a task of its own if it has to wait, so that a client that hangs up does not
/// stop an operation half-way, and stamps the answer with an id that the log has too.
pub(crate) async fn stamp(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Response {
    let id = match random::uuid() {
        Ok(id) => id,
        Err(error) => return ApiError::from(error).into_response(),
    };
    let method = request.method().clone();
    let path = request.uri().path();
    let operation = Operation::of(&method, path).map_or("-", Operation::as_str);
    let is_watching = health::is_watching(path);
    request.extensions_mut().insert(RequestId(id));
    let begun = Instant::now();
    let answering = AssertUnwindSafe(next.run(request)).catch_unwind();
    let mut answering = Box::pin(app.running.requests.track_future(answering));
    // What waits for nothing, such as a store in memory, is done by now and needs no task.
    let answered = match answering.as_mut().now_or_never() {
        Some(answered) => answered.ok(),
        None => tokio::spawn(answering).await.ok().and_then(Result::ok),
    };
    let mut response = answered.unwrap_or_else(|| ApiError::Internal.into_response());
    let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
    let status = response.status().as_u16();
    app.metrics.answered(operation, status);
    if is_watching && response.status().is_success() {
        // Every few seconds, all day: it would bury the rest.
        tracing::debug!(%id, %method, operation, status, micros, "answered");
    } else {
        tracing::info!(%id, %method, operation, status, micros, "answered");
    }
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::try_from(id.to_string()) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(IDEMPOTENCY, HeaderValue::from_static("honoured"));
    response
}
