//! What providers report of messages: counted, when it is signed as only the provider can.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::{MethodRouter, post},
};
use bytes::Bytes;
use serde_json::json;

use super::{
    answers::{ApiError, json_answer},
    fields::invalid,
};
use crate::{
    app::App,
    delivery::{Report, ReportError, Reports},
};

/// Takes the reports of one provider.
pub(crate) fn report(provider: &'static str, reports: Arc<dyn Reports>) -> MethodRouter<Arc<App>> {
    post(
        async move |State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes| {
            let report = read(&*reports, &headers, &body)?;
            app.metrics.reported(provider, report.status);
            Ok::<_, ApiError>(json_answer(StatusCode::OK, &json!({})))
        },
    )
}

fn read(reports: &dyn Reports, headers: &HeaderMap, body: &[u8]) -> Result<Report, ApiError> {
    let signature = headers.get(reports.signed_by());
    let signature = signature.ok_or(ApiError::WrongSignature)?;
    let report = reports.read(signature.as_bytes(), body);
    report.map_err(|error| match error {
        ReportError::Forged => ApiError::WrongSignature,
        ReportError::Malformed => invalid("the body must be a JSON object in UTF-8"),
    })
}
