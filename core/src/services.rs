//! Services: the sites and apps whose users are verified.

use serde::Serialize;

use crate::error::Result;
use crate::models::Service;
use crate::transport::{Client, Effect, Request, path};

/// The calls about services. Reached as [`Api::services`](crate::Api::services).
#[derive(Clone)]
pub struct Services {
    pub(crate) client: Client,
}

#[derive(Serialize)]
struct NewService<'a> {
    fqdn: &'a str,
    name: &'a str,
}

impl Services {
    /// Creates a service. `domain` is its host, such as `example.com`; its users see `name` in their
    /// messages.
    ///
    /// # Errors
    /// `ResourceAlreadyExists` when the account has one of this name or domain.
    pub async fn create(&self, domain: &str, name: &str) -> Result<Service> {
        let body = NewService { fqdn: domain, name };
        let request = Request::post(
            "services.create",
            Effect::Creates,
            Ok(path::services()),
            &body,
        )?;
        self.client.call(&request).await?.json()
    }

    /// Gets a service.
    ///
    /// # Errors
    /// `NoSuchResource` when there is none, `ResourceForbidden` when it is another account's.
    pub async fn get(&self, id: &str) -> Result<Service> {
        let request = Request::get("services.get", path::service(id))?;
        self.client.call(&request).await?.json()
    }

    /// Deletes a service with all its users.
    ///
    /// # Errors
    /// `NoSuchResource` when there is none, `ResourceForbidden` when it is another account's.
    pub async fn delete(&self, id: &str) -> Result<()> {
        let request = Request::delete("services.delete", path::service(id))?;
        self.client.call(&request).await?.nothing()
    }
}
