//! The connections to the endpoint, kept for the next requests. One of HTTP/1.1 carries a request at
//! a time and waits in between; one of HTTP/2 carries all. Knows nothing of what requests mean.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use http::header::{HOST, HeaderValue};
use http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use hyper_util::client::legacy::connect::Connection as _;
use hyper_util::rt::TokioExecutor;
use tokio::time::{Instant, sleep};

use crate::error::{Error, Result};
use crate::transport::body::WatchedBody;
use crate::transport::connect::{BoxError, Connector};

/// Belongs to the runtime it is first used on.
pub(super) struct Pool {
    connector: Connector,
    host: HeaderValue,
    kept: Arc<Kept>,
}

/// Why there is no answer.
pub(super) enum Unanswered {
    /// No connection could be made.
    NotConnected(BoxError),
    /// The connection broke.
    Broken(hyper::Error),
}

/// The connection that an answer comes over. It is closed unless it is given back.
pub(super) struct InUse {
    connection: Connection,
    kept: Arc<Kept>,
}

enum Connection {
    Http1(http1::SendRequest<WatchedBody>),
    Http2(http2::SendRequest<WatchedBody>),
}

struct Kept {
    idle_timeout: Duration,
    idle: Mutex<Idle>,
}

#[derive(Default)]
struct Idle {
    /// The one used last is used next: it is the likeliest to be alive.
    http1: Vec<(http1::SendRequest<WatchedBody>, Instant)>,
    /// May be in use, too.
    http2: Option<(http2::SendRequest<WatchedBody>, Instant)>,
    /// Whether a task closes what is idle for too long.
    is_watched: bool,
}

impl Pool {
    pub(super) fn new(connector: Connector, idle_timeout: Duration) -> Result<Self> {
        let authority = connector.endpoint().authority();
        let host = HeaderValue::from_str(authority.map_or("", |it| it.as_str()))
            .map_err(|error| Error::configuration("endpoint has no host").caused_by(error))?;
        let kept = Kept {
            idle_timeout,
            idle: Mutex::default(),
        };
        Ok(Self {
            connector,
            host,
            kept: Arc::new(kept),
        })
    }

    /// Sends a request, whose address is only a path, over a kept connection or a new one. One that
    /// turns out to be closed before the request is begun is replaced.
    pub(super) async fn send(
        &self,
        mut request: Request<WatchedBody>,
    ) -> Result<(Response<Incoming>, InUse), Unanswered> {
        loop {
            let kept = self.kept.take();
            let was_kept = kept.is_some();
            let mut connection = match kept {
                Some(connection) => connection,
                // Boxed: it is large, and most requests that would carry it about don't need it.
                None => Box::pin(self.connect())
                    .await
                    .map_err(Unanswered::NotConnected)?,
            };
            self.address(&mut request, &connection);
            match connection.send(request).await {
                Ok(answer) => {
                    let kept = self.kept.clone();
                    return Ok((answer, InUse { connection, kept }));
                }
                Err(mut error) => match error.take_message() {
                    Some(unsent) if was_kept => request = unsent,
                    _ => return Err(Unanswered::Broken(error.into_error())),
                },
            }
        }
    }

    async fn connect(&self) -> Result<Connection, BoxError> {
        let stream = self.connector.connect().await?;
        if stream.connected().is_negotiated_h2() {
            let (sender, connection) = http2::handshake(TokioExecutor::new(), stream).await?;
            tokio::spawn(connection);
            self.kept.share(sender.clone());
            Ok(Connection::Http2(sender))
        } else {
            let (sender, connection) = http1::handshake(stream).await?;
            tokio::spawn(connection);
            Ok(Connection::Http1(sender))
        }
    }

    /// Says where the request is to arrive, in the way of the connection's protocol.
    fn address(&self, request: &mut Request<WatchedBody>, connection: &Connection) {
        let is_http1 = matches!(connection, Connection::Http1(_));
        if is_http1 {
            request.headers_mut().insert(HOST, self.host.clone());
        } else {
            request.headers_mut().remove(HOST);
        }
        let wants_whole = !is_http1 || self.connector.wants_whole_addresses();
        if wants_whole != request.uri().authority().is_some() {
            let mut parts = self.connector.endpoint().clone().into_parts();
            if !wants_whole {
                parts = http::uri::Parts::default();
            }
            parts.path_and_query = request.uri().path_and_query().cloned();
            if let Ok(uri) = Uri::from_parts(parts) {
                *request.uri_mut() = uri;
            }
        }
    }
}

impl Connection {
    async fn send(
        &mut self,
        request: Request<WatchedBody>,
    ) -> Result<Response<Incoming>, TrySendError<Request<WatchedBody>>> {
        match self {
            Self::Http1(sender) => sender.try_send_request(request).await,
            Self::Http2(sender) => sender.try_send_request(request).await,
        }
    }
}

impl InUse {
    /// To be called once the answer was read to its end.
    pub(super) fn give_back(self) {
        let Self { connection, kept } = self;
        // One of HTTP/2 was never taken away.
        let Connection::Http1(mut sender) = connection else {
            return;
        };
        if sender.is_ready() {
            kept.keep(sender);
        } else if !sender.is_closed() {
            // The connection has yet to notice.
            tokio::spawn(async move {
                if sender.ready().await.is_ok() {
                    kept.keep(sender);
                }
            });
        }
    }
}

impl Kept {
    fn take(&self) -> Option<Connection> {
        let mut idle = self.idle();
        let now = Instant::now();
        let is_fresh = |since: Instant| now.duration_since(since) < self.idle_timeout;
        if let Some((sender, since)) = &mut idle.http2
            && is_fresh(*since)
            && sender.is_ready()
        {
            *since = now;
            return Some(Connection::Http2(sender.clone()));
        }
        while let Some((sender, since)) = idle.http1.pop() {
            if is_fresh(since) && sender.is_ready() {
                return Some(Connection::Http1(sender));
            }
        }
        None
    }

    fn keep(self: &Arc<Self>, sender: http1::SendRequest<WatchedBody>) {
        let mut idle = self.idle();
        idle.http1.push((sender, Instant::now()));
        self.watch(&mut idle);
    }

    fn share(self: &Arc<Self>, sender: http2::SendRequest<WatchedBody>) {
        let mut idle = self.idle();
        idle.http2 = Some((sender, Instant::now()));
        self.watch(&mut idle);
    }

    fn watch(self: &Arc<Self>, idle: &mut Idle) {
        if !idle.is_watched {
            idle.is_watched = true;
            tokio::spawn(close_idle(Arc::downgrade(self), self.idle_timeout));
        }
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes what is idle for too long, until there is nothing left.
async fn close_idle(kept: Weak<Kept>, idle_timeout: Duration) {
    loop {
        sleep(idle_timeout).await;
        let Some(kept) = kept.upgrade() else { return };
        let mut idle = kept.idle();
        let is_fresh = |since: &Instant| since.elapsed() < idle_timeout;
        idle.http1.retain(|(_, since)| is_fresh(since));
        idle.http2.take_if(|(_, since)| !is_fresh(since));
        if idle.http1.is_empty() && idle.http2.is_none() {
            idle.is_watched = false;
            return;
        }
    }
}
