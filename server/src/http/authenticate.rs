//! `X-Service-Auth: <username>:<password>` on every request of the API.

use axum::http::HeaderMap;
use uuid::Uuid;

use super::answers::ApiError;
use crate::app::App;

/// The account whose request this is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller(pub(crate) Uuid);

/// Finds who asks, and takes the password off the request.
pub(crate) async fn authenticate(app: &App, headers: &mut HeaderMap) -> Result<Caller, ApiError> {
    let header = headers
        .remove("x-service-auth")
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
