//! Reads a whole request body, within limits of size and time.

use std::{error::Error, sync::Arc};

use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::answers::ApiError;
use crate::{app::App, config::Limits};

/// Puts the whole body in place of the stream, so that nothing behind this waits for a client.
pub(crate) async fn body(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    match gather(request, &app.limits).await {
        Ok(request) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

/// The same request with its body in memory.
pub async fn gather(request: Request, limits: &Limits) -> Result<Request, ApiError> {
    let (parts, body) = request.into_parts();
    let whole = Limited::new(body, limits.body_bytes).collect();
    let bytes: Bytes = match tokio::time::timeout(limits.body_timeout, whole).await {
        Err(_) => return Err(ApiError::SlowBody),
        Ok(Err(error)) if is_too_long(&*error) => return Err(ApiError::BodyTooLarge),
        Ok(Err(_)) => return Err(ApiError::UnreadableBody),
        Ok(Ok(body)) => body.to_bytes(),
    };
    Ok(Request::from_parts(parts, Body::from(bytes)))
}

fn is_too_long(error: &(dyn Error + 'static)) -> bool {
    error.is::<LengthLimitError>()
}
