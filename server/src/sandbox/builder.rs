//! Starting a sandbox.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use axum::{Router, middleware, routing::get};
use tokio::{
    net::TcpListener,
    runtime::{Builder, Handle},
    sync::oneshot,
};
use tokio_util::sync::CancellationToken;

use super::{
    Life, PASSWORD, Sandbox, SandboxError, USERNAME,
    faults::{self, Faults},
    outbox::Outbox,
    page, route,
};
use crate::{
    app::{App, Parts},
    clock::{Clock, MovableClock},
    config::{Limits, PasswordCost, Rules},
    engine::{budget::Budgets, pin::MacKey},
    http,
    lifecycle::{self, Wire},
    random,
    store::memory::MemoryStore,
};

/// A test waits for nothing that is still running once it stops the sandbox.
const DRAIN: Duration = Duration::from_millis(500);

type Wrap = Box<dyn FnOnce(Router) -> Router + Send>;

/// The settings of a sandbox that is not running yet.
#[must_use = "a builder does nothing until it is started"]
pub struct SandboxBuilder {
    listen: SocketAddr,
    rules: Rules,
    limits: Limits,
    console: bool,
    accounts: Vec<(String, String)>,
    wrap: Option<Wrap>,
}

impl Default for SandboxBuilder {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            rules: rules(),
            limits: Limits {
                drain: DRAIN,
                ..Limits::default()
            },
            console: false,
            accounts: vec![(USERNAME.to_owned(), PASSWORD.to_owned())],
            wrap: None,
        }
    }
}

/// The server's default rules without its budgets.
///
/// A test suite starts more authentications for one number than a person would, and should not
/// fail over the sixth in an hour. Whoever wants to see that one refused gives the sandbox
/// [`Rules::default`].
pub fn rules() -> Rules {
    Rules {
        budgets: Budgets::unlimited(),
        ..Rules::default()
    }
}

/// What the sandbox's thread hands over once it listens.
struct Listening {
    address: SocketAddr,
    runtime: Handle,
    /// Dropping it stops the server, also when nobody took this.
    stop: oneshot::Sender<()>,
}

/// What both sides of the thread hold.
#[derive(Clone, Default)]
struct Shared {
    outbox: Arc<Outbox>,
    clock: Arc<MovableClock>,
    faults: Arc<Faults>,
    /// Cancelled when the sandbox stops.
    stopping: CancellationToken,
}

impl SandboxBuilder {
    /// Where to listen. Default `127.0.0.1:0`, which is any free port.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// The rules of an authentication. By default [`rules`](super::rules).
    pub fn rules(mut self, rules: Rules) -> Self {
        self.rules = rules;
        self
    }

    /// What a client may take of the server. By default [`Limits::default`], but half a second to
    /// drain.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Whether each message is printed to standard output, too.
    pub fn console(mut self, console: bool) -> Self {
        self.console = console;
        self
    }

    /// Adds an account beside `test`.
    pub fn account(mut self, username: impl Into<String>, password: impl Into<String>) -> Self {
        self.accounts.push((username.into(), password.into()));
        self
    }

    /// Puts something around the whole router: a test's own layers, or other answers.
    pub fn wrap(mut self, wrap: impl FnOnce(Router) -> Router + Send + 'static) -> Self {
        self.wrap = Some(Box::new(wrap));
        self
    }

    /// Starts it. Works under any async runtime.
    pub async fn start(self) -> Result<Sandbox, SandboxError> {
        let (ready, listening) = oneshot::channel();
        let (shared, thread) = self.spawn(ready)?;
        let listening = listening.await.map_err(|_| SandboxError::Ended)??;
        Ok(shared.sandbox(listening, thread))
    }

    /// Starts it, for callers without a runtime.
    pub fn start_blocking(self) -> Result<Sandbox, SandboxError> {
        pollster::block_on(self.start())
    }

