//! The resource `totp`: a user's authenticator app.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode, response::Response};
use bytes::Bytes;
use serde::Serialize;
use serde_json::json;

use super::{
    answers::{ApiError, deleted, json_answer},
    fields::Fields,
};
use crate::{
    app::App,
    engine::{
        authentication::{Confirm, Enrol},
        qr,
        totp::TotpSecret,
    },
    random,
    store::UserScope,
};

/// Shown once, at enrolment, and never again.
#[derive(Serialize)]
struct EnrolBody<'a> {
    uri: &'a str,
    secret: &'a str,
    qr: &'a str,
}

pub(crate) async fn enrol(
    State(app): State<Arc<App>>,
    scope: UserScope,
) -> Result<Response, ApiError> {
    let service = app.store.service(scope.service).await?;
    let user = app.store.user(scope).await?;
    let secret = TotpSecret::generate(random::fill)?;
    let uri = secret.uri(&service.name, &user.id_in_service);
    let image = qr::data_uri(&uri).map_err(|error| {
        tracing::error!(%error, "no QR code");
        ApiError::Internal
    })?;
    match app.store.enrol_totp(scope, &secret).await? {
        Enrol::AlreadyConfirmed => Err(ApiError::TotpAlreadyEnrolled),
        Enrol::Enrolled => {
            let body = EnrolBody {
                uri: &uri,
                secret: &secret.to_base32(),
                qr: &image,
            };
            Ok(json_answer(StatusCode::CREATED, &body))
        }
    }
}

pub(crate) async fn confirm(
    State(app): State<Arc<App>>,
    scope: UserScope,
    body: Bytes,
) -> Result<Response, ApiError> {
    let guess = Fields::parse(&body)?.token()?;
    let confirmed = match app
        .store
        .confirm_totp(scope, &guess, app.clock.now())
        .await?
    {
        Confirm::Confirmed => true,
        Confirm::WrongCode => false,
        Confirm::AlreadyConfirmed => return Err(ApiError::TotpAlreadyEnrolled),
        Confirm::NotEnrolled => return Err(ApiError::TotpNotEnrolled),
    };
    Ok(json_answer(
        StatusCode::OK,
        &json!({ "confirmed": confirmed }),
    ))
}

pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    scope: UserScope,
) -> Result<Response, ApiError> {
    if app.store.remove_totp(scope).await? {
        Ok(deleted())
    } else {
        Err(ApiError::TotpNotEnrolled)
    }
}
