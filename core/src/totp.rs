//! Authenticator apps: an extension of self-hosted servers.

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::models::Enrolment;
use crate::transport::{Client, Effect, Request, path};

/// The calls about authenticators. Reached as [`Api::totp`](crate::Api::totp).
#[derive(Clone)]
pub struct Totp {
    pub(crate) client: Client,
}

#[derive(Serialize)]
struct Nothing {}

#[derive(Serialize)]
struct FirstCode<'a> {
    token: &'a str,
}

#[derive(Deserialize)]
struct Confirmation {
    confirmed: bool,
}

impl Totp {
    /// Gives a user a new authenticator secret, to be shown this once. It counts after
    /// [`confirm`](Self::confirm).
    ///
    /// # Errors
    /// `NoSuchResource` when there is no such service or user.
    pub async fn enrol(&self, service_id: &str, user_id: &str) -> Result<Enrolment> {
        let path = path::totp(service_id, user_id);
        let request = Request::post("totp.enrol", Effect::Creates, path, &Nothing {})?;
        self.client.call(&request).await?.json()
    }

    /// Confirms a new authenticator with its first code: `false` when the code is wrong.
    ///
    /// # Errors
    /// `NoSuchResource` when nothing waits to be confirmed.
    pub async fn confirm(&self, service_id: &str, user_id: &str, token: &str) -> Result<bool> {
        let path = path::totp(service_id, user_id);
        let body = FirstCode { token };
        let request = Request::put("totp.confirm", Effect::Authenticates, path, &body)?;
        let request = request.confides(token);
        let confirmation: Confirmation = self.client.call(&request).await?.json()?;
        Ok(confirmation.confirmed)
    }

    /// Takes the authenticator away: the user gets an SMS again.
    ///
    /// # Errors
    /// `NoSuchResource` when the user has none.
    pub async fn remove(&self, service_id: &str, user_id: &str) -> Result<()> {
        let request = Request::delete("totp.remove", path::totp(service_id, user_id))?;
        self.client.call(&request).await?.nothing()
    }
}
