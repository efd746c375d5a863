//! One request and its answer, over a kept connection or a new one. Never sends twice and never
//! follows a redirect. Knows nothing of what is asked or of what an answer means.

use std::error::Error as StdError;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{HeaderMap, HeaderValue, PROXY_AUTHORIZATION};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use rustls::ClientConfig;
use tokio::time::{Instant, timeout_at};

use crate::error::Result;
use crate::proxy::Proxy;
use crate::transport::body::WatchedBody;
use crate::transport::connect::Connector;
use crate::transport::failure::Failure;
use crate::transport::pool::{Pool, Unanswered};

/// A pool of connections to one server. Belongs to the runtime it is first used on.
pub(crate) struct Http {
    pool: Pool,
    proxy_credentials: Option<HeaderValue>,
}

/// What is to be sent.
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    /// Without the server, which is always the same.
    pub(crate) path: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Bytes>,
}

/// What came back. The body may have been lost when the head was not.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Result<Bytes, Broken>,
    /// Whether the request was handed over before the answer ended: some servers answer first.
    pub(crate) may_have_arrived: bool,
}

/// Why an answer that had begun is not whole.
pub(crate) enum Broken {
    Transport(Box<dyn StdError + Send + Sync>),
    TooLarge,
    Late,
}

impl Http {
    pub(crate) fn new(
        server: Uri,
        proxy: &Proxy,
        tls: Arc<ClientConfig>,
        connect_timeout: Duration,
        pool_idle_timeout: Duration,
    ) -> Result<Self> {
        let proxy = proxy.on_the_way_to(&server);
        let connector = Connector::new(server, proxy, tls, connect_timeout);
        Ok(Self {
            proxy_credentials: connector.credentials_for_requests().cloned(),
            pool: Pool::new(connector, pool_idle_timeout)?,
        })
    }

    /// Sends a request once, waits at most `limit` for the whole answer and takes at most
    /// `largest` bytes of it.
    pub(crate) async fn send(
        &self,
        outgoing: Outgoing,
        limit: Duration,
        largest: usize,
    ) -> Result<Reply, Failure> {
        let until = Instant::now() + limit;
        let handed_over = Arc::new(AtomicBool::new(false));
        let has_body = outgoing.body.is_some();
        // Without a body nothing tells when the request left, so it counts as gone once connected.
        let may_have_arrived = |connected: bool| {
            if has_body {
                handed_over.load(Ordering::Acquire)
            } else {
                connected
            }
        };
        let request = self.request(outgoing, handed_over.clone());
        let (answer, connection) = match timeout_at(until, self.pool.send(request)).await {
            Ok(Ok(answered)) => answered,
            Ok(Err(Unanswered::NotConnected(error))) => {
                return Err(Failure::broken(error, false, may_have_arrived(false)));
            }
            Ok(Err(Unanswered::Broken(error))) => {
                return Err(Failure::broken(error.into(), true, may_have_arrived(true)));
            }
            Err(_elapsed) => return Err(Failure::late(may_have_arrived(true))),
        };
        let (head, body) = answer.into_parts();
        let body = timeout_at(until, read_body(body, largest))
            .await
            .unwrap_or(Err(Broken::Late));
        if body.is_ok() {
            connection.give_back();
        }
        Ok(Reply {
            status: head.status,
            headers: head.headers,
            body,
            may_have_arrived: may_have_arrived(true),
        })
    }

    fn request(&self, outgoing: Outgoing, handed_over: Arc<AtomicBool>) -> Request<WatchedBody> {
        let mut request = Request::new(WatchedBody::new(outgoing.body, handed_over));
        *request.method_mut() = outgoing.method;
        *request.uri_mut() = outgoing.path;
        *request.headers_mut() = outgoing.headers;
        if let Some(credentials) = &self.proxy_credentials {
            let headers = request.headers_mut();
            headers.insert(PROXY_AUTHORIZATION, credentials.clone());
        }
        request
    }
}

async fn read_body(body: Incoming, largest: usize) -> Result<Bytes, Broken> {
    match Limited::new(body, largest).collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Broken::TooLarge),
        Err(error) => Err(Broken::Transport(error)),
    }
}
