//! Answers without an end: read no further than 1 MiB, and never twice.

use std::{convert::Infallible, future::ready};

use axum::{
    body::{Body, Bytes},
    response::Response,
};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use tokio::runtime::Handle;
use verigator::{Api, ErrorKind, Idempotency, Outcome};
use verigator_tests::faults::{CountingServer, CuttingProxy, Direction};

use crate::deeds::{Client, Deed, Task};

/// What may be under way in sockets when the client has seen enough.
const UNDER_WAY: usize = 16 * 1024 * 1024;

/// Spaces, which could go before any JSON.
fn endless(status: u16) -> Response {
    let space = Bytes::from_static(&[b' '; 8 * 1024]);
    let spaces = std::iter::repeat_with(move || Ok::<_, Infallible>(Frame::data(space.clone())));
    let body = StreamBody::new(futures_util::stream::iter(spaces));
    let mut response = Response::new(Body::new(body.boxed_unsync()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endless_answer_is_given_up() {
    for (status, kind, outcome) in [
        (200, ErrorKind::InvalidResponse, Outcome::Accepted),
        (409, ErrorKind::ResourceAlreadyExists, Outcome::Rejected),
        (401, ErrorKind::WrongCredentials, Outcome::Rejected),
    ] {
        let answer = move |_, _: Request<Bytes>| ready(Ok(endless(status)));
        let server = CountingServer::start(&Handle::current(), answer).unwrap();
        for deed in [Deed::ServicesGet, Deed::VerifyRight, Deed::UsersDelete] {
            for is_blocking in [false, true] {
                let proxy = CuttingProxy::start(&Handle::current(), server.address(), None);
                let proxy = proxy.unwrap();
                let builder = Api::builder("test", "test")
                    .endpoint(proxy.url())
                    .idempotency(Idempotency::On);
                let client = Client::of(builder, is_blocking);
                let error = client.perform(&Task::made_up(deed)).await.unwrap_err();
                let shown = format!("{deed:?} {error:?}");
                assert_eq!(error.kind(), kind, "{shown}");
                assert_eq!(error.outcome(), outcome, "{shown}");
                assert_eq!((error.attempts(), error.code()), (1, status), "{shown}");
                assert_eq!(proxy.connections(), 1, "{shown}");
                assert!(proxy.passed(Direction::Answer) < UNDER_WAY, "{shown}");
            }
        }
    }
}
