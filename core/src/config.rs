//! The options of a client: what may be said, what is the default, what the environment adds, and
//! what is refused. Sends nothing and starts nothing.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::HeaderValue;
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use secrecy::{ExposeSecret, SecretString};

use crate::api::Api;
use crate::blocking;
use crate::endpoint::{DEFAULT_ENDPOINT, Endpoint};
use crate::error::{Error, Result};
use crate::proxy::Proxy;
use crate::secret::masked_username;
use crate::transport::tls;

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const DEFAULT_DEADLINE: Duration = Duration::from_mins(1);
const DEFAULT_MAX_RETRIES: u32 = 2;
/// Below the 5 s after which common servers and balancers close an idle connection.
const DEFAULT_POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(4);
/// A year: longer is a mistake, and far below where time arithmetic overflows.
const LONGEST: Duration = Duration::from_hours(365 * 24);

/// When an `Idempotency-Key` may be relied on to make a repeated request harmless.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Idempotency {
    /// Once the server has said that it honours keys. The key is sent from the first call on.
    #[default]
    Auto,
    /// Always: the caller knows that the server honours keys.
    On,
    /// Never, and no key is sent.
    Off,
}

impl std::str::FromStr for Idempotency {
    type Err = Error;

    /// Takes `auto`, `on` and `off`.
    fn from_str(word: &str) -> Result<Self> {
        match word {
            "auto" => Ok(Self::Auto),
            "on" => Ok(Self::On),
            "off" => Ok(Self::Off),
            _ => Err(Error::configuration(
                "idempotency must be \"auto\", \"on\" or \"off\"",
            )),
        }
    }
}

/// Certificates that are trusted beside the platform's own.
#[derive(Clone)]
#[non_exhaustive]
pub enum CaBundle {
    /// A file in PEM form.
    Path(PathBuf),
    /// The PEM text itself.
    Pem(Vec<u8>),
}

/// Collects the options of an [`Api`]. Made by [`Api::builder`] and [`Api::from_env`].
#[derive(Clone, Default)]
#[must_use]
pub struct ApiBuilder {
    username: Option<String>,
    password: Option<SecretString>,
    endpoint: Option<String>,
    timeout: Option<Duration>,
    connect_timeout: Option<Duration>,
    deadline: Option<Duration>,
    max_retries: Option<u32>,
    idempotency: Idempotency,
    pool_idle_timeout: Option<Duration>,
    proxy: Option<String>,
    ca_bundle: Option<CaBundle>,
    app_info: Option<String>,
    allow_insecure_http: bool,
    /// The standard proxy variables are honoured only by those who asked for the environment.
    proxy_from_environment: bool,
    /// What stands first in the User-Agent; a language binding says its own name here.
    product: Option<String>,
}

macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident: $argument:ty;)*) => {
        $($(#[$doc])*
        pub fn $name(mut self, $name: $argument) -> Self {
            self.$name = Some($name.into());
            self
        })*
    };
}

impl ApiBuilder {
    /// Options with nothing said yet.
    pub fn new() -> Self {
        Self::default()
    }

    setters! {
        /// The account's name. It may not contain a colon.
        username: impl Into<String>;
        /// Where the server is, such as `https://verigator.example.com`; a path is kept as a prefix.
        endpoint: impl Into<String>;
        /// How long one attempt may take. Default 30 s.
        timeout: Duration;
        /// How long it may take to connect, TLS included. Default 5 s.
        connect_timeout: Duration;
        /// How long a call may take with all its attempts and waits. Default 60 s.
        deadline: Duration;
        /// How often a failed request may be sent again. 0 means exactly one send. Default 2.
        max_retries: u32;
        /// How long an unused connection is kept. Default 4 s.
        pool_idle_timeout: Duration;
        /// A proxy for every request, such as `http://user:password@proxy:3128`.
        proxy: impl Into<String>;
        /// Certificates to trust beside the platform's own.
        ca_bundle: CaBundle;
        /// A word about the calling program for the end of the User-Agent, such as `shop/2.1`.
        app_info: impl Into<String>;
    }

