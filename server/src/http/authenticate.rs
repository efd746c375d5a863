//! `X-Service-Auth: <username>:<password>` on every request of the API.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::HeaderMap,
    middleware::Next,
    response::{IntoResponse, Response},
};
use uuid::Uuid;

use super::answers::ApiError;
use crate::app::App;

/// The account whose request this is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller(pub(crate) Uuid);

/// Lets through who has an account, and takes the password off the request.
pub(crate) async fn authenticate(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Response {
    match caller(&app, request.headers()).await {
        Ok(caller) => {
            request.headers_mut().remove("x-service-auth");
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(error) => error.into_response(),
    }
}

async fn caller(app: &App, headers: &HeaderMap) -> Result<Caller, ApiError> {
    let header = headers
        .get("x-service-auth")
        .ok_or(ApiError::WrongCredentials)?;
    let text = str::from_utf8(header.as_bytes()).map_err(|_| ApiError::WrongCredentials)?;
    // The password may hold colons, the user name may not.
    let (username, password) = text.split_once(':').ok_or(ApiError::WrongCredentials)?;
    let account = app
        .accounts
        .verify(username, password, app.clock.now())
        .await?;
    account.map(Caller).ok_or(ApiError::WrongCredentials)
}
