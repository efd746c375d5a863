//! The life of a listening server: accept, serve, drain.
//!
//! Knows HTTP/1.1 connections and their limits, and nothing of what the requests mean.

mod heard;

use std::{io, pin::Pin, sync::Arc, time::Duration};

use axum::{Router, extract::Request};
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt;

use self::heard::Heard;
use crate::{
    config::Limits,
    http::{HangUp, slow_head},
};

/// How long to wait when the system has no descriptor left for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves `router` until `shutdown` completes; then accepts nothing more and lets what runs end,
/// for at most [`Limits::drain`]. `running` are the requests' own tasks, which may outlive their
/// connections.
///
/// Returns whether everything ended by itself.
pub async fn run(
    listener: TcpListener,
    router: Router,
    limits: &Limits,
    running: &TaskTracker,
    shutdown: impl Future<Output = ()>,
) -> bool {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout);
    let slots = Arc::new(Semaphore::new(limits.connections));
    let connections = TaskTracker::new();
    let stop = CancellationToken::new();
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
        let serving = serve(http.clone(), stream, router.clone(), stop.clone());
        connections.spawn(async move {
            serving.await;
            drop(slot);
        });
    }
    drop(listener);
    stop.cancel();
    connections.close();
    running.close();
    let drained = async {
        connections.wait().await;
        running.wait().await;
    };
    timeout(limits.drain, drained).await.is_ok()
}

/// Serves one connection until it ends or, after `stop`, until its request is answered.
async fn serve(http: http1::Builder, stream: TcpStream, router: Router, stop: CancellationToken) {
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        answer(router.clone(), request.map(axum::body::Body::new))
    });
    let mut connection = http.serve_connection(TokioIo::new(Heard::new(stream)), service);
    let ended = tokio::select! {
        biased;
        ended = &mut connection => Some(ended),
        () = stop.cancelled() => None,
    };
    let ended = if let Some(ended) = ended {
        ended
    } else {
        Pin::new(&mut connection).graceful_shutdown();
        (&mut connection).await
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke");
        let io = connection.into_parts().io.into_inner();
        // hyper closes a connection whose head is late without a word, which is right for an idle
        // one only. The answer fits into any socket's buffer, so there is nothing to wait for.
        if error.is_timeout() && io.owes_an_answer() {
            let _ = io.get().try_write(&slow_head());
        }
    }
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
