//! The life of a listening server: accept, encrypt, serve, drain.
//!
//! Knows HTTP/1.1 connections and their limits, and nothing of what the requests mean.

mod heard;

use std::{io, pin::Pin, sync::Arc, time::Duration};

use axum::{Router, extract::Request};
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt;

use self::heard::Heard;
#[cfg(feature = "tls")]
use crate::tls::Tls;
use crate::{
    config::Limits,
    http::{HangUp, slow_head},
};

/// How long to wait when the system has no descriptor left for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long to wait until a client that is told to go has taken the last words. They fit into any
/// socket's buffer, unless the client has stopped reading.
const FAREWELL: Duration = Duration::from_secs(1);

/// What is between a connection and HTTP.
#[derive(Debug, Clone, Default)]
pub enum Wire {
    /// Nothing: for a loopback, or behind a proxy.
    #[default]
    Plain,
    /// TLS. Its handshake may take as long as the head of a request.
    #[cfg(feature = "tls")]
    Tls(Arc<Tls>),
}

/// What a server is doing, and must end before it has stopped.
#[derive(Debug, Clone, Default)]
pub struct Running {
    /// Open connections, those in their handshake among them.
    pub connections: TaskTracker,
    /// Requests in tasks of their own, also those whose client hung up.
    pub requests: TaskTracker,
}

/// Serves `router` over `wire` until `shutdown` completes; then accepts nothing more and lets what
/// is `running` end, for at most [`Limits::drain`].
///
/// Returns whether everything ended by itself.
pub async fn run(
    listener: TcpListener,
    wire: Wire,
    router: Router,
    limits: &Limits,
    running: &Running,
    shutdown: impl Future<Output = ()>,
) -> bool {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        .max_buf_size(limits.head_bytes);
    let slots = Arc::new(Semaphore::new(limits.connections));
    let stop = CancellationToken::new();
    let host = Host {
        wire,
        http,
        router,
        #[cfg(feature = "tls")]
        handshake_timeout: limits.head_timeout,
        stop: stop.clone(),
    };
    tokio::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut shutdown => break,
            accepted = accept(&listener, &slots) => accepted,
        };
        let (stream, slot) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                if !is_the_clients(&error) {
                    sleep(ACCEPT_PAUSE).await;
                }
                continue;
            }
        };
        let host = host.clone();
        running.connections.spawn(async move {
            host.receive(stream).await;
            drop(slot);
        });
    }
    drop(listener);
    stop.cancel();
    running.connections.close();
    running.requests.close();
    let drained = async {
        running.connections.wait().await;
        running.requests.wait().await;
    };
    timeout(limits.drain, drained).await.is_ok()
}

/// What every connection needs.
#[derive(Clone)]
struct Host {
    wire: Wire,
    http: http1::Builder,
    router: Router,
    #[cfg(feature = "tls")]
    handshake_timeout: Duration,
    /// Cancelled when the server stops.
    stop: CancellationToken,
}

impl Host {
    /// Serves one connection, in its own task: a handshake waits for nobody but its client.
    async fn receive(self, stream: TcpStream) {
        match self.wire.clone() {
            Wire::Plain => self.serve(stream).await,
            #[cfg(feature = "tls")]
            Wire::Tls(tls) => {
                // Nothing was asked yet, so there is nothing to finish when the server stops.
                let shaken = self
                    .stop
                    .run_until_cancelled(timeout(self.handshake_timeout, tls.accept(stream)))
                    .await;
                match shaken {
                    Some(Ok(Ok(stream))) => self.serve(stream).await,
                    Some(Ok(Err(error))) => tracing::debug!(%error, "no handshake"),
                    Some(Err(_)) => tracing::debug!("a handshake took too long"),
                    None => {}
                }
            }
        }
    }

    /// Serves HTTP until the connection ends or, once the server stops, until its request is
    /// answered.
    async fn serve(self, stream: impl AsyncRead + AsyncWrite + Unpin) {
        let router = self.router;
        let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            answer(router.clone(), request.map(axum::body::Body::new))
        });
        let io = TokioIo::new(Heard::new(stream));
        let mut connection = self.http.serve_connection(io, service);
        let ended = tokio::select! {
            biased;
            ended = &mut connection => Some(ended),
            () = self.stop.cancelled() => None,
        };
        let ended = if let Some(ended) = ended {
            ended
        } else {
            Pin::new(&mut connection).graceful_shutdown();
            (&mut connection).await
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection broke");
            if error.is_timeout() {
                let farewell = farewell(connection.into_parts().io.into_inner());
                // Whoever does not listen has heard enough.
                let _ = timeout(FAREWELL, farewell).await;
            }
        }
    }
}

/// hyper leaves a connection whose head is late without a word, which is right for an idle one
/// only.
async fn farewell<S: AsyncRead + AsyncWrite + Unpin>(mut io: Heard<S>) -> io::Result<()> {
    if io.owes_an_answer() {
        io.write_all(&slow_head()).await?;
    }
    io.shutdown().await
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> io::Result<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots)
        .acquire_owned()
        .await
        .map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    // Answers are small and whole: holding them back to fill a packet only costs time.
    stream.set_nodelay(true)?;
    Ok((stream, slot))
}

/// Whether one client went away, which the next one need not wait for.
fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, InvalidInput};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | InvalidInput
    )
}

/// An error here makes hyper close the connection without an answer.
async fn answer(router: Router, request: Request) -> Result<axum::response::Response, HungUp> {
    let response = match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    if response.extensions().get::<HangUp>().is_some() {
        Err(HungUp)
    } else {
        Ok(response)
    }
}

/// The answer asked for the connection to be closed.
#[derive(Debug, thiserror::Error)]
#[error("hung up on purpose")]
struct HungUp;
