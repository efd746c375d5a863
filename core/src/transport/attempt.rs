//! One attempt: a request goes out once, and either an answer comes back whole or the failure says
//! whether the request may have arrived. Never sends twice and never follows a redirect.

use std::convert::Infallible;
use std::error::Error as StdError;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use http_body::{Body, Frame, SizeHint};
use rustls::ClientConfig;
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::config::{Proxy, Settings};
use crate::error::{Error, ErrorKind, Result};
use crate::secret::SecretBody;
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

/// A pool of connections. Belongs to the runtime it is first used on.
pub(crate) struct Http(reqwest::Client);

/// An answer that says what became of the request.
pub(crate) struct RawAnswer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Of a refusal; it is empty then, as one that was too large is.
    pub(crate) body_was_cut: bool,
}

/// An attempt without a whole answer.
pub(crate) struct Failure {
    pub(crate) kind: ErrorKind,
    pub(crate) message: &'static str,
    /// Whether the request may have reached the server.
    pub(crate) may_have_arrived: bool,
    /// Whether another attempt can end differently. A refused certificate will be refused again.
    pub(crate) may_pass: bool,
    /// The status of an answer whose body was refused, else 0.
    pub(crate) code: u16,
    pub(crate) source: Option<reqwest::Error>,
}

/// What an attempt brought back. The body may have been lost when the head was not.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    headers: HeaderMap,
    pub(crate) body: Result<Bytes, Broken>,
    /// Whether the request was handed over before the answer ended: some servers answer first.
    may_have_arrived: bool,
}

impl Connections {
    pub(crate) fn new(settings: Arc<Settings>) -> Result<Self> {
        let http = Http::new(
            &*settings.tls()?,
            &settings.proxy,
            settings.connect_timeout,
            settings.pool_idle_timeout,
        )?;
        Ok(Self { http, settings })
    }

    /// Sends the request once and waits at most `limit` for the whole answer.
    pub(crate) async fn attempt(
        &self,
        request: &Request,
        key: Option<&HeaderValue>,
        limit: Duration,
    ) -> Result<RawAnswer, Failure> {
        let url = format!("{}{}", self.settings.endpoint.base(), request.path);
        let outgoing = (self.http.0)
            .request(request.method.clone(), url)
            .headers(self.headers(request, key));
        let body = request.body.as_ref().map(SecretBody::bytes);
        let reply = Http::send(outgoing, body, limit, LARGEST_ANSWER).await?;
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
        let mut headers = HeaderMap::with_capacity(5);
        headers.insert(AUTH, self.settings.auth.clone());
        headers.insert(http::header::USER_AGENT, self.settings.user_agent.clone());
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

impl Http {
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    pub(crate) fn new(
        tls: &ClientConfig,
        proxy: &Proxy,
        connect_timeout: Duration,
        pool_idle_timeout: Duration,
    ) -> Result<Self> {
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls.clone())
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(connect_timeout)
            .pool_idle_timeout(pool_idle_timeout);
        builder = match proxy {
            Proxy::Environment => builder,
            Proxy::None => builder.no_proxy(),
            Proxy::Url(proxy) => builder.no_proxy().proxy((**proxy).clone()),
        };
        let http = builder.build().map_err(|error| {
            Error::configuration("the HTTP client could not be made").caused_by(error.without_url())
        })?;
        Ok(Self(http))
    }

    /// A POST that is not sent yet.
    pub(crate) fn post(&self, url: Url, headers: HeaderMap) -> reqwest::RequestBuilder {
        self.0.post(url).headers(headers)
    }

    /// Sends a request once, waits at most `limit` for the whole answer and takes at most
    /// `largest` bytes of it.
    pub(crate) async fn send(
        outgoing: reqwest::RequestBuilder,
        body: Option<Bytes>,
        limit: Duration,
        largest: usize,
    ) -> Result<Reply, Failure> {
        let until = Instant::now() + limit;
        let handed_over = Arc::new(AtomicBool::new(false));
        let has_body = body.is_some();
        // Without a body nothing tells when the request left, so it counts as gone once connected.
        let may_have_arrived = |connected: bool| {
            if has_body {
                handed_over.load(Ordering::Acquire)
            } else {
                connected
            }
        };
        let outgoing = match body {
            Some(body) => outgoing.body(reqwest::Body::wrap(WatchedBody {
                rest: Some(body),
                handed_over: handed_over.clone(),
            })),
            None => outgoing,
        };
        let mut response = match timeout_at(until, outgoing.send()).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => {
                let arrived = may_have_arrived(!error.is_connect());
                return Err(Failure::from_transport(error.without_url(), arrived));
            }
            Err(_elapsed) => return Err(Failure::late(may_have_arrived(true))),
        };
        let headers = std::mem::take(response.headers_mut());
        let body = timeout_at(until, read_body(&mut response, largest)).await;
        Ok(Reply {
            status: response.status(),
            headers,
            body: body.unwrap_or(Err(Broken::Late)),
            may_have_arrived: may_have_arrived(true),
        })
    }
}

