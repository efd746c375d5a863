//! Authentications: sending a PIN or asking for a code, and checking it.

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::models::{Method, Verification};
use crate::transport::{Answer, Client, Effect, Request, path};

/// The calls about authentications. Reached as [`Api::auth`](crate::Api::auth).
#[derive(Clone)]
pub struct Auth {
    client: Client,
    /// Said by the caller; otherwise the client sends what it remembers of the start.
    method: Option<Method>,
}

#[derive(Serialize, Deserialize)]
struct Started {
    method: Method,
}

#[derive(Serialize)]
struct Attempt<'a> {
    token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<Method>,
}

impl Auth {
    pub(crate) fn new(client: Client) -> Self {
        Self {
            client,
            method: None,
        }
    }

    /// Says which method the authentication to be checked uses. Only needed for servers that require
    /// it, when another client started the authentication: a client remembers its own.
    #[must_use]
    pub fn with_method(&self, method: Method) -> Self {
        Self {
            client: self.client.clone(),
            method: Some(method),
        }
    }

    /// Starts an authentication and returns the method that is really used: a user without an
    /// authenticator gets an SMS.
    ///
    /// # Errors
    /// `ResourceAlreadyExists` with `retry_after` when a PIN went out a moment ago, `RateLimited`
    /// when too many did.
    pub async fn initiate(
        &self,
        service_id: &str,
        user_id: &str,
        method: Method,
    ) -> Result<Method> {
        const OPERATION: &str = "auth.initiate";
        if matches!(method, Method::Other(_)) {
            return Err(Method::not_known().operation_is(OPERATION));
        }
        let path = path::auth(service_id, user_id);
        let body = Started { method };
        let request = Request::post(OPERATION, Effect::Authenticates, path, &body)?;
        let started: Started = self.client.call(&request).await?.json()?;
        let method = started.method;
        self.client
            .started()
            .remember(&request.path, method.clone());
        Ok(method)
    }

    /// Checks a PIN or a code: `true` means let the user in.
    ///
    /// # Errors
    /// `NoSuchResource` when no authentication was started, or it was already used.
    pub async fn verify(&self, service_id: &str, user_id: &str, token: &str) -> Result<bool> {
        let verification = self.verify_detailed(service_id, user_id, token).await?;
        Ok(verification.verified)
    }

    /// [`verify`](Self::verify) with the server's reason.
    pub async fn verify_detailed(
        &self,
        service_id: &str,
        user_id: &str,
        token: &str,
    ) -> Result<Verification> {
        let (verification, _) = self.check(service_id, user_id, token).await?;
        Ok(verification)
    }

    /// [`verify`](Self::verify) for those who prefer an error over `false`.
    ///
    /// # Errors
    /// `NotVerified` when the token is not accepted, beside those of [`verify`](Self::verify).
    pub async fn verify_or_error(
        &self,
        service_id: &str,
        user_id: &str,
        token: &str,
    ) -> Result<Verification> {
        let (verification, answer) = self.check(service_id, user_id, token).await?;
        if verification.verified {
            return Ok(verification);
        }
        Err(not_verified(&verification, &answer))
    }

    async fn check(
        &self,
        service_id: &str,
        user_id: &str,
        token: &str,
    ) -> Result<(Verification, Answer)> {
        const OPERATION: &str = "auth.verify";
        if matches!(self.method, Some(Method::Other(_))) {
            return Err(Method::not_known().operation_is(OPERATION));
        }
        let path =
            path::auth(service_id, user_id).map_err(|error| error.operation_is(OPERATION))?;
        let started = self.client.started();
        let method = self.method.clone().or_else(|| started.method_of(&path));
        let body = Attempt { token, method };
        let request = Request::put(OPERATION, Effect::Authenticates, Ok(path), &body)?;
        let request = request.confides(token);
        let answer = self.client.call(&request).await?;
        let verification: Verification = answer.json()?;
        if verification.verified {
            started.forget(&request.path);
        }
        Ok((verification, answer))
    }
}

fn not_verified(verification: &Verification, answer: &Answer) -> Error {
    let reason = verification
        .status
        .as_ref()
        .map_or("", |status| status.result.as_str());
    let message = match reason {
        "EXPIRED" => "not verified: the PIN has expired",
        "THROTTLED" => "not verified: too many wrong tries, a new PIN is needed",
        _ => "not verified: the PIN is wrong",
    };
    answer.error(ErrorKind::NotVerified, message)
}
