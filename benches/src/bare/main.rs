//! `bench-bare`: axum and nothing else, answering the bytes that the server answers to a start and
//! to a check. It reads each body and looks at none. Prints where it listens as one line of JSON,
//! and ends with its standard input.
#![forbid(unsafe_code)]

use std::{
    io::{self, Write},
    thread,
};

use axum::{
    Router,
    http::{HeaderName, StatusCode, header},
    response::{AppendHeaders, IntoResponse},
    routing::post,
};
use bytes::Bytes;
use serde_json::json;
use tokio::{
    net::TcpListener,
    sync::oneshot::{self, Sender},
};
use verigator_benches::flows::Failure;

/// What every answer of the server carries.
const STAMP: AppendHeaders<[(HeaderName, &str); 3]> = AppendHeaders([
    (header::CONTENT_TYPE, "application/json"),
    (
        HeaderName::from_static("x-request-id"),
        "81213bfd-b690-499e-b9d2-8754cb1550e8",
    ),
    (HeaderName::from_static("verigator-idempotency"), "honoured"),
]);

async fn start(_body: Bytes) -> impl IntoResponse {
    (StatusCode::CREATED, STAMP, r#"{"method":"sms"}"#)
}

async fn check(_body: Bytes) -> impl IntoResponse {
    (STAMP, r#"{"method":"sms","verified":true}"#)
}

/// As many threads as the server has.
#[tokio::main]
async fn main() -> Result<(), Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let mut out = io::stdout();
    writeln!(out, "{}", json!({ "address": listener.local_addr()? }))?;
    out.flush()?;
    let (ended, end) = oneshot::channel();
    thread::spawn(|| wait(ended));
    let path = "/v1/service/service/{sid}/users/{uid}/auth";
    let router = Router::new().route(path, post(start).put(check));
    let serving = axum::serve(listener, router).with_graceful_shutdown(async {
        // Fails when the thread panicked, which is an end as well.
        let _ = end.await;
    });
    Ok(serving.await?)
}

fn wait(ended: Sender<io::Result<u64>>) {
    let read = io::copy(&mut io::stdin().lock(), &mut io::sink());
    // Nobody waits any more once `main` has returned.
    let _ = ended.send(read);
}
