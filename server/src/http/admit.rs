//! What every operation of the API stands behind: who asks, a body that has come whole, and a key
//! that lets it happen once.

use std::{panic::AssertUnwindSafe, sync::Arc};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;

use super::{
    answers::ApiError, authenticate::authenticate, body::gather, idempotency::idempotency,
};
use crate::app::App;

/// Lets a request through to its operation.
pub(crate) async fn admit(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let admitted = admitted(&app, request, next).await;
    admitted.unwrap_or_else(IntoResponse::into_response)
}

async fn admitted(app: &Arc<App>, mut request: Request, next: Next) -> Result<Response, ApiError> {
    let caller = authenticate(app, request.headers_mut()).await?;
    request.extensions_mut().insert(caller);
    let (parts, body) = gather(request, &app.limits).await?;
    idempotency(app, caller, parts, body, next).await
}

/// Runs the operation. One that panics is answered as any fault is, so that its key is given back.
pub(super) async fn operate(next: Next, request: Request) -> Response {
    let operating = AssertUnwindSafe(next.run(request)).catch_unwind();
    let answered = operating.await;
    answered.unwrap_or_else(|_| ApiError::Internal.into_response())
}
