//! How a connection to the endpoint comes about: straight or by way of a proxy, and with TLS when
//! the endpoint says so. Knows nothing of what is sent over it.

use std::error::Error as StdError;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderValue, Uri};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Intercept;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower_service::Service;

pub(super) type BoxError = Box<dyn StdError + Send + Sync>;

/// To the endpoint or to the proxy in front of it.
type Hop = MaybeHttpsStream<TokioIo<TcpStream>>;
/// To the endpoint, encrypted or not.
pub(super) type Stream = MaybeHttpsStream<Hop>;

/// Makes connections to one endpoint, each within a limit of time: the look-up of its name, TCP, the
/// proxy and TLS together.
pub(super) struct Connector {
    endpoint: Uri,
    https: HttpsConnector<FirstHop>,
    limit: Duration,
    /// A proxy that reads the requests and sends them on.
    forwarder: Option<Intercept>,
}

impl Connector {
    /// By way of the proxy, if there is one. `tls` is for the endpoint, and for a proxy that has it.
    pub(super) fn new(
        endpoint: Uri,
        proxy: Option<Intercept>,
        tls: Arc<ClientConfig>,
        limit: Duration,
    ) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let to_proxy = || {
            let mut tls = (*tls).clone();
            // What is spoken with a proxy itself is HTTP/1.1.
            tls.alpn_protocols.clear();
            HttpsConnector::from((tcp.clone(), tls))
        };
        let is_encrypted = endpoint.scheme_str() == Some("https");
        let (first_hop, forwarder) = match proxy {
            None => (FirstHop::Endpoint(tcp), None),
            Some(proxy) if is_encrypted => {
                let tunnel = Tunnel::new(proxy.uri().clone(), to_proxy());
                let tunnel = match proxy.basic_auth() {
                    Some(credentials) => tunnel.with_auth(credentials.clone()),
                    None => tunnel,
                };
                (FirstHop::Tunnel(tunnel), None)
            }
            Some(proxy) => {
                let hop = FirstHop::Forwarder(to_proxy(), proxy.uri().clone());
                (hop, Some(proxy))
            }
        };
        Self {
            endpoint,
            https: HttpsConnector::from((first_hop, tls)),
            limit,
            forwarder,
        }
    }

    /// Where the requests are to arrive.
    pub(super) fn endpoint(&self) -> &Uri {
        &self.endpoint
    }

    /// Whether each request is to say the whole address, for a proxy that reads it.
    pub(super) fn wants_whole_addresses(&self) -> bool {
        self.forwarder.is_some()
    }

    /// What each request is to say to a proxy that reads it.
    pub(super) fn credentials_for_requests(&self) -> Option<&HeaderValue> {
        self.forwarder.as_ref().and_then(Intercept::basic_auth)
    }

    /// Connects.
    pub(super) async fn connect(&self) -> Result<Stream, BoxError> {
        let connecting = self.https.clone().call(self.endpoint.clone());
        timeout(self.limit, connecting).await?
    }
}

/// Where a connection goes first.
#[derive(Clone)]
enum FirstHop {
    Endpoint(HttpConnector),
    Forwarder(HttpsConnector<HttpConnector>, Uri),
    /// A proxy that passes on bytes it cannot read.
    Tunnel(Tunnel<HttpsConnector<HttpConnector>>),
}

impl Service<Uri> for FirstHop {
    type Response = Hop;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Hop, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, endpoint: Uri) -> Self::Future {
        match self {
            Self::Endpoint(tcp) => {
                let connecting = tcp.call(endpoint);
                Box::pin(async { Ok(MaybeHttpsStream::Http(connecting.await?)) })
            }
            Self::Forwarder(proxy, address) => proxy.call(address.clone()),
            Self::Tunnel(tunnel) => {
                let connecting = tunnel.call(endpoint);
                Box::pin(async { Ok(connecting.await?) })
            }
        }
    }
}