    /// The account's password. It is wiped from memory with the client.
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(SecretString::from(password.into()));
        self
    }

    /// When a repeated request counts as harmless. Default [`Idempotency::Auto`].
    pub fn idempotency(mut self, idempotency: Idempotency) -> Self {
        self.idempotency = idempotency;
        self
    }

    /// Allows plain `http` to a host that is not this machine. Credentials and PINs then travel
    /// readable; only for networks that are protected otherwise.
    pub fn allow_insecure_http(mut self, allow: bool) -> Self {
        self.allow_insecure_http = allow;
        self
    }

    /// The first part of the User-Agent. For the language bindings.
    #[doc(hidden)]
    pub fn product(mut self, product: impl Into<String>) -> Self {
        self.product = Some(product.into());
        self
    }

    /// Fills what was not said from `VERIGATOR_USERNAME`, `VERIGATOR_PASSWORD`,
    /// `VERIGATOR_ENDPOINT`, `VERIGATOR_TIMEOUT` (seconds), `VERIGATOR_MAX_RETRIES` and
    /// `VERIGATOR_CA_BUNDLE`, and honours the standard proxy variables.
    pub fn fill_from_env(self) -> Result<Self> {
        self.fill_from(|name| std::env::var(name).ok())
    }

    /// The same with an environment that is not the process's own. An empty variable says nothing.
    pub(crate) fn fill_from(mut self, variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        self.proxy_from_environment = true;
        self.username = self.username.or_else(|| variable("VERIGATOR_USERNAME"));
        self.password = self
            .password
            .or_else(|| variable("VERIGATOR_PASSWORD").map(SecretString::from));
        self.endpoint = self.endpoint.or_else(|| variable("VERIGATOR_ENDPOINT"));
        self.ca_bundle = self
            .ca_bundle
            .or_else(|| variable("VERIGATOR_CA_BUNDLE").map(|path| CaBundle::Path(path.into())));
        if self.timeout.is_none()
            && let Some(text) = variable("VERIGATOR_TIMEOUT")
        {
            let seconds = text
                .parse()
                .ok()
                .and_then(|s| Duration::try_from_secs_f64(s).ok());
            self.timeout = Some(seconds.ok_or_else(|| {
                Error::configuration("VERIGATOR_TIMEOUT must be a number of seconds")
            })?);
        }
        if self.max_retries.is_none()
            && let Some(text) = variable("VERIGATOR_MAX_RETRIES")
        {
            self.max_retries = Some(text.parse().map_err(|_| {
                Error::configuration("VERIGATOR_MAX_RETRIES must be a whole number, 0 or more")
            })?);
        }
        Ok(self)
    }

    /// Checks the options and makes the client. Connects to nothing yet.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) names the option at fault.
    pub fn build(self) -> Result<Api> {
        Api::from_config(&self.config()?, Arc::default())
    }

    /// [`build`](Self::build) for programs without an async runtime.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) names the option at fault.
    pub fn build_blocking(self) -> Result<blocking::Api> {
        Ok(blocking::Api::from_config(self.config()?))
    }

    /// Checks the options. What several clients of one process share is made from the result.
    pub fn config(self) -> Result<Config> {
        let (username, password) = self.credentials()?;
        let auth = auth_header(&username, password.expose_secret())?;
        let endpoint = Endpoint::parse(
            self.endpoint.as_deref().unwrap_or(DEFAULT_ENDPOINT),
            self.allow_insecure_http,
        )?;
        let proxy = match &self.proxy {
            Some(url) => Proxy::parse(url)?,
            // A proxy can't reach this machine's own loopback.
            None if self.proxy_from_environment && !endpoint.address.is_loopback => {
                Proxy::Environment
            }
            None => Proxy::None,
        };
        Ok(Config(Arc::new(Settings {
            masked_username: masked_username(&username),
            auth,
            endpoint,
            user_agent: self.user_agent()?,
            timeout: positive("timeout", self.timeout.unwrap_or(DEFAULT_TIMEOUT))?,
            connect_timeout: positive(
                "connect_timeout",
                self.connect_timeout.unwrap_or(DEFAULT_CONNECT_TIMEOUT),
            )?,
            deadline: positive("deadline", self.deadline.unwrap_or(DEFAULT_DEADLINE))?,
            max_retries: self.max_retries.unwrap_or(DEFAULT_MAX_RETRIES),
            idempotency: self.idempotency,
            pool_idle_timeout: self.pool_idle_timeout.unwrap_or(DEFAULT_POOL_IDLE_TIMEOUT),
            proxy,
            extra_roots: self
                .ca_bundle
                .map(tls::read_bundle)
                .transpose()?
                .unwrap_or_default(),
            tls: OnceLock::new(),
            server_honours_keys: AtomicBool::new(false),
        })))
    }

    fn credentials(&self) -> Result<(String, SecretString)> {
        match (&self.username, &self.password) {
            (Some(username), Some(password)) if !username.is_empty() => {
                if username.contains(':') {
                    return Err(Error::configuration("username may not contain a colon"));
                }
                Ok((username.clone(), password.clone()))
            }
            (None | Some(_), Some(_)) => Err(Error::configuration(
                "username is missing: pass it or set VERIGATOR_USERNAME",
            )),
            _ => Err(Error::configuration(
                "password is missing: pass it or set VERIGATOR_PASSWORD",
            )),
        }
    }

    fn user_agent(&self) -> Result<HeaderValue> {
        let own = concat!("verigator-rust/", env!("CARGO_PKG_VERSION"));
        let product = self.product.as_deref().unwrap_or(own);
        let text = match &self.app_info {
            Some(app_info) => format!("{product} {app_info}"),
            None => product.to_owned(),
        };
        HeaderValue::from_str(&text)
            .ok()
            .filter(|_| text.is_ascii())
            .ok_or_else(|| Error::configuration("app_info must be printable ASCII"))
    }
}