async fn read_body(response: &mut reqwest::Response, largest: usize) -> Result<Bytes, Broken> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > largest {
            return Err(Broken::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Bytes::from(body))
}

/// Why an answer that had begun is not whole.
pub(crate) enum Broken {
    Transport(reqwest::Error),
    TooLarge,
    Late,
}

impl Broken {
    fn into_failure(self, status: StatusCode, may_have_arrived: bool) -> Failure {
        match self {
            Self::Transport(error) => {
                Failure::from_transport(error.without_url(), may_have_arrived)
            }
            Self::TooLarge => Failure::too_large(status),
            Self::Late => Failure::late(may_have_arrived),
        }
    }
}

impl From<reqwest::Error> for Broken {
    fn from(error: reqwest::Error) -> Self {
        Self::Transport(error)
    }
}

impl Failure {
    fn from_transport(error: reqwest::Error, may_have_arrived: bool) -> Self {
        let refused_certificate = matches!(
            cause::<rustls::Error>(&error),
            Some(rustls::Error::InvalidCertificate(_))
        );
        let refused_stream = cause::<h2::Error>(&error).is_some_and(was_not_processed);
        let (kind, message) = if refused_certificate {
            (
                ErrorKind::Connection,
                "the server's certificate was refused",
            )
        } else if error.is_timeout() {
            (
                ErrorKind::Timeout,
                "the server could not be reached in time",
            )
        } else if error.is_connect() {
            (ErrorKind::Connection, "the server could not be reached")
        } else {
            (
                ErrorKind::Connection,
                "the connection broke before the answer was complete",
            )
        };
        Self {
            kind,
            message,
            may_have_arrived: may_have_arrived && !refused_certificate && !refused_stream,
            may_pass: !refused_certificate,
            code: 0,
            source: Some(error),
        }
    }

    fn late(may_have_arrived: bool) -> Self {
        Self {
            kind: ErrorKind::Timeout,
            message: "the server did not answer in time",
            may_have_arrived,
            may_pass: true,
            code: 0,
            source: None,
        }
    }

    fn too_large(status: StatusCode) -> Self {
        Self {
            kind: ErrorKind::InvalidResponse,
            message: "the answer is larger than 1 MiB",
            may_have_arrived: true,
            may_pass: false,
            code: status.as_u16(),
            source: None,
        }
    }
}

/// Whether an HTTP/2 server said that it did nothing with the request: it refused the stream, or is
/// about to stop and had not begun with it. RFC 9113, section 8.7.
fn was_not_processed(error: &h2::Error) -> bool {
    error.is_remote()
        && match error.reason() {
            Some(h2::Reason::REFUSED_STREAM) => error.is_reset(),
            Some(h2::Reason::NO_ERROR) => error.is_go_away(),
            _ => false,
        }
}

/// What is at the bottom of an error, when it is of this type. TLS errors arrive wrapped in I/O
/// errors, whose payload is not among their sources.
fn cause<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = match error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref)
        {
            Some(payload) => Some(payload as &(dyn StdError + 'static)),
            None => error.source(),
        };
    }
    None
}

/// Notes when the connection takes the body. That moment, not any error's kind, separates "the
/// server can't have seen it" from "it may have".
struct WatchedBody {
    rest: Option<Bytes>,
    handed_over: Arc<AtomicBool>,
}

impl Body for WatchedBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.handed_over.store(true, Ordering::Release);
        Poll::Ready(self.rest.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}

/// Whether requests of this method carry an idempotency key.
pub(crate) fn takes_key(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT)
}