    fn spawn(
        self,
        ready: oneshot::Sender<Result<Listening, SandboxError>>,
    ) -> Result<(Shared, thread::JoinHandle<()>), SandboxError> {
        let shared = Shared {
            outbox: Arc::new(Outbox::new(self.console)),
            ..Shared::default()
        };
        let inside = shared.clone();
        let thread = thread::Builder::new()
            .name("verigator-sandbox".to_owned())
            .spawn(
                move || match Builder::new_current_thread().enable_all().build() {
                    Ok(runtime) => {
                        runtime.block_on(self.serve(inside, ready));
                        runtime.shutdown_background();
                    }
                    Err(error) => {
                        let _ = ready.send(Err(error.into()));
                    }
                },
            )?;
        Ok((shared, thread))
    }

    async fn serve(
        mut self,
        shared: Shared,
        ready: oneshot::Sender<Result<Listening, SandboxError>>,
    ) {
        let wrap = self.wrap.take();
        let address = self.listen;
        let prepared = async {
            let app = self.app(&shared).await?;
            let failed = |source| SandboxError::Listen { address, source };
            let listener = TcpListener::bind(address).await.map_err(failed)?;
            let address = listener.local_addr().map_err(failed)?;
            Ok((app, listener, address))
        };
        match prepared.await {
            Err(error) => {
                let _ = ready.send(Err(error));
            }
            Ok((app, listener, address)) => {
                let mut router = router(&app, &shared);
                if let Some(wrap) = wrap {
                    router = wrap(router);
                }
                let (stop, stopped) = oneshot::channel();
                // Whoever asked may be gone: the value is dropped, and with it the server.
                let _ = ready.send(Ok(Listening {
                    address,
                    runtime: Handle::current(),
                    stop,
                }));
                let stopped = async {
                    // Also an error means stop: the sandbox is gone.
                    let _ = stopped.await;
                    shared.stopping.cancel();
                };
                let (wire, limits) = (Wire::Plain, &app.limits);
                lifecycle::run(listener, wire, router, limits, &app.running, stopped).await;
            }
        }
    }

    async fn app(self, shared: &Shared) -> Result<Arc<App>, SandboxError> {
        let app = App::new(Parts {
            store: Arc::new(MemoryStore::default()),
            deliver: vec![Arc::clone(&shared.outbox) as _],
            answer_after_attempt: true,
            clock: Arc::clone(&shared.clock) as _,
            rules: self.rules,
            limits: self.limits,
            password_cost: PasswordCost::minimal(),
            key: MacKey::new(random::array()?),
        })?;
        for (username, password) in &self.accounts {
            let now = shared.clock.now();
            app.accounts.create(username, password, now).await?;
        }
        Ok(app)
    }
}

/// The API with the sandbox's own paths, and with faults inside the requests' own tasks: an
/// operation that is delayed still happens when its client gives up.
fn router(app: &Arc<App>, shared: &Shared) -> Router {
    let messages = get(route::messages).with_state(Arc::clone(&shared.outbox));
    let live = (Arc::clone(&shared.outbox), shared.stopping.clone());
    let stream = get(page::messages).with_state(live);
    let faults = (Arc::clone(&shared.faults), app.limits.clone());
    let routes = http::routes(app)
        .route("/", get(page::page))
        .route("/sandbox/messages", messages)
        .route("/sandbox/messages/stream", stream)
        .layer(middleware::from_fn_with_state(faults, faults::meet));
    http::stamped(app, routes)
}

impl Shared {
    fn sandbox(self, listening: Listening, thread: thread::JoinHandle<()>) -> Sandbox {
        let Listening {
            address,
            runtime,
            stop,
        } = listening;
        Sandbox {
            url: format!("http://{address}"),
            outbox: self.outbox,
            clock: self.clock,
            faults: self.faults,
            runtime,
            life: Mutex::new(Some(Life { stop, thread })),
        }
    }
}
