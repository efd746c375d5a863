//! Two servers that are not quite ours: the one of the published documents, to the letter, and the
//! one that the old official clients expect. Both are the real server in memory with a layer
//! around it, so that what a client must not depend on is not there.

use axum::{
    Json, Router,
    body::Body,
    extract::Request,
    http::{HeaderMap, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use verigator_server::{
    config::Limits,
    http::{Operation, gather},
    sandbox::{Sandbox, SandboxBuilder},
};

/// As the documents say: 201 for what was created or started, `method` required to verify, JSON
/// asked for by name where they require it.
pub fn documents() -> SandboxBuilder {
    Sandbox::builder().wrap(|router: Router| router.layer(middleware::from_fn(to_the_letter)))
}

/// As the Java and Python clients need it: 200 for what was created or started, and nothing but a
/// token to verify.
pub fn old_clients() -> SandboxBuilder {
    Sandbox::builder().wrap(|router: Router| router.layer(middleware::from_fn(as_of_old)))
}

async fn to_the_letter(request: Request, next: Next) -> Response {
    let operation = Operation::of(request.method(), request.uri().path());
    let states_its_type = matches!(
        operation,
        Some(Operation::ServicesCreate | Operation::UsersCreate | Operation::AuthVerify)
    );
    if states_its_type && !speaks_json(request.headers()) {
        return refused("Content-Type and Accept must be application/json");
    }
    let request = match operation {
        Some(Operation::AuthVerify) => match with_method(request).await {
            Ok(request) => request,
            Err(response) => return response,
        },
        _ => request,
    };
    let mut response = without_idempotency(request, next).await;
    if starts_something(operation) && response.status().is_success() {
        *response.status_mut() = StatusCode::CREATED;
    }
    response
}

async fn as_of_old(request: Request, next: Next) -> Response {
    let operation = Operation::of(request.method(), request.uri().path());
    let mut response = without_idempotency(request, next).await;
    if starts_something(operation) && response.status().is_success() {
        *response.status_mut() = StatusCode::OK;
    }
    response
}

fn starts_something(operation: Option<Operation>) -> bool {
    matches!(
        operation,
        Some(Operation::ServicesCreate | Operation::UsersCreate | Operation::AuthInitiate)
    )
}

/// The hosted service knew no keys: neither are they looked at, nor does the answer say so.
async fn without_idempotency(mut request: Request, next: Next) -> Response {
    request.headers_mut().remove("idempotency-key");
    let mut response = next.run(request).await;
    response.headers_mut().remove("verigator-idempotency");
    response
}

fn speaks_json(headers: &HeaderMap) -> bool {
    [header::CONTENT_TYPE, header::ACCEPT].iter().all(|name| {
        headers
            .get(name)
            .is_some_and(|value| value == "application/json")
    })
}

/// The same request, when its body names a method.
async fn with_method(request: Request) -> Result<Request, Response> {
    let (parts, bytes) = gather(request, &Limits::default())
        .await
        .map_err(IntoResponse::into_response)?;
    let body: Option<Value> = serde_json::from_slice(&bytes).ok();
    match body.as_ref().and_then(|it| it.get("method")?.as_str()) {
        Some("sms" | "totp") => Ok(Request::from_parts(parts, Body::from(bytes))),
        _ => Err(refused("method is required: sms or totp")),
    }
}

fn refused(message: &str) -> Response {
    let body = Json(json!({"message": message}));
    (StatusCode::UNPROCESSABLE_ENTITY, body).into_response()
}
