//! How long a call takes: never longer than its deadline, never shorter than the server asked.

use std::{
    future::{pending, ready},
    time::{Duration, Instant, SystemTime},
};

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{Request, StatusCode};
use tokio::runtime::Handle;
use verigator::{Api, ApiBuilder, CallOptions, Error, ErrorKind, Outcome, Result};
use verigator_tests::faults::CountingServer;

use crate::deeds::{Client, Deed, Done, Task};

/// What a loaded machine may add to any time.
const SLACK: Duration = Duration::from_millis(400);

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A server that never gets round to an answer.
fn silent() -> CountingServer {
    CountingServer::start(&Handle::current(), |_, _| pending()).unwrap()
}

/// A server that has something else to say first, as often as it is told.
fn busy(times: usize, status: u16, retry_after: Option<String>) -> CountingServer {
    let answer = move |number, _: Request<Bytes>| {
        let response = if number < times {
            refusal(status, retry_after.as_deref())
        } else {
            let service = r#"{"id":"s-1","ctime":"2017-09-15T06:44:15.274438","name":"Shop"}"#;
            service.into_response()
        };
        ready(Ok(response))
    };
    CountingServer::start(&Handle::current(), answer).unwrap()
}

fn refusal(status: u16, retry_after: Option<&str>) -> Response {
    let mut response = StatusCode::from_u16(status).unwrap().into_response();
    if let Some(text) = retry_after {
        response
            .headers_mut()
            .insert("retry-after", text.parse().unwrap());
    }
    response
}

fn builder(server: &CountingServer) -> ApiBuilder {
    Api::builder("test", "test").endpoint(server.url())
}

/// What a call came to, and how long it took.
async fn timed(builder: ApiBuilder, deed: Deed) -> (Result<Done>, Duration) {
    let client = Client::of(builder, false);
    let began = Instant::now();
    let result = client.perform(&Task::made_up(deed)).await;
    (result, began.elapsed())
}

async fn failed(builder: ApiBuilder, deed: Deed) -> (Error, Duration) {
    let (result, took) = timed(builder, deed).await;
    (result.unwrap_err(), took)
}

fn assert_within(took: Duration, least: Duration, most: Duration) {
    assert!(took >= least && took <= most + SLACK, "{took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_deadline_holds_over_all_attempts_and_waits() {
    for is_blocking in [false, true] {
        for deed in [Deed::ServicesGet, Deed::Initiate, Deed::TotpRemove] {
            let server = silent();
            let patient = builder(&server).deadline(ms(700));
            let client = Client::of(patient, is_blocking);
            let began = Instant::now();
            let error = client.perform(&Task::made_up(deed)).await.unwrap_err();
            assert_within(began.elapsed(), ms(700), ms(700));
            assert_eq!(error.kind(), ErrorKind::Timeout);
            assert_eq!(error.outcome(), Outcome::Unknown);
            assert_eq!((error.attempts(), server.requests()), (1, 1), "{deed:?}");
        }
    }

    // Attempts of 300 ms with waits of about 450 and 900 between them.
    let server = silent();
    let hasty = builder(&server).timeout(ms(300)).deadline(ms(1300));
    let (error, took) = failed(hasty, Deed::ServicesGet).await;
    assert_within(took, ms(900), ms(1300));
    assert_eq!((error.attempts(), server.requests()), (2, 2));

    // The same for one call of a patient client.
    let server = silent();
    let options = CallOptions::new().timeout(ms(300)).deadline(ms(1300));
    let api = builder(&server).build().unwrap().with(options);
    let began = Instant::now();
    let error = api.services.get("s-1").await.unwrap_err();
    assert_within(began.elapsed(), ms(900), ms(1300));
    assert_eq!(error.attempts(), 2);
}

/// A wait that would take the call past its deadline is not begun: its end is known already.
#[tokio::test]
async fn no_wait_is_begun_that_would_overrun_the_deadline() {
    for (status, retry_after) in [(503, Some("5")), (429, Some("5")), (500, Some("5"))] {
        let server = busy(9, status, retry_after.map(str::to_owned));
        let client = builder(&server).deadline(ms(3000));
        let (error, took) = failed(client, Deed::ServicesGet).await;
        assert_within(took, ms(0), ms(0));
        assert_eq!((error.code(), error.attempts()), (status, 1));
        assert_eq!(error.retry_after(), Some(Duration::from_secs(5)));
        assert!(error.safe_to_retry());
    }
    let server = busy(9, 503, None);
    let (error, took) = failed(builder(&server).deadline(ms(200)), Deed::ServicesGet).await;
    assert_within(took, ms(0), ms(0));
    assert_eq!(error.attempts(), 1);
}

#[tokio::test]
async fn the_waits_grow() {
    let server = busy(9, 500, None);
    let (error, _) = failed(builder(&server), Deed::ServicesGet).await;
    assert_eq!(error.attempts(), 3);
    let seen = server.seen();
    let waits = [seen[1].at - seen[0].at, seen[2].at - seen[1].at];
    assert_within(waits[0], ms(375), ms(500));
    assert_within(waits[1], ms(750), ms(1000));
}

#[tokio::test]
async fn what_the_server_asks_is_waited_for() {
    let server = busy(1, 429, Some("1".to_owned()));
    let (result, took) = timed(builder(&server), Deed::ServicesGet).await;
    result.unwrap();
    assert_within(took, ms(1000), ms(1000));

    // A date has whole seconds only: this one is between one and two away.
    let date = httpdate::fmt_http_date(now() + Duration::from_secs(2));
    let server = busy(1, 503, Some(date));
    let (result, took) = timed(builder(&server), Deed::ServicesCreate).await;
    result.unwrap();
    assert_within(took, ms(950), ms(2000));

    let past = httpdate::fmt_http_date(now() - Duration::from_hours(1));
    let server = busy(1, 503, Some(past));
    let (result, took) = timed(builder(&server), Deed::ServicesGet).await;
    result.unwrap();
    assert_within(took, ms(0), ms(0));
}

/// Whoever calls decides about more than a minute.
#[tokio::test]
async fn a_long_wait_is_not_begun() {
    let in_an_hour = httpdate::fmt_http_date(now() + Duration::from_hours(1));
    for text in ["61", "86400", "99999999999999999999", in_an_hour.as_str()] {
        for status in [408, 425, 429, 500, 503] {
            let server = busy(9, status, Some(text.to_owned()));
            let client = builder(&server).deadline(Duration::from_hours(8000));
            let (error, took) = failed(client, Deed::ServicesGet).await;
            assert_within(took, ms(0), ms(0));
            assert_eq!((error.attempts(), error.code()), (1, status), "{text}");
            let wait = error.retry_after().unwrap();
            assert!(wait > Duration::from_mins(1), "{text}: {wait:?}");
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "Retry-After is of the real time")]
fn now() -> SystemTime {
    SystemTime::now()
}
