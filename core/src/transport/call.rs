//! One call: as many attempts as the retry table and the deadline allow, and one answer or one
//! error that tells the whole story.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use tracing::debug;
use uuid::Uuid;

use crate::config::{CallOptions, Idempotency, Settings};
use crate::error::{Error, ErrorKind, Outcome, Result};
use crate::started::Started;
use crate::transport::attempt::{Connections, RawAnswer, takes_key};
use crate::transport::failure::Failure;
use crate::transport::key::new_key;
use crate::transport::request::{Effect, Request};
use crate::transport::retry::{LONGEST_WAIT, Setback, backoff, retry_after};
use crate::transport::status::Refusal;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const IDEMPOTENCY: HeaderName = HeaderName::from_static("verigator-idempotency");
const DEPRECATED_HINT: &str = ". The hosted service at api.verigator.com is deprecated: run your own \
     with `verigator serve`, and pass its address as `endpoint` or in VERIGATOR_ENDPOINT";

/// What every resource calls through. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Client {
    shared: Arc<Shared>,
    options: CallOptions,
}

struct Shared {
    connections: Connections,
    started: Arc<Started>,
}

/// A success.
pub(crate) struct Answer {
    operation: &'static str,
    attempts: u32,
    raw: RawAnswer,
}

/// One attempt that did not succeed, with everything the next step depends on.
pub(super) struct Miss {
    setback: Setback,
    error: Error,
    wait: Option<Duration>,
    status: Option<StatusCode>,
    /// The server says this of the key, and so of all attempts with it.
    is_about_key: bool,
}

impl Client {
    pub(crate) fn new(connections: Connections, started: Arc<Started>) -> Self {
        let shared = Shared {
            connections,
            started,
        };
        Self {
            shared: Arc::new(shared),
            options: CallOptions::default(),
        }
    }

    pub(crate) fn with(&self, options: CallOptions) -> Self {
        Self {
            shared: self.shared.clone(),
            options,
        }
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.shared.connections.settings
    }

    /// What this client started.
    pub(crate) fn started(&self) -> &Started {
        &self.shared.started
    }

    pub(crate) async fn call(&self, request: &Request) -> Result<Answer> {
        // Turns the runtime's driver once, so that a kept connection which the server has closed
        // since is seen to be closed before a request is written to it.
        tokio::task::yield_now().await;
        // Boxed: it is large, and each caller that carried it about would copy it.
        Box::pin(self.attempts(request))
            .await
            .map_err(|error| error.operation_is(request.operation))
    }

    async fn attempts(&self, request: &Request) -> Result<Answer> {
        self.options.check()?;
        let settings = self.settings();
        let timeout = self.options.timeout.unwrap_or(settings.timeout);
        let deadline = Instant::now() + self.options.deadline.unwrap_or(settings.deadline);
        let max_retries = self.options.max_retries.unwrap_or(settings.max_retries);
        let path = settings.endpoint.path(&request.path)?;
        let key = self.key_for(&request.method)?;
        let mut attempts = 0;
        let mut may_have_acted = false;
        loop {
            attempts += 1;
            let left = deadline.saturating_duration_since(Instant::now());
            let result = self
                .shared
                .connections
                .attempt(request, &path, key.as_ref(), timeout.min(left))
                .await;
            let mut miss = match result {
                Ok(raw) => {
                    self.learn_from(&raw.headers);
                    debug!(
                        operation = request.operation,
                        attempt = attempts,
                        status = raw.status.as_u16(),
                        "answered"
                    );
                    if raw.status.is_success() {
                        return Ok(Answer {
                            operation: request.operation,
                            attempts,
                            raw,
                        });
                    }
                    Miss::refused(&raw, key.is_some(), |text| {
                        settings.is_betrayed_by(text) || request.is_betrayed_by(text)
                    })
                }
                Err(failure) => {
                    debug!(
                        operation = request.operation,
                        attempt = attempts,
                        kind = failure.kind.word(),
                        "no answer"
                    );
                    Miss::broken(failure, settings.endpoint.is_default)
                }
            };
            // The thing is gone, and an earlier attempt of ours may be what removed it.
            if may_have_acted
                && request.method == Method::DELETE
                && miss.status == Some(StatusCode::NOT_FOUND)
            {
                let raw = RawAnswer {
                    status: StatusCode::ACCEPTED,
                    headers: HeaderMap::new(),
                    body: bytes::Bytes::new(),
                    body_was_cut: false,
                };
                return Ok(Answer {
                    operation: request.operation,
                    attempts,
                    raw,
                });
            }
            let in_force = key.is_some() && settings.idempotency_in_force();
            let earlier_is_unknown = may_have_acted && !miss.is_about_key;
            may_have_acted |= miss.setback == Setback::Ambiguous;
            let left = deadline.saturating_duration_since(Instant::now());
            let wait = miss.next_wait(request.effect, in_force, attempts - 1, max_retries, left)?;
            let Some(wait) = wait else {
                if earlier_is_unknown {
                    miss.error = miss.error.outcome_is(Outcome::Unknown);
                }
                return Err(miss.into_error(request.effect, attempts));
            };
            tokio::time::sleep(wait).await;
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "keys are in the order of their time"
    )]
    fn key_for(&self, method: &Method) -> Result<Option<HeaderValue>> {
        if !takes_key(method) || self.settings().idempotency == Idempotency::Off {
            return Ok(None);
        }
        let key = new_key(SystemTime::now());
        HeaderValue::from_str(key.hyphenated().encode_lower(&mut Uuid::encode_buffer()))
            .map(Some)
            .map_err(|error| Error::bug("an idempotency key could not be written").caused_by(error))
    }

