//! Everything of this module at once, for runners in other languages: a server to shoot at, cutting
//! proxies on demand, TLS of every kind, and a server that sends its clients elsewhere.
//!
//! What it says and takes is in `README.md` of the tests.

use std::{
    collections::HashMap,
    future::ready,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Json, Router,
    body::Body,
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bytes::Bytes;
use http::{Request, StatusCode, header};
use serde_json::{Value, json};
use tokio::runtime::{Builder, Handle, Runtime};
use tower::ServiceExt;
use verigator_server::{
    config::Rules,
    sandbox::{self, Sandbox},
};

use super::{Authority, CountingServer, Cut, CuttingProxy, Direction, Protocol, TlsFront};

/// The running servers. Dropping them stops them.
pub struct Services {
    shared: Arc<Shared>,
    control: CountingServer,
    /// The last to go: the others live on it.
    _runtime: Runtime,
}

struct Shared {
    runtime: Handle,
    sandbox: Sandbox,
    server: SocketAddr,
    authority: Authority,
    fronts: Vec<(&'static str, TlsFront)>,
    redirecting: CountingServer,
    elsewhere: CountingServer,
    proxies: Mutex<Proxies>,
}

#[derive(Default)]
struct Proxies {
    by_id: HashMap<u64, CuttingProxy>,
    started: u64,
}

impl Services {
    /// Starts them on a thread of their own.
    pub fn start() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("verigator-faults")
            .enable_all()
            .build()?;
        let shared = Arc::new(Shared::start(runtime.handle())?);
        let router = router(Arc::clone(&shared));
        let control = CountingServer::start(runtime.handle(), move |_, request| {
            let answered = router.clone().oneshot(request.map(Body::from));
            async { Ok(answered.await.unwrap_or_else(|never| match never {})) }
        })?;
        Ok(Self {
            shared,
            control,
            _runtime: runtime,
        })
    }

    /// Where everything is: an object, part of the line that the program prints.
    pub fn places(&self) -> Value {
        let Shared {
            sandbox,
            authority,
            fronts,
            redirecting,
            ..
        } = &*self.shared;
        let control = self.control.url();
        let tls: serde_json::Map<String, Value> = fronts
            .iter()
            .map(|(name, front)| ((*name).to_owned(), json!(front.url())))
            .chain([
                ("ca".to_owned(), json!(authority.pem())),
                ("counts".to_owned(), json!(format!("{control}/tls"))),
            ])
            .collect();
        json!({
            "faults": {
                "url": control,
                "sandbox": {
                    "url": sandbox.url(),
                    "username": sandbox.username(),
                    "password": sandbox.password(),
                },
            },
            "tls": tls,
            "redirecting": {
                "url": redirecting.url(),
                "counts": format!("{control}/redirecting"),
            },
        })
    }
}

impl Shared {
    fn start(runtime: &Handle) -> io::Result<Self> {
        // Nothing but the client keeps a second message from going out, and a second guess is the
        // last.
        let rules = Rules {
            resend_delay: Duration::ZERO,
            tries: 2,
            ..sandbox::rules()
        };
        let sandbox = Sandbox::builder()
            .rules(rules)
            .start_blocking()
            .map_err(io::Error::other)?;
        let server: SocketAddr = sandbox
            .url()
            .trim_start_matches("http://")
            .parse()
            .map_err(io::Error::other)?;
        let authority = Authority::new()?;
        let fronts = [
            ("right", authority.right()?),
            ("wrong_name", authority.of_another_name()?),
            ("expired", authority.expired()?),
            ("unknown_ca", Authority::new()?.right()?),
        ]
        .into_iter()
        .map(|(name, identity)| {
            let front = TlsFront::start(runtime, &identity, Protocol::Http1, server)?;
            Ok((name, front))
        })
        .collect::<io::Result<_>>()?;
        let nothing = |_, _: Request<Bytes>| ready(Ok(StatusCode::OK.into_response()));
        let elsewhere = CountingServer::start(runtime, nothing)?;
        let target = elsewhere.url();
        let redirect = move |_, request: Request<Bytes>| {
            let location = format!("{target}{}", request.uri().path());
            let headers = [(header::LOCATION, location)];
            ready(Ok((StatusCode::TEMPORARY_REDIRECT, headers).into_response()))
        };
        Ok(Self {
            runtime: runtime.clone(),
            sandbox,
            server,
            authority,
            fronts,
            redirecting: CountingServer::start(runtime, redirect)?,
            elsewhere,
            proxies: Mutex::default(),
        })
    }

    fn proxies(&self) -> MutexGuard<'_, Proxies> {
        self.proxies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/proxies", post(start_proxy))
        .route("/proxies/{id}", get(counts_of_proxy).delete(stop_proxy))
        .route("/proxies/{id}/hang-up", post(hang_up))
        .route("/tls", get(counts_of_tls))
        .route("/redirecting", get(counts_of_redirecting))
        .with_state(shared)
}

async fn start_proxy(State(shared): State<Arc<Shared>>, Json(cut): Json<Option<Cut>>) -> Response {
    match CuttingProxy::start(&shared.runtime, shared.server, cut) {
        Ok(proxy) => {
            let url = proxy.url();
            let mut proxies = shared.proxies();
            proxies.started += 1;
            let id = proxies.started;
            proxies.by_id.insert(id, proxy);
            (StatusCode::CREATED, Json(json!({"id": id, "url": url}))).into_response()
        }
        Err(error) => {
            let body = Json(json!({"message": error.to_string()}));
            (StatusCode::INTERNAL_SERVER_ERROR, body).into_response()
        }
    }
}

async fn counts_of_proxy(State(shared): State<Arc<Shared>>, Path(id): Path<u64>) -> Response {
    of_proxy(&shared, id, |proxy| {
        Json(json!({
            "connections": proxy.connections(),
            "cuts": proxy.cuts(),
            "request": proxy.passed(Direction::Request),
            "answer": proxy.passed(Direction::Answer),
        }))
    })
}

async fn hang_up(State(shared): State<Arc<Shared>>, Path(id): Path<u64>) -> Response {
    of_proxy(&shared, id, |proxy| {
        proxy.hang_up();
        StatusCode::NO_CONTENT
    })
}

async fn stop_proxy(State(shared): State<Arc<Shared>>, Path(id): Path<u64>) -> StatusCode {
    match shared.proxies().by_id.remove(&id) {
        Some(_) => StatusCode::NO_CONTENT,
        None => StatusCode::NOT_FOUND,
    }
}

fn of_proxy<R: IntoResponse>(
    shared: &Shared,
    id: u64,
    answer: impl FnOnce(&CuttingProxy) -> R,
) -> Response {
    match shared.proxies().by_id.get(&id) {
        Some(proxy) => answer(proxy).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn counts_of_tls(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let counts = shared.fronts.iter().map(|(name, front)| {
        let counts = json!({
            "connections": front.connections(),
            "handshakes": front.handshakes(),
        });
        ((*name).to_owned(), counts)
    });
    Json(Value::Object(counts.collect()))
}

async fn counts_of_redirecting(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(json!({
        "requests": shared.redirecting.requests(),
        "elsewhere": shared.elsewhere.connections(),
    }))
}
