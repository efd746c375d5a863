//! For whoever watches the process: is it alive, can it work, and what has it done?

use std::sync::Arc;

use axum::{
    body::Body,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use serde_json::json;

use super::answers::{ApiError, json_answer};
use crate::app::App;

pub(crate) async fn live() -> Response {
    json_answer(StatusCode::OK, &json!({ "status": "ok" }))
}

pub(crate) async fn ready(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    app.store.ready().await?;
    Ok(json_answer(StatusCode::OK, &json!({ "status": "ready" })))
}

/// Text for Prometheus: the one answer that is not JSON.
pub(crate) async fn metrics(State(app): State<Arc<App>>) -> Response {
    let mut response = Response::new(Body::from(app.metrics.render()));
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