    fn learn_from(&self, headers: &HeaderMap) {
        if key_is_honoured(headers) {
            self.settings().note_keys_are_honoured();
        }
    }
}

fn key_is_honoured(headers: &HeaderMap) -> bool {
    headers
        .get(IDEMPOTENCY)
        .is_some_and(|value| value == "honoured")
}

fn request_id(headers: &HeaderMap) -> Option<String> {
    headers.get(REQUEST_ID)?.to_str().ok().map(str::to_owned)
}

impl Miss {
    #[expect(clippy::disallowed_methods, reason = "Retry-After may be a date")]
    pub(super) fn refused(raw: &RawAnswer, keyed: bool, is_secret: impl Fn(&str) -> bool) -> Self {
        let wait = retry_after(&raw.headers, SystemTime::now());
        let refusal = Refusal::read(raw, wait, keyed, is_secret);
        Self {
            setback: refusal.setback,
            wait,
            status: Some(refusal.status),
            is_about_key: refusal.follows_key() && key_is_honoured(&raw.headers),
            error: refusal
                .into_error()
                .retry_after_is(wait)
                .request_id_is(request_id(&raw.headers)),
        }
    }

    fn broken(failure: Failure, endpoint_is_default: bool) -> Self {
        let setback = match (failure.may_have_arrived, failure.may_pass) {
            (_, false) => Setback::Final,
            (false, true) => Setback::NotSent,
            (true, true) => Setback::Ambiguous,
        };
        let outcome = match (failure.may_have_arrived, failure.code) {
            (false, _) => Outcome::NotSent,
            (true, 0) => Outcome::Unknown,
            (true, _) => Outcome::Accepted,
        };
        let mut error = Error::new(failure.kind, failure.message)
            .code_is(failure.code)
            .outcome_is(outcome);
        if let Some(source) = failure.source {
            error = error.caused_by(source);
        }
        if endpoint_is_default && !failure.may_have_arrived {
            error = error.with_hint(DEPRECATED_HINT);
        }
        Self {
            setback,
            error,
            wait: None,
            status: None,
            is_about_key: false,
        }
    }

    /// How long to wait before the next attempt, or `None` when there is to be none.
    fn next_wait(
        &self,
        effect: Effect,
        key_in_force: bool,
        retries: u32,
        max_retries: u32,
        left: Duration,
    ) -> Result<Option<Duration>> {
        if retries >= max_retries || !self.setback.is_retried(effect, key_in_force) {
            return Ok(None);
        }
        let wait = match self.wait {
            Some(wait) if wait > LONGEST_WAIT => return Ok(None),
            Some(wait) => wait,
            None => backoff(
                retries,
                getrandom::u32()
                    .map_err(|error| Error::bug("no random numbers").caused_by(error))?,
            ),
        };
        Ok((wait < left).then_some(wait))
    }

    pub(super) fn into_error(self, effect: Effect, attempts: u32) -> Error {
        let declined = self.setback == Setback::Declined || self.wait.is_some();
        let safe = match (self.setback, self.error.outcome()) {
            (Setback::NotSent, Outcome::NotSent) => true,
            (Setback::NotSent | Setback::Ambiguous, _) => effect == Effect::Repeatable,
            (_, Outcome::Rejected) => declined,
            (_, Outcome::Unknown) => declined && effect == Effect::Repeatable,
            _ => false,
        };
        self.error.attempts_are(attempts).safe_to_retry_is(safe)
    }
}

impl Answer {
    #[cfg(any(test, fuzzing))]
    pub(super) fn of(operation: &'static str, raw: RawAnswer) -> Self {
        Self {
            operation,
            attempts: 1,
            raw,
        }
    }

    /// The body, which must be a JSON object of this form.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T> {
        // Where the parser skips a text it would also skip what is not UTF-8, and so no JSON.
        let text = str::from_utf8(&self.raw.body).unwrap_or_default();
        // A list would do for a struct with as many fields; the contract has only objects.
        if !text.trim_ascii_start().starts_with('{') {
            return Err(self.error(
                ErrorKind::InvalidResponse,
                "the answer is not a JSON object",
            ));
        }
        serde_json::from_str(text).map_err(|error| {
            // The text of a data error can quote the body, so only its place is kept.
            let message = format!(
                "the answer is not what {} returns (line {}, column {})",
                self.operation,
                error.line(),
                error.column()
            );
            self.error(ErrorKind::InvalidResponse, message)
        })
    }

    /// The body of an answer that has nothing to say: a JSON object, or nothing at all.
    pub(crate) fn nothing(&self) -> Result<()> {
        if self.raw.body.is_empty() {
            return Ok(());
        }
        self.json::<serde_json::Map<String, serde_json::Value>>()
            .map(drop)
    }

    /// An error about this answer: the server acted, and what it said of that is not usable, or not
    /// what the caller asked for.
    pub(crate) fn error(&self, kind: ErrorKind, message: impl Into<String>) -> Error {
        Error::new(kind, message)
            .code_is(self.raw.status.as_u16())
            .operation_is(self.operation)
            .attempts_are(self.attempts)
            .request_id_is(request_id(&self.raw.headers))
            .outcome_is(Outcome::Accepted)
    }
}
