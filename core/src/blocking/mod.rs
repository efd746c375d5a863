//! The same calls without an async runtime: each waits on the calling thread. Knows no path, no
//! body and no rule; it only waits for [`Api`](crate::Api).

mod engine;

use std::fmt;
use std::sync::Arc;

pub(crate) use self::engine::Engines;
use crate::config::{ApiBuilder, CallOptions, Config};
use crate::error::Result;
use crate::models::{Enrolment, Method, Service, User, Verification};

/// The Verigator API, waiting.
///
/// Cheap to clone; clones and threads share it. It may be used before and after a `fork`.
///
/// ```no_run
/// use verigator::{Method, blocking::Api};
///
/// # fn main() -> verigator::Result<()> {
/// let api = Api::builder("username", "password")
///     .endpoint("https://verigator.example.com")
///     .build_blocking()?;
/// let service = api.services.get("81213bfd-b690-499e-b9d2-8754cb1550e8")?;
/// for user in api.users.get_all(&service.id)? {
///     println!("{}", user.username);
/// }
/// # Ok(())
/// # }
/// ```
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
    /// See [`Api::new`](crate::Api::new).
    pub fn new(username: impl Into<String>, password: impl Into<String>) -> Result<Self> {
        Self::builder(username, password).build_blocking()
    }

    /// Collects options; [`ApiBuilder::build_blocking`] ends it.
    pub fn builder(username: impl Into<String>, password: impl Into<String>) -> ApiBuilder {
        ApiBuilder::new().username(username).password(password)
    }

    /// See [`Api::from_env`](crate::Api::from_env).
    pub fn from_env() -> Result<Self> {
        ApiBuilder::new().fill_from_env()?.build_blocking()
    }

    pub(crate) fn from_config(config: Config) -> Self {
        Self::over(&Waiter {
            engines: Arc::new(Engines::new(config)),
            options: CallOptions::default(),
        })
    }

    /// The same client with other options, for single calls. See [`Api::with`](crate::Api::with).
    #[must_use]
    pub fn with(&self, options: CallOptions) -> Self {
        Self::over(&Waiter {
            engines: self.services.waiter.engines.clone(),
            options,
        })
    }

    fn over(waiter: &Waiter) -> Self {
        Self {
            services: Services {
                waiter: waiter.clone(),
            },
            users: Users {
                waiter: waiter.clone(),
            },
            auth: Auth {
                waiter: waiter.clone(),
                method: None,
            },
            totp: Totp {
                waiter: waiter.clone(),
            },
        }
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.services
            .waiter
            .engines
            .config()
            .settings()
            .describe(f, "Api")
    }
}

#[derive(Clone)]
struct Waiter {
    engines: Arc<Engines>,
    options: CallOptions,
}

impl Waiter {
    fn wait<T>(&self, job: impl AsyncFnOnce(crate::Api) -> Result<T>) -> Result<T> {
        self.engines.run(self.options, job)
    }
}

/// See [`Services`](crate::Services). Reached as [`Api::services`].
#[derive(Clone)]
pub struct Services {
    waiter: Waiter,
}

impl Services {
    /// See [`Services::create`](crate::Services::create).
    pub fn create(&self, domain: &str, name: &str) -> Result<Service> {
        self.waiter
            .wait(async |api| api.services.create(domain, name).await)
    }

    /// See [`Services::get`](crate::Services::get).
    pub fn get(&self, id: &str) -> Result<Service> {
        self.waiter.wait(async |api| api.services.get(id).await)
    }

    /// See [`Services::delete`](crate::Services::delete).
    pub fn delete(&self, id: &str) -> Result<()> {
        self.waiter.wait(async |api| api.services.delete(id).await)
    }
}

/// See [`Users`](crate::Users). Reached as [`Api::users`].
#[derive(Clone)]
pub struct Users {
    waiter: Waiter,
}

impl Users {
    /// See [`Users::create`](crate::Users::create).
    pub fn create(&self, service_id: &str, number: &str, username: &str) -> Result<User> {
        self.waiter
            .wait(async |api| api.users.create(service_id, number, username).await)
    }

    /// See [`Users::get`](crate::Users::get).
    pub fn get(&self, service_id: &str, id: &str) -> Result<User> {
        self.waiter
            .wait(async |api| api.users.get(service_id, id).await)
    }

    /// See [`Users::get_all`](crate::Users::get_all).
    pub fn get_all(&self, service_id: &str) -> Result<Vec<User>> {
        self.waiter
            .wait(async |api| api.users.get_all(service_id).await)
    }

    /// See [`Users::delete`](crate::Users::delete).
    pub fn delete(&self, service_id: &str, id: &str) -> Result<()> {
        self.waiter
            .wait(async |api| api.users.delete(service_id, id).await)
    }
}

/// See [`Auth`](crate::Auth). Reached as [`Api::auth`].
#[derive(Clone)]
pub struct Auth {
    waiter: Waiter,
    method: Option<Method>,
}

impl Auth {
    /// See [`Auth::with_method`](crate::Auth::with_method).
    #[must_use]
    pub fn with_method(&self, method: Method) -> Self {
        Self {
            waiter: self.waiter.clone(),
            method: Some(method),
        }
    }

    /// See [`Auth::initiate`](crate::Auth::initiate).
    pub fn initiate(&self, service_id: &str, user_id: &str, method: Method) -> Result<Method> {
        self.wait(async |auth| auth.initiate(service_id, user_id, method).await)
    }

    /// See [`Auth::verify`](crate::Auth::verify).
    pub fn verify(&self, service_id: &str, user_id: &str, token: &str) -> Result<bool> {
        self.wait(async |auth| auth.verify(service_id, user_id, token).await)
    }

    /// See [`Auth::verify_detailed`](crate::Auth::verify_detailed).
    pub fn verify_detailed(
        &self,
        service_id: &str,
        user_id: &str,
        token: &str,
    ) -> Result<Verification> {
        self.wait(async |auth| auth.verify_detailed(service_id, user_id, token).await)
    }

    /// See [`Auth::verify_or_error`](crate::Auth::verify_or_error).
    pub fn verify_or_error(
        &self,
        service_id: &str,
        user_id: &str,
        token: &str,
    ) -> Result<Verification> {
        self.wait(async |auth| auth.verify_or_error(service_id, user_id, token).await)
    }

    fn wait<T>(&self, job: impl AsyncFnOnce(crate::Auth) -> Result<T>) -> Result<T> {
        self.waiter.wait(async |api| {
            let auth = match &self.method {
                Some(method) => api.auth.with_method(method.clone()),
                None => api.auth,
            };
            job(auth).await
        })
    }
}

/// See [`Totp`](crate::Totp). Reached as [`Api::totp`].
#[derive(Clone)]
pub struct Totp {
    waiter: Waiter,
}

impl Totp {
    /// See [`Totp::enrol`](crate::Totp::enrol).
    pub fn enrol(&self, service_id: &str, user_id: &str) -> Result<Enrolment> {
        self.waiter
            .wait(async |api| api.totp.enrol(service_id, user_id).await)
    }

    /// See [`Totp::confirm`](crate::Totp::confirm).
    pub fn confirm(&self, service_id: &str, user_id: &str, token: &str) -> Result<bool> {
        self.waiter
            .wait(async |api| api.totp.confirm(service_id, user_id, token).await)
    }

    /// See [`Totp::remove`](crate::Totp::remove).
    pub fn remove(&self, service_id: &str, user_id: &str) -> Result<()> {
        self.waiter
            .wait(async |api| api.totp.remove(service_id, user_id).await)
    }
}
