//! The client: the resources that hang on it, and how it is made. Knows no path and no body.

use std::fmt;
use std::sync::Arc;

use crate::auth::Auth;
use crate::config::{ApiBuilder, CallOptions, Config};
use crate::error::Result;
use crate::services::Services;
use crate::started::Started;
use crate::totp::Totp;
use crate::transport::{Client, Connections};
use crate::users::Users;

/// The Verigator API, asynchronous.
///
/// Cheap to clone; clones share their connections. It belongs to the tokio runtime on which it is
/// first used. Outside one, use [`blocking::Api`](crate::blocking::Api).
#[derive(Clone)]
pub struct Api {
    /// Sites and apps whose users are verified.
    pub services: Services,
    /// The users of a service.
    pub users: Users,
    /// Starting and checking an authentication.
    pub auth: Auth,
    /// Authenticator apps, an extension of self-hosted servers.
    pub totp: Totp,
}

impl Api {
    /// A client of the default endpoint with default options.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) when a credential cannot be
    /// one: an empty username, or one with a colon.
    pub fn new(username: impl Into<String>, password: impl Into<String>) -> Result<Self> {
        Self::builder(username, password).build()
    }

    /// Collects options.
    pub fn builder(username: impl Into<String>, password: impl Into<String>) -> ApiBuilder {
        ApiBuilder::new().username(username).password(password)
    }

    /// A client with what the environment says; see [`ApiBuilder::fill_from_env`].
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) names the variable at fault.
    pub fn from_env() -> Result<Self> {
        ApiBuilder::new().fill_from_env()?.build()
    }

    pub(crate) fn from_config(config: &Config, started: Arc<Started>) -> Result<Self> {
        let connections = Connections::new(config.settings().clone())?;
        Ok(Self::over(&Client::new(connections, started)))
    }

    /// The same client with other options, for single calls.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use verigator::{Api, CallOptions, Result};
    /// # async fn once(api: Api) -> Result<()> {
    /// let patient = api.with(CallOptions::new().timeout(Duration::from_secs(90)).max_retries(0));
    /// patient.services.get("81213bfd-b690-499e-b9d2-8754cb1550e8").await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with(&self, options: CallOptions) -> Self {
        Self::over(&self.services.client.with(options))
    }

    fn over(client: &Client) -> Self {
        Self {
            services: Services {
                client: client.clone(),
            },
            users: Users {
                client: client.clone(),
            },
            auth: Auth::new(client.clone()),
            totp: Totp {
                client: client.clone(),
            },
        }
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.services.client.settings().describe(f, "Api")
    }
}
