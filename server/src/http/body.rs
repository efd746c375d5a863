//! Reads a whole request body, within limits of size and time.

use std::{error::Error, sync::Arc};

use axum::{
    extract::{Request, State},
    http::request::Parts,
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
        Ok((parts, body)) => next.run(Request::from_parts(parts, body.into())).await,
        Err(error) => error.into_response(),
    }
}

/// The head of a request and its body, once that is in memory.
pub async fn gather(request: Request, limits: &Limits) -> Result<(Parts, Bytes), ApiError> {
    let (parts, body) = request.into_parts();
    let whole = Limited::new(body, limits.body_bytes).collect();
    match tokio::time::timeout(limits.body_timeout, whole).await {
        Err(_) => Err(ApiError::SlowBody),
        Ok(Err(error)) if is_too_long(&*error) => Err(ApiError::BodyTooLarge),
        Ok(Err(_)) => Err(ApiError::UnreadableBody),
        Ok(Ok(body)) => Ok((parts, body.to_bytes())),
    }
}

fn is_too_long(error: &(dyn Error + 'static)) -> bool {
    error.is::<LengthLimitError>()
}
