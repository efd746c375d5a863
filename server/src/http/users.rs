//! The resource `user`.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode, response::Response};
use bytes::Bytes;
use serde::Serialize;
use uuid::Uuid;

use super::{
    answers::{ApiError, Created, ctime, deleted, json_answer},
    fields::{Fields, invalid},
};
use crate::{
    app::App,
    engine::phone::Phone,
    random,
    store::{NewUser, ServiceScope, User, UserScope},
};

#[derive(Serialize)]
struct UserBody {
    id: Uuid,
    ctime: String,
    id_in_service: String,
}

#[derive(Serialize)]
struct UsersBody {
    users: Vec<UserBody>,
    /// How many users the service has.
    total: usize,
    /// How many of them are in this answer.
    count: usize,
}

impl From<User> for UserBody {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            ctime: ctime(user.created_at),
            id_in_service: user.id_in_service,
        }
    }
}

pub(crate) async fn create(
    State(app): State<Arc<App>>,
    scope: ServiceScope,
    Created(status): Created,
    body: Bytes,
) -> Result<Response, ApiError> {
    let fields = Fields::parse(&body)?;
    let phone = Phone::parse(fields.required("phone_number")?);
    let phone = phone.map_err(|error| invalid(&format!("phone_number: {error}")))?;
    let id_in_service = fields.name("id_in_service", 255)?.to_owned();
    if !app.rules.allows(&phone) {
        return Err(ApiError::CountryNotAllowed);
    }
    let user = NewUser {
        id: random::uuid()?,
        id_in_service,
        phone,
        created_at: app.clock.now(),
    };
    let user = app.store.create_user(scope, &user).await?;
    Ok(json_answer(status, &UserBody::from(user)))
}

pub(crate) async fn get_all(
    State(app): State<Arc<App>>,
    scope: ServiceScope,
) -> Result<Response, ApiError> {
    let users: Vec<UserBody> = app
        .store
        .users(scope)
        .await?
        .into_iter()
        .map(UserBody::from)
        .collect();
    let count = users.len();
    Ok(json_answer(
        StatusCode::OK,
        &UsersBody {
            users,
            total: count,
            count,
        },
    ))
}

pub(crate) async fn get(
    State(app): State<Arc<App>>,
    scope: UserScope,
) -> Result<Response, ApiError> {
    let user = app.store.user(scope).await?;
    Ok(json_answer(StatusCode::OK, &UserBody::from(user)))
}

pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    scope: UserScope,
) -> Result<Response, ApiError> {
    app.store.delete_user(scope).await?;
    Ok(deleted())
}