impl fmt::Debug for ApiBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiBuilder").finish_non_exhaustive()
    }
}

/// Options that were checked. Cheap to clone; clones share what is learnt of the server.
#[derive(Clone)]
pub struct Config(Arc<Settings>);

impl Config {
    /// Where requests go, without a slash at the end.
    pub fn endpoint(&self) -> &str {
        self.0.endpoint.base()
    }

    /// The account's name, masked: enough to tell accounts apart.
    pub fn masked_username(&self) -> &str {
        &self.0.masked_username
    }

    pub(crate) fn settings(&self) -> &Arc<Settings> {
        &self.0
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.describe(f, "Config")
    }
}

pub(crate) struct Settings {
    pub(crate) masked_username: String,
    /// `username:password`, marked sensitive so that no library prints it.
    pub(crate) auth: HeaderValue,
    pub(crate) endpoint: Endpoint,
    pub(crate) user_agent: HeaderValue,
    pub(crate) timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) deadline: Duration,
    pub(crate) max_retries: u32,
    pub(crate) idempotency: Idempotency,
    pub(crate) pool_idle_timeout: Duration,
    pub(crate) proxy: Proxy,
    pub(crate) extra_roots: Vec<CertificateDer<'static>>,
    /// Reading the platform's certificates takes milliseconds, so it happens once and only for TLS.
    tls: OnceLock<Arc<ClientConfig>>,
    /// Set by the first answer that says so. Shared by every client made from one [`Config`].
    server_honours_keys: AtomicBool,
}

impl Settings {
    /// For `Debug`: tells clients apart and shows nothing secret.
    pub(crate) fn describe(&self, f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
        f.debug_struct(name)
            .field("endpoint", &self.endpoint.base())
            .field("username", &self.masked_username)
            .finish_non_exhaustive()
    }

    /// Whether a text repeats the credentials. A password by itself is any word.
    pub(crate) fn is_betrayed_by(&self, text: &str) -> bool {
        str::from_utf8(self.auth.as_bytes()).is_ok_and(|credentials| text.contains(credentials))
    }

    pub(crate) fn tls(&self) -> Result<Arc<ClientConfig>> {
        if let Some(ready) = self.tls.get() {
            return Ok(ready.clone());
        }
        let needs_roots =
            self.endpoint.address.url.scheme() == "https" || !matches!(self.proxy, Proxy::None);
        let made = tls::client_config(needs_roots.then_some(self.extra_roots.as_slice()))?;
        Ok(self.tls.get_or_init(|| made).clone())
    }

    pub(crate) fn idempotency_in_force(&self) -> bool {
        match self.idempotency {
            Idempotency::Auto => self.server_honours_keys.load(Ordering::Relaxed),
            Idempotency::On => true,
            Idempotency::Off => false,
        }
    }

    pub(crate) fn note_keys_are_honoured(&self) {
        self.server_honours_keys.store(true, Ordering::Relaxed);
    }
}

fn auth_header(username: &str, password: &str) -> Result<HeaderValue> {
    let mut header =
        HeaderValue::from_bytes(format!("{username}:{password}").as_bytes()).map_err(|_| {
            Error::configuration("username and password may not contain control characters")
        })?;
    header.set_sensitive(true);
    Ok(header)
}

fn positive(option: &str, value: Duration) -> Result<Duration> {
    in_bounds(option, value).map_err(Error::configuration)
}

fn in_bounds(option: &str, value: Duration) -> Result<Duration, String> {
    if value.is_zero() || value > LONGEST {
        return Err(format!("{option} must be above 0 and at most a year"));
    }
    Ok(value)
}

/// Options of single calls, for [`Api::with`]. What is not said stays as the client has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct CallOptions {
    pub(crate) timeout: Option<Duration>,
    pub(crate) deadline: Option<Duration>,
    pub(crate) max_retries: Option<u32>,
}

impl CallOptions {
    /// Nothing said.
    pub fn new() -> Self {
        Self::default()
    }

