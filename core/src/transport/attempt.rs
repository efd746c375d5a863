//! One attempt: a request goes out once, and either an answer comes back whole or the failure says
//! whether the request may have arrived.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use http::{Method, StatusCode, Uri};

use crate::config::Settings;
use crate::error::Result;
use crate::secret::SecretBody;
use crate::transport::exchange::{Broken, Http, Outgoing};
use crate::transport::failure::Failure;
use crate::transport::request::Request;

const AUTH: HeaderName = HeaderName::from_static("x-service-auth");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// Far above any answer of the contract; a larger one is a mistake or an attack.
const LARGEST_ANSWER: usize = 1024 * 1024;

/// A pool of connections with the client's settings. Belongs to the runtime it is first used on.
pub(crate) struct Connections {
    http: Http,
    pub(crate) settings: Arc<Settings>,
}

/// An answer that says what became of the request.
pub(crate) struct RawAnswer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Of a refusal; it is empty then, as one that was too large is.
    pub(crate) body_was_cut: bool,
}

impl Connections {
    pub(crate) fn new(settings: Arc<Settings>) -> Result<Self> {
        let http = Http::new(
            settings.endpoint.uri().clone(),
            &settings.proxy,
            settings.tls()?,
            settings.connect_timeout,
            settings.pool_idle_timeout,
        )?;
        Ok(Self { http, settings })
    }

    /// Sends the request once and waits at most `limit` for the whole answer.
    pub(crate) async fn attempt(
        &self,
        request: &Request,
        path: &Uri,
        key: Option<&HeaderValue>,
        limit: Duration,
    ) -> Result<RawAnswer, Failure> {
        let outgoing = Outgoing {
            method: request.method.clone(),
            path: path.clone(),
            headers: self.headers(request, key),
            body: request.body.as_ref().map(SecretBody::bytes),
        };
        let reply = self.http.send(outgoing, limit, LARGEST_ANSWER).await?;
        let (body, body_was_cut) = match reply.body {
            Ok(body) => (body, false),
            // A refusal is one whatever its body: its status says what it is.
            Err(Broken::Transport(_)) if !reply.status.is_success() => (Bytes::new(), true),
            Err(Broken::TooLarge) if !reply.status.is_success() => (Bytes::new(), false),
            Err(broken) => return Err(broken.into_failure(reply.status, reply.may_have_arrived)),
        };
        Ok(RawAnswer {
            status: reply.status,
            headers: reply.headers,
            body,
            body_was_cut,
        })
    }

    fn headers(&self, request: &Request, key: Option<&HeaderValue>) -> HeaderMap {
        // With room for those that the connection adds.
        let mut headers = HeaderMap::with_capacity(6);
        headers.insert(AUTH, self.settings.auth.clone());
        headers.insert(USER_AGENT, self.settings.user_agent.clone());
        headers.insert(ACCEPT, JSON);
        if let Some(key) = key {
            headers.insert(IDEMPOTENCY_KEY, key.clone());
        }
        if request.body.is_some() {
            headers.insert(CONTENT_TYPE, JSON);
        }
        headers
    }
}

/// Whether requests of this method carry an idempotency key.
pub(crate) fn takes_key(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT)
}
