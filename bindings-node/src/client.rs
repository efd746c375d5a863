//! A client, from the options that JavaScript collected.

use std::collections::HashMap;

use napi::bindgen_prelude::{Buffer, Either};
use napi_derive::napi;
use verigator::CaBundle;
use verigator::embed::{BackgroundClient, Options};

use crate::finished::Failure;

/// Options that were said. Durations are milliseconds.
#[napi(object, object_to_js = false)]
pub struct ClientOptions {
    /// The account's name.
    pub username: Option<String>,
    /// The account's password.
    pub password: Option<String>,
    /// Where the server is.
    pub endpoint: Option<String>,
    /// How long one attempt may take.
    pub timeout: Option<f64>,
    /// How long it may take to connect.
    pub connect_timeout: Option<f64>,
    /// How long a call may take with its attempts and waits.
    pub deadline: Option<f64>,
    /// How often a request may be sent again.
    pub max_retries: Option<i64>,
    /// `auto`, `on` or `off`.
    pub idempotency: Option<String>,
    /// How long an unused connection is kept.
    pub pool_idle_timeout: Option<f64>,
    /// A proxy for every request.
    pub proxy: Option<String>,
    /// The path of a PEM file, or the PEM itself.
    pub ca_bundle: Option<Either<String, Buffer>>,
    /// The end of the User-Agent.
    pub app_info: Option<String>,
    /// Whether plain http may leave this machine.
    pub allow_insecure_http: Option<bool>,
    /// The variables of the JavaScript environment: a worker has its own.
    pub environment: HashMap<String, String>,
    /// The runtime, for the User-Agent: `node/20.20.2`.
    pub runtime: String,
}

impl From<ClientOptions> for Options {
    fn from(said: ClientOptions) -> Self {
        Self {
            username: said.username,
            password: said.password,
            endpoint: said.endpoint,
            timeout: said.timeout.map(seconds),
            connect_timeout: said.connect_timeout.map(seconds),
            deadline: said.deadline.map(seconds),
            max_retries: said.max_retries,
            idempotency: said.idempotency,
            pool_idle_timeout: said.pool_idle_timeout.map(seconds),
            proxy: said.proxy,
            ca_bundle: said.ca_bundle.map(|bundle| match bundle {
                Either::A(path) => CaBundle::Path(path.into()),
                Either::B(pem) => CaBundle::Pem(pem.to_vec()),
            }),
            app_info: said.app_info,
            allow_insecure_http: said.allow_insecure_http.unwrap_or(false),
            environment: Some(said.environment),
            product: format!(
                "verigator-node/{} {}",
                env!("CARGO_PKG_VERSION"),
                said.runtime
            ),
        }
    }
}

/// JavaScript's milliseconds as the seconds that the core takes.
pub(crate) fn seconds(milliseconds: f64) -> f64 {
    milliseconds / 1000.0
}

/// A client. Its calls run on the background thread that all clients of the process share.
#[napi]
pub struct Client(pub(crate) BackgroundClient);

/// A client, or why there is none.
#[napi(object, object_from_js = false)]
pub struct Opened {
    /// The client.
    pub client: Option<Client>,
    /// What was refused.
    pub error: Option<Failure>,
}

/// Makes a client. Starts and connects nothing.
#[napi(catch_unwind)]
pub fn open(options: ClientOptions) -> Opened {
    match Options::from(options).config() {
        Ok(config) => Opened {
            client: Some(Client(BackgroundClient::new(config))),
            error: None,
        },
        Err(error) => Opened {
            client: None,
            error: Some(Failure::from(&error)),
        },
    }
}

#[napi]
impl Client {
    /// Where its requests go.
    #[napi(getter)]
    pub fn endpoint(&self) -> String {
        self.0.config().endpoint().to_owned()
    }

    /// The account's name, masked.
    #[napi(getter)]
    pub fn username(&self) -> String {
        self.0.config().masked_username().to_owned()
    }

    /// Refuses later calls; those that run go on. Once it is closed, this does nothing.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        self.0.close();
    }
}
