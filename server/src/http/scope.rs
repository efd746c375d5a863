//! The ids in a path, with the account that asks: what the store needs to find its way.

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, MatchedPath},
    http::request::Parts,
};
use percent_encoding::percent_decode_str;
use uuid::Uuid;

use super::{answers::ApiError, authenticate::Caller};
use crate::{
    app::App,
    store::{ServiceScope, UserScope},
};

impl FromRequestParts<Arc<App>> for ServiceScope {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, ApiError> {
        let Caller(account) = parts
            .extensions
            .get()
            .copied()
            .ok_or(ApiError::WrongCredentials)?;
        let service = id(parts, "{sid}").ok_or(ApiError::ServiceNotFound)?;
        Ok(Self { account, service })
    }
}

impl FromRequestParts<Arc<App>> for UserScope {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let service = ServiceScope::from_request_parts(parts, app).await?;
        match id(parts, "{uid}") {
            Some(user) => Ok(Self { service, user }),
            // Whether the service is there, and whose it is, comes first all the same.
            None => Err(app
                .store
                .service(service)
                .await
                .map_or_else(Into::into, |_| ApiError::UserNotFound)),
        }
    }
}

/// The segment of the path that stands where `place` is in the route. What is no UUID is the id
/// of nothing, so it is read as none rather than refused: also what is no UTF-8, which axum's own
/// extractor would answer with 400.
fn id(parts: &Parts, place: &str) -> Option<Uuid> {
    let route = parts.extensions.get::<MatchedPath>()?.as_str();
    let mut segments = route.split('/').zip(parts.uri.path().split('/'));
    let (_, segment) = segments.find(|(name, _)| *name == place)?;
    let text = percent_decode_str(segment).decode_utf8().ok()?;
    // The hyphenated form alone: one id has one address.
    (text.len() == 36)
        .then(|| Uuid::try_parse(&text).ok())
        .flatten()
}
