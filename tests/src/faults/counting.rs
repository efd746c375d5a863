//! A server that answers as a test says, and counts what comes.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Uri, Version};
use http_body_util::BodyExt;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use tokio::runtime::Handle;

use super::listening::Listening;

/// What came.
#[derive(Clone, Debug)]
pub struct Seen {
    /// When all of it was there.
    pub at: Instant,
    /// HTTP/1.1 or HTTP/2.
    pub version: Version,
    /// Its method.
    pub method: Method,
    /// Where it went.
    pub uri: Uri,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// An HTTP server on a loopback port, without TLS, for HTTP/1.1 and HTTP/2.
pub struct CountingServer {
    listening: Listening,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    connections: Mutex<usize>,
    seen: Mutex<Vec<Seen>>,
}

impl CountingServer {
    /// Starts one. `answer` is given the number of the request, from 0, and the request. An error
    /// resets the stream with its reason in HTTP/2, and ends the connection in HTTP/1.1.
    pub fn start<A>(
        runtime: &Handle,
        answer: impl Fn(usize, Request<Bytes>) -> A + Clone + Send + Sync + 'static,
    ) -> io::Result<Self>
    where
        A: Future<Output = Result<Response, h2::Error>> + Send + 'static,
    {
        let counts = Arc::new(Counts::default());
        let shared = Arc::clone(&counts);
        let listening = Listening::start(runtime, move |stream| {
            *lock(&shared.connections) += 1;
            let (counts, answer) = (Arc::clone(&shared), answer.clone());
            let service = service_fn(move |request: Request<Incoming>| {
                let (counts, answer) = (Arc::clone(&counts), answer.clone());
                async move {
                    let (head, body) = request.into_parts();
                    let body = body.collect().await?.to_bytes();
                    let request = Request::from_parts(head, body);
                    let number = counts.note(&request);
                    Ok::<_, Broken>(answer(number, request).await?)
                }
            });
            async move {
                Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service)
                    .await
                    .map_err(io::Error::other)
            }
        })?;
        Ok(Self { listening, counts })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listening.address()
    }

    /// Where it listens, as the address of an API: without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// How many connections came so far.
    pub fn connections(&self) -> usize {
        *lock(&self.counts.connections)
    }

    /// All requests that came so far.
    pub fn seen(&self) -> Vec<Seen> {
        lock(&self.counts.seen).clone()
    }

    /// How many requests came so far.
    pub fn requests(&self) -> usize {
        lock(&self.counts.seen).len()
    }
}

impl Counts {
    /// Gives the number of the request.
    fn note(&self, request: &Request<Bytes>) -> usize {
        let mut seen = lock(&self.seen);
        seen.push(Seen {
            at: Instant::now(),
            version: request.version(),
            method: request.method().clone(),
            uri: request.uri().clone(),
            headers: request.headers().clone(),
            body: request.body().clone(),
        });
        seen.len() - 1
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error(transparent)]
    Request(#[from] hyper::Error),
    /// hyper looks for this among the sources, and resets the stream with its reason.
    #[error("reset on purpose")]
    Reset(#[from] h2::Error),
}
