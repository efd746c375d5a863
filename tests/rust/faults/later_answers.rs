//! What an answer says of the attempts before it: with a key a server may mean all of them, but not
//! with every answer.

use std::future::ready;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{Request, StatusCode};
use tokio::runtime::Handle;
use verigator::{Api, ErrorKind, Idempotency, Outcome, Result};
use verigator_tests::faults::{CountingServer, Cut, CuttingProxy, Direction, How};

use crate::deeds::{Client, Deed, Done, Task};

const HONOURED: (&str, &str) = ("verigator-idempotency", "honoured");
const AT_ONCE: (&str, &str) = ("retry-after", "0");
const AT_WORK: &str = r#"{"message":"still at it","code":"idempotency_in_progress"}"#;

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
    let mut response = (StatusCode::from_u16(status).unwrap(), body.to_owned()).into_response();
    for (name, value) in headers {
        let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}

async fn initiate(url: String, idempotency: Idempotency) -> Result<Done> {
    let builder = Api::builder("test", "test")
        .endpoint(url)
        .idempotency(idempotency);
    let client = Client::of(builder, false);
    client.perform(&Task::made_up(Deed::Initiate)).await
}

/// The first attempt may have sent a message. What comes then is about it only when the server has
/// looked at the key.
#[tokio::test]
async fn a_later_refusal_speaks_of_the_first_attempt_only_when_it_is_about_the_key() {
    let about_the_key = [400, 403, 404, 409, 422];
    // Wrong credentials, a request that came too slowly or is too long, and too many of them: all of
    // that comes before the key.
    let before_the_key = [401, 408, 413, 425, 429];
    for status in about_the_key.into_iter().chain(before_the_key) {
        for is_honoured in [false, true] {
            let later: &[_] = if is_honoured { &[HONOURED] } else { &[] };
            let later = later.to_vec();
            let server = CountingServer::start(&Handle::current(), move |number, _| {
                ready(Ok(if number == 0 {
                    answer(500, &[AT_ONCE], "{}")
                } else {
                    answer(status, &later, "{}")
                }))
            })
            .unwrap();
            let error = initiate(server.url(), Idempotency::On).await.unwrap_err();
            let shown = format!("{is_honoured} {error:?}");
            assert_eq!(error.code(), status, "{shown}");
            let expected = if is_honoured && about_the_key.contains(&status) {
                Outcome::Rejected
            } else {
                Outcome::Unknown
            };
            assert_eq!(error.outcome(), expected, "{shown}");
        }
    }
}

/// That an earlier attempt is still at work stands in the body.
#[tokio::test]
async fn a_conflict_that_was_cut_may_be_an_attempt_at_work() {
    for how in [How::Reset, How::Close] {
        let start = || {
            CountingServer::start(&Handle::current(), |number, _: Request<Bytes>| {
                ready(Ok(if number < 2 {
                    answer(409, &[HONOURED, AT_ONCE], AT_WORK)
                } else {
                    answer(201, &[HONOURED], r#"{"method":"sms"}"#)
                }))
            })
            .unwrap()
        };
        let whole = start();
        let proxy = CuttingProxy::start(&Handle::current(), whole.address(), None).unwrap();
        initiate(proxy.url(), Idempotency::Off).await.unwrap_err();
        let cut = Cut {
            direction: Direction::Answer,
            after: proxy.passed(Direction::Answer) - AT_WORK.len() / 2,
            how,
            times: 2,
        };
        let server = start();
        let proxy = CuttingProxy::start(&Handle::current(), server.address(), Some(cut)).unwrap();
        let done = initiate(proxy.url(), Idempotency::On).await;
        assert_eq!(
            done.unwrap(),
            Done::Started(verigator::Method::Sms),
            "{how:?}"
        );
        assert_eq!((proxy.cuts(), server.requests()), (2, 3), "{how:?}");

        let server = start();
        let proxy = CuttingProxy::start(&Handle::current(), server.address(), Some(cut)).unwrap();
        let error = initiate(proxy.url(), Idempotency::Off).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ResourceAlreadyExists, "{how:?}");
        assert_eq!((error.code(), error.attempts()), (409, 1), "{how:?}");
    }
}
