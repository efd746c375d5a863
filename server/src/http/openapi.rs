//! `GET /openapi.json`: the wire contract for machines.

use axum::{http::StatusCode, response::Response};

use super::answers::raw;

/// Written by hand, beside the code it describes.
const DOCUMENT: &[u8] = include_bytes!("openapi.json");

pub(crate) async fn openapi() -> Response {
    raw(StatusCode::OK, DOCUMENT.to_vec())
}
