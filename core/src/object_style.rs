//! The calls on the things themselves, as the documents of the hosted service show them:
//! `service.register_user(…)`, `user.verify_pin(…)`. Everything goes through [`Api`].

use std::ops::Deref;

use crate::api::Api;
use crate::error::Result;
use crate::models::{self, Method, Verification};

/// The account: where services come from.
///
/// ```no_run
/// use verigator::object_style::{Service, Verigator};
///
/// # async fn example() -> verigator::Result<()> {
/// let verigator = Verigator::new("username", "password")?;
/// let service = Service::get(&verigator, "81213bfd-b690-499e-b9d2-8754cb1550e8").await?;
/// let user = service.register_user("john.doe@example.com", "+37255555555").await?;
/// user.authenticate_using_sms().await?;
/// if user.verify_pin("123456").await?.is_verified() {
///     println!("welcome");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Verigator {
    api: Api,
}

impl From<Api> for Verigator {
    /// Uses a client with its options.
    fn from(api: Api) -> Self {
        Self { api }
    }
}

impl Verigator {
    /// An account on the default endpoint. For other options use `Verigator::from(api)`.
    ///
    /// # Errors
    /// See [`Api::new`].
    pub fn new(username: impl Into<String>, password: impl Into<String>) -> Result<Self> {
        Api::new(username, password).map(Self::from)
    }

    /// See [`Services::create`](crate::Services::create).
    pub async fn create_service(&self, name: &str, fqdn: &str) -> Result<Service> {
        let model = self.api.services.create(fqdn, name).await?;
        Ok(self.bind(model))
    }

    /// See [`Services::get`](crate::Services::get).
    pub async fn get_service(&self, id: &str) -> Result<Service> {
        let model = self.api.services.get(id).await?;
        Ok(self.bind(model))
    }

    fn bind(&self, model: models::Service) -> Service {
        Service {
            api: self.api.clone(),
            model,
        }
    }
}

/// A service with its calls. Dereferences to the [model](models::Service).
#[derive(Clone, Debug)]
pub struct Service {
    api: Api,
    model: models::Service,
}

impl Deref for Service {
    type Target = models::Service;

    fn deref(&self) -> &models::Service {
        &self.model
    }
}

impl Service {
    /// See [`Services::get`](crate::Services::get).
    pub async fn get(verigator: &Verigator, id: &str) -> Result<Self> {
        verigator.get_service(id).await
    }

    /// See [`Users::create`](crate::Users::create).
    pub async fn register_user(&self, username: &str, phone_number: &str) -> Result<User> {
        let model = self
            .api
            .users
            .create(&self.id, phone_number, username)
            .await?;
        Ok(self.bind(model))
    }

    /// See [`Users::get`](crate::Users::get).
    pub async fn get_user(&self, id: &str) -> Result<User> {
        let model = self.api.users.get(&self.id, id).await?;
        Ok(self.bind(model))
    }

    /// See [`Users::get_all`](crate::Users::get_all).
    pub async fn get_users(&self) -> Result<Vec<User>> {
        let models = self.api.users.get_all(&self.id).await?;
        Ok(models.into_iter().map(|model| self.bind(model)).collect())
    }

    /// See [`Services::delete`](crate::Services::delete).
    pub async fn delete(&self) -> Result<()> {
        self.api.services.delete(&self.id).await
    }

    fn bind(&self, model: models::User) -> User {
        User {
            api: self.api.clone(),
            service_id: self.id.clone(),
            model,
        }
    }
}

/// A user with its calls. Dereferences to the [model](models::User).
#[derive(Clone, Debug)]
pub struct User {
    api: Api,
    service_id: String,
    model: models::User,
}

impl Deref for User {
    type Target = models::User;

    fn deref(&self) -> &models::User {
        &self.model
    }
}

impl User {
    /// Sends a PIN by SMS. See [`Auth::initiate`](crate::Auth::initiate).
    pub async fn authenticate_using_sms(&self) -> Result<Method> {
        self.authenticate(Method::Sms).await
    }

    /// Asks for a code of the authenticator, or sends a PIN by SMS when there is none.
    pub async fn authenticate_using_totp(&self) -> Result<Method> {
        self.authenticate(Method::Totp).await
    }

    async fn authenticate(&self, method: Method) -> Result<Method> {
        self.api
            .auth
            .initiate(&self.service_id, &self.id, method)
            .await
    }

    /// Checks what the user typed. See [`Auth::verify_detailed`](crate::Auth::verify_detailed).
    pub async fn verify_pin(&self, pin: &str) -> Result<Verification> {
        self.api
            .auth
            .verify_detailed(&self.service_id, &self.id, pin)
            .await
    }

    /// See [`Users::delete`](crate::Users::delete).
    pub async fn delete(&self) -> Result<()> {
        self.api.users.delete(&self.service_id, &self.id).await
    }
}
