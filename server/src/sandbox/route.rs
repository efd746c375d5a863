//! `GET /sandbox/messages`: the outbox for tests that are not in this process.

use std::sync::Arc;

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::StatusCode,
    response::Response,
};
use serde::Deserialize;

use super::outbox::Outbox;
use crate::{
    engine::phone::Phone,
    http::{error, json_answer},
};

#[derive(Deserialize)]
pub(super) struct Filter {
    /// Only messages to this number.
    to: Option<String>,
}

pub(super) async fn messages(
    State(outbox): State<Arc<Outbox>>,
    filter: Result<Query<Filter>, QueryRejection>,
) -> Response {
    let messages = filter.ok().and_then(|Query(Filter { to })| match to {
        None => Some(outbox.all()),
        Some(to) => Some(outbox.all_to(&Phone::parse(&with_plus(&to)).ok()?)),
    });
    match messages {
        Some(messages) => json_answer(StatusCode::OK, &messages),
        None => error(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid_query",
            "to must be a phone number, + and 7 to 15 digits",
        ),
    }
}

/// A plus that was not escaped arrives as a space, which is how a form writes one.
fn with_plus(to: &str) -> String {
    to.strip_prefix(' ')
        .map_or_else(|| to.to_owned(), |digits| format!("+{digits}"))
}
