//! For whoever watches the process: is it alive, can it work, and what has it done?

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use serde_json::json;
use tokio::time::timeout;

use super::answers::{ApiError, json_answer};
use crate::{
    app::App,
    metrics::{COUNTED_MESSAGES, Gauges, OutboxGauges},
};

pub(super) const LIVE: &str = "/healthz";
pub(super) const READY: &str = "/readyz";
pub(super) const METRICS: &str = "/metrics";

/// How long a scrape waits for the store: most give up after ten seconds, and without the store
/// the other numbers are wanted most.
const STORE_WAIT: Duration = Duration::from_secs(1);

/// Whether requests for this path come again and again, whatever happens.
pub(super) fn is_watching(path: &str) -> bool {
    [LIVE, READY, METRICS].contains(&path)
}

pub(crate) async fn live() -> Response {
    json_answer(StatusCode::OK, &json!({ "status": "ok" }))
}

pub(crate) async fn ready(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    // What was asked for only to see it done may be asked for again.
    let ready = app.store.ready().await;
    ready.map_err(|_| ApiError::StoreUnavailable)?;
    Ok(json_answer(StatusCode::OK, &json!({ "status": "ready" })))
}

/// Text for Prometheus: the one answer that is not JSON.
pub(crate) async fn metrics(State(app): State<Arc<App>>) -> Response {
    let gauges = Gauges {
        connections: app.running.connections.len(),
        requests: app.running.requests.len(),
        outbox: outbox(&app).await,
    };
    let mut response = Response::new(Body::from(app.metrics.render(&gauges)));
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

async fn outbox(app: &App) -> Option<OutboxGauges> {
    let asked = timeout(STORE_WAIT, app.store.queue(COUNTED_MESSAGES)).await;
    if asked.is_err() {
        tracing::error!("the outbox could not be counted in time");
    }
    let queue = asked.ok()?.ok()?;
    // Due in the future is not waiting yet.
    let waited = queue
        .first_due
        .map(|due| app.clock.now().duration_since(due));
    let oldest = waited.and_then(|it| Duration::try_from(it).ok());
    Some(OutboxGauges {
        messages: queue.messages,
        oldest: oldest.unwrap_or_default(),
    })
}
