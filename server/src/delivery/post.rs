//! A message as one POST to a provider, and what a lost answer or a status says of it. Knows no
//! provider's fields.

use std::time::Duration;

use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use serde::Serialize;
use verigator::outbound::{Outbound, Reply};

use super::{DeliveryError, Reason, SetupError, round::ATTEMPT};

/// How long one answer may take, with the connection: over before the courier gives up, which
/// knows less of what happened.
const LIMIT: Duration = Duration::from_secs(9);
const _: () = assert!(LIMIT.as_millis() < ATTEMPT.as_millis());

/// Far above any provider's answer. What is larger counts as unreadable.
const LARGEST_ANSWER: usize = 64 * 1024;

/// Where messages are posted to.
pub(super) struct Post {
    provider: &'static str,
    outbound: Outbound,
}

impl Post {
    pub(super) fn to(provider: &'static str, url: &str) -> Result<Self, SetupError> {
        let outbound = Outbound::to(url).map_err(|error| SetupError::Url {
            provider,
            why: error.to_string(),
        })?;
        Ok(Self { provider, outbound })
    }

    /// The bytes of a body, as the provider gets them.
    pub(super) fn write(&self, body: &impl Serialize) -> Result<Vec<u8>, DeliveryError> {
        let written = serde_json::to_vec(body);
        written.map_err(|_| DeliveryError::Refused(self.reason("it cannot be written as JSON")))
    }

    /// Posts a body of JSON once. An answer of any status is one.
    pub(super) async fn send(
        &self,
        header: (HeaderName, HeaderValue),
        body: Vec<u8>,
    ) -> Result<Reply, DeliveryError> {
        let json = HeaderValue::from_static("application/json");
        let own = concat!("verigator-server/", env!("CARGO_PKG_VERSION"));
        let headers = HeaderMap::from_iter([
            header,
            (USER_AGENT, HeaderValue::from_static(own)),
            (ACCEPT, json.clone()),
            (CONTENT_TYPE, json),
        ]);
        let posted = (self.outbound).post(headers, body, LIMIT, LARGEST_ANSWER);
        posted.await.map_err(|lost| {
            let reason = self.reason(lost.what);
            if lost.may_have_arrived {
                DeliveryError::Unknown(reason)
            } else {
                DeliveryError::Failed(reason)
            }
        })
    }

    /// What a status other than 2xx says: the message was not taken.
    pub(super) fn refusal(&self, status: u16, what: Option<&'static str>) -> DeliveryError {
        let reason = Reason::status(self.provider, status, what);
        match status {
            408 | 425 | 429 | 500.. => DeliveryError::Failed(reason),
            _ => DeliveryError::Refused(reason),
        }
    }

    pub(super) fn reason(&self, what: &'static str) -> Reason {
        Reason::new(self.provider, what)
    }
}

/// Whether a status is a success.
pub(super) fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}
