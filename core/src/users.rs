//! Users: the people of a service who can be verified.

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::models::User;
use crate::transport::{Client, Effect, Request, path};

/// The calls about users. Reached as [`Api::users`](crate::Api::users).
#[derive(Clone)]
pub struct Users {
    pub(crate) client: Client,
}

#[derive(Serialize)]
struct NewUser<'a> {
    phone_number: &'a str,
    id_in_service: &'a str,
}

#[derive(Deserialize)]
struct UserList {
    users: Vec<User>,
}

impl Users {
    /// Adds a user. `number` is the phone with its country, such as `+4401234567`; `username` is the
    /// user's name in your service.
    ///
    /// # Errors
    /// `ResourceAlreadyExists` when the service has a user of this name, `InvalidData` when the
    /// number is none.
    pub async fn create(&self, service_id: &str, number: &str, username: &str) -> Result<User> {
        let body = NewUser {
            phone_number: number,
            id_in_service: username,
        };
        let request = Request::post(
            "users.create",
            Effect::Creates,
            path::users(service_id),
            &body,
        )?;
        let request = request.confides(number);
        self.client.call(&request).await?.json()
    }

    /// Gets a user.
    ///
    /// # Errors
    /// `NoSuchResource` when there is no such service or user.
    pub async fn get(&self, service_id: &str, id: &str) -> Result<User> {
        let request = Request::get("users.get", path::user(service_id, id))?;
        self.client.call(&request).await?.json()
    }

    /// Gets all users of a service.
    ///
    /// # Errors
    /// `NoSuchResource` when there is no such service.
    pub async fn get_all(&self, service_id: &str) -> Result<Vec<User>> {
        let request = Request::get("users.get_all", path::users(service_id))?;
        let list: UserList = self.client.call(&request).await?.json()?;
        Ok(list.users)
    }

    /// Deletes a user.
    ///
    /// # Errors
    /// `NoSuchResource` when there is no such service or user.
    pub async fn delete(&self, service_id: &str, id: &str) -> Result<()> {
        let request = Request::delete("users.delete", path::user(service_id, id))?;
        self.client.call(&request).await?.nothing()
    }
}
