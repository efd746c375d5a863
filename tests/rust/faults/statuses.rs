//! The retry table from outside: how often a request comes for each status, operation and mode.

use std::{collections::HashMap, future::ready};

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use tokio::{runtime::Handle, task::JoinSet};
use verigator::{Api, ErrorKind, Idempotency, Outcome};
use verigator_tests::faults::CountingServer;

use crate::deeds::{Client, Deed, Task};

const STATUSES: [u16; 20] = [
    300, 302, 304, 307, 400, 401, 403, 404, 408, 409, 410, 413, 418, 422, 425, 429, 500, 502, 503,
    504,
];

/// What a server always answers, and what the client believes of it.
#[derive(Clone, Copy, Debug)]
struct Setting {
    deed: Deed,
    status: u16,
    says_when: bool,
    idempotency: Idempotency,
    says_honoured: bool,
    max_retries: u32,
    is_blocking: bool,
}

/// The documents' table, written once more.
impl Setting {
    fn is_declined(self) -> bool {
        matches!(self.status, 408 | 425 | 429) || (self.status == 503 && self.says_when)
    }

    fn is_retried(self) -> bool {
        let carries_key = !self.deed.is_repeatable();
        let in_force = carries_key
            && match self.idempotency {
                Idempotency::On => true,
                Idempotency::Off => false,
                _ => self.says_honoured,
            };
        if self.is_declined() {
            in_force || !self.deed.authenticates()
        } else if self.status >= 500 {
            in_force || self.deed.is_repeatable()
        } else {
            false
        }
    }

    fn sends(self) -> usize {
        if self.is_retried() {
            self.max_retries as usize + 1
        } else {
            1
        }
    }

    fn outcome(self) -> Outcome {
        if self.status >= 500 && !self.is_declined() {
            Outcome::Unknown
        } else {
            Outcome::Rejected
        }
    }

    /// The path that tells the server what to answer.
    fn path(self, number: usize) -> String {
        let flag = |on, word| if on { word } else { "-" };
        format!(
            "/{}/{}/{}/{number}",
            self.status,
            flag(self.says_when, "when"),
            flag(self.says_honoured, "honoured")
        )
    }
}

/// Answers as its path says.
fn told(request: &Request<Bytes>) -> Response {
    let parts: Vec<&str> = request.uri().path().split('/').collect();
    let status = StatusCode::from_u16(parts[1].parse().unwrap()).unwrap();
    let mut headers = HeaderMap::new();
    if parts[2] == "when" {
        headers.insert("retry-after", HeaderValue::from_static("0"));
    }
    if parts[3] == "honoured" {
        let honoured = HeaderValue::from_static("honoured");
        headers.insert("verigator-idempotency", honoured);
    }
    (status, headers, r#"{"message":"as told"}"#).into_response()
}

fn settings() -> Vec<Setting> {
    let modes = [
        (Idempotency::Off, false),
        (Idempotency::Off, true),
        (Idempotency::On, false),
        (Idempotency::Auto, false),
        (Idempotency::Auto, true),
    ];
    let mut settings = Vec::new();
    for deed in Deed::ALL {
        for status in STATUSES {
            for says_when in [false, true] {
                for (idempotency, says_honoured) in modes {
                    for max_retries in [0, 1] {
                        settings.push(Setting {
                            deed,
                            status,
                            says_when,
                            idempotency,
                            says_honoured,
                            max_retries,
                            is_blocking: settings.len() % 16 == 0,
                        });
                    }
                }
            }
        }
    }
    settings
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_status_is_sent_as_often_as_the_table_says() {
    const AT_ONCE: usize = 200;
    let answer = |_, request: Request<Bytes>| ready(Ok(told(&request)));
    let server = CountingServer::start(&Handle::current(), answer).unwrap();
    let settings = settings();
    let mut gunners = JoinSet::new();
    for first in 0..AT_ONCE {
        let mine = settings.iter().copied().enumerate().skip(first);
        let mine = mine.step_by(AT_ONCE);
        let url = server.url();
        let mine: Vec<_> = mine.collect();
        gunners.spawn(async move {
            let mut errors = Vec::new();
            for (number, setting) in mine {
                let builder = Api::builder("test", "test")
                    .endpoint(format!("{url}{}", setting.path(number)))
                    .idempotency(setting.idempotency)
                    .max_retries(setting.max_retries);
                let client = Client::of(builder, setting.is_blocking);
                let result = client.perform(&Task::made_up(setting.deed)).await;
                errors.push((number, setting, result.unwrap_err()));
            }
            errors
        });
    }
    let mut came: HashMap<usize, usize> = HashMap::new();
    let errors = gunners.join_all().await;
    for seen in server.seen() {
        let number = seen.uri.path().split('/').nth(4).unwrap();
        *came.entry(number.parse().unwrap()).or_default() += 1;
    }
    for (number, setting, error) in errors.into_iter().flatten() {
        let shown = format!("{setting:?}: {error:?}");
        assert_eq!(came[&number], setting.sends(), "{shown}");
        assert_eq!(error.attempts() as usize, setting.sends(), "{shown}");
        assert_eq!(error.code(), setting.status, "{shown}");
        assert_eq!(error.outcome(), setting.outcome(), "{shown}");
    }
}

/// The credentials and the PIN would go along.
#[tokio::test]
async fn nobody_is_sent_elsewhere() {
    let nothing = |_, _: Request<Bytes>| ready(Ok(StatusCode::OK.into_response()));
    let elsewhere = CountingServer::start(&Handle::current(), nothing).unwrap();
    let target = HeaderValue::from_str(&format!("{}/v1", elsewhere.url())).unwrap();
    for status in [301, 302, 303, 307, 308] {
        let status = StatusCode::from_u16(status).unwrap();
        let target = target.clone();
        let answer = move |_, _: Request<Bytes>| {
            ready(Ok((status, [("location", target.clone())]).into_response()))
        };
        let server = CountingServer::start(&Handle::current(), answer).unwrap();
        for (number, deed) in Deed::ALL.into_iter().enumerate() {
            for is_blocking in [false, true] {
                let builder = Api::builder("test", "test")
                    .endpoint(server.url())
                    .idempotency(Idempotency::On);
                let client = Client::of(builder, is_blocking);
                let error = client.perform(&Task::made_up(deed)).await.unwrap_err();
                assert_eq!(
                    error.kind(),
                    ErrorKind::UnexpectedStatus,
                    "{deed:?} {status}"
                );
                assert_eq!(error.code(), status.as_u16());
                assert_eq!(error.outcome(), Outcome::Rejected);
                assert_eq!(error.attempts(), 1);
            }
            assert_eq!(server.requests(), 2 * (number + 1));
        }
    }
    assert_eq!(elsewhere.connections(), 0);
}