    /// Refuses durations outside their bounds.
    pub(crate) fn check(&self) -> Result<()> {
        for (name, value) in [("timeout", self.timeout), ("deadline", self.deadline)] {
            if let Some(value) = value {
                in_bounds(name, value).map_err(Error::invalid_argument)?;
            }
        }
        Ok(())
    }

    setters! {
        /// How long one attempt may take.
        timeout: Duration;
        /// How long the call may take with all its attempts and waits.
        deadline: Duration;
        /// How often the request may be sent again; 0 means exactly one send.
        max_retries: u32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn builder() -> ApiBuilder {
        ApiBuilder::new().username("user").password("pass")
    }

    fn refused(builder: ApiBuilder) -> String {
        let error = builder.config().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        error.message().to_owned()
    }

    #[test]
    fn plain_http_is_for_this_machine_unless_allowed() {
        for endpoint in [
            "http://127.0.0.1:1",
            "http://[::1]:1",
            "http://localhost",
            "https://x.test",
        ] {
            assert!(builder().endpoint(endpoint).config().is_ok(), "{endpoint}");
        }
        let far = builder().endpoint("http://verigator.test");
        assert!(refused(far.clone()).contains("https"));
        assert!(far.allow_insecure_http(true).config().is_ok());
    }

    #[test]
    fn an_endpoint_is_only_an_address() {
        for endpoint in [
            "",
            "ftp://x",
            "https://",
            "https://u:p@x.test",
            "https://x.test/?a=1",
            "https://x.test/#a",
        ] {
            refused(builder().endpoint(endpoint));
        }
        let config = builder().endpoint("https://x.test/2fa/").config().unwrap();
        assert_eq!(config.settings().endpoint.base(), "https://x.test/2fa");
    }

    #[test]
    fn credentials_are_required_and_plain() {
        assert!(refused(ApiBuilder::new().password("p")).contains("VERIGATOR_USERNAME"));
        assert!(refused(ApiBuilder::new().username("u")).contains("VERIGATOR_PASSWORD"));
        assert!(refused(builder().username("a:b")).contains("colon"));
        assert!(refused(builder().username("a\nb")).contains("control"));
        assert!(refused(builder().username(String::new())).contains("username"));
    }

    #[test]
    fn what_is_said_wins_over_the_environment() {
        let environment = |name: &str| match name {
            "VERIGATOR_USERNAME" => Some("env-user".to_owned()),
            "VERIGATOR_PASSWORD" => Some("env-pass".to_owned()),
            "VERIGATOR_ENDPOINT" => Some("https://env.test".to_owned()),
            "VERIGATOR_TIMEOUT" => Some("1.5".to_owned()),
            "VERIGATOR_MAX_RETRIES" => Some("0".to_owned()),
            _ => None,
        };
        let config = ApiBuilder::new()
            .endpoint("https://said.test")
            .fill_from(environment)
            .unwrap()
            .config()
            .unwrap();
        let settings = config.settings();
        assert_eq!(settings.endpoint.base(), "https://said.test");
        assert_eq!(settings.timeout, Duration::from_millis(1500));
        assert_eq!(settings.max_retries, 0);
        assert_eq!(settings.auth.to_str().unwrap(), "env-user:env-pass");

        let wrong = ApiBuilder::new()
            .fill_from(|name| (name == "VERIGATOR_TIMEOUT").then(|| "soon".into()));
        assert_eq!(wrong.unwrap_err().kind(), ErrorKind::Configuration);
    }

    #[test]
    fn the_user_agent_is_plain() {
        for app_info in ["shöp/1", "shop\n", "shop\u{7f}"] {
            assert!(
                refused(builder().app_info(app_info)).contains("app_info"),
                "{app_info:?}"
            );
        }
        assert!(builder().app_info("shop/2.1").config().is_ok());
    }

    #[test]
    fn durations_have_bounds() {
        assert!(refused(builder().timeout(Duration::ZERO)).contains("timeout"));
        assert!(refused(builder().deadline(Duration::MAX)).contains("deadline"));
    }

    #[test]
    fn nothing_secret_prints() {
        let secret = "hunter2-never-shown";
        let config = builder()
            .password(secret)
            .proxy(format!("http://u:{secret}@127.0.0.1:1"));
        assert!(!format!("{config:?}").contains(secret));
        let config = config.config().unwrap();
        let shown = format!("{config:?} {:?}", config.settings().auth);
        assert!(!shown.contains(secret), "{shown}");
        assert!(shown.contains("us•••"));
        assert!(!refused(builder().proxy(format!("nonsense {secret}"))).contains(secret));
    }
}
