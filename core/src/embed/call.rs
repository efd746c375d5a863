//! Every operation of the client as data, so that a binding has one way in and one way out.

use std::fmt;

use crate::api::Api;
use crate::auth::Auth;
use crate::error::{Error, Result};
use crate::models::{Enrolment, Method, Service, User, Verification};

macro_rules! calls {
    ($($name:ident = $operation:literal { $($field:ident: $type:ty),* })*) => {
        /// An operation with its arguments. `Debug` shows only the operation.
        #[allow(clippy::doc_markdown, reason = "the documents are the operations' names")]
        #[allow(missing_docs, reason = "the arguments are those of the operation")]
        #[derive(Clone)]
        pub enum Call { $(#[doc = $operation] $name { $($field: $type),* },)* }

        impl Call {
            /// The operation's name, such as `auth.initiate`.
            pub fn operation(&self) -> &'static str {
                match self { $(Self::$name { .. } => $operation,)* }
            }
        }
    };
}

calls! {
    ServicesCreate = "services.create" { domain: String, name: String }
    ServicesGet = "services.get" { id: String }
    ServicesDelete = "services.delete" { id: String }
    UsersGetAll = "users.get_all" { service_id: String }
    UsersCreate = "users.create" { service_id: String, number: String, username: String }
    UsersGet = "users.get" { service_id: String, id: String }
    UsersDelete = "users.delete" { service_id: String, id: String }
    AuthInitiate = "auth.initiate" { service_id: String, user_id: String, method: String }
    AuthVerify = "auth.verify" {
        service_id: String, user_id: String, token: String, method: Option<String>
    }
    AuthVerifyOrError = "auth.verify" {
        service_id: String, user_id: String, token: String, method: Option<String>
    }
    TotpEnrol = "totp.enrol" { service_id: String, user_id: String }
    TotpConfirm = "totp.confirm" { service_id: String, user_id: String, token: String }
    TotpRemove = "totp.remove" { service_id: String, user_id: String }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Call").field(&self.operation()).finish()
    }
}

/// What an operation returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Of `services.create` and `services.get`.
    Service(Service),
    /// Of `users.create` and `users.get`.
    User(User),
    /// Of `users.get_all`.
    Users(Vec<User>),
    /// Of `auth.initiate`.
    Method(Method),
    /// Of `auth.verify`.
    Verification(Verification),
    /// Of `totp.enrol`.
    Enrolment(Enrolment),
    /// Of `totp.confirm`.
    Confirmed(bool),
    /// Of everything that removes.
    Done,
}

impl Call {
    pub(super) async fn perform(&self, api: &Api) -> Result<Reply> {
        let operation = self.operation();
        match self {
            Self::ServicesCreate { domain, name } => {
                api.services.create(domain, name).await.map(Reply::Service)
            }
            Self::ServicesGet { id } => api.services.get(id).await.map(Reply::Service),
            Self::ServicesDelete { id } => api.services.delete(id).await.map(|()| Reply::Done),
            Self::UsersGetAll { service_id } => {
                api.users.get_all(service_id).await.map(Reply::Users)
            }
            Self::UsersCreate {
                service_id,
                number,
                username,
            } => api
                .users
                .create(service_id, number, username)
                .await
                .map(Reply::User),
            Self::UsersGet { service_id, id } => {
                api.users.get(service_id, id).await.map(Reply::User)
            }
            Self::UsersDelete { service_id, id } => {
                api.users.delete(service_id, id).await.map(|()| Reply::Done)
            }
            Self::AuthInitiate {
                service_id,
                user_id,
                method,
            } => {
                let method = parse(method, operation)?;
                api.auth
                    .initiate(service_id, user_id, method)
                    .await
                    .map(Reply::Method)
            }
            Self::AuthVerify {
                service_id,
                user_id,
                token,
                method,
            } => {
                let auth = with_method(&api.auth, method.as_deref(), operation)?;
                let answer = auth.verify_detailed(service_id, user_id, token).await;
                answer.map(Reply::Verification)
            }
            Self::AuthVerifyOrError {
                service_id,
                user_id,
                token,
                method,
            } => {
                let auth = with_method(&api.auth, method.as_deref(), operation)?;
                let answer = auth.verify_or_error(service_id, user_id, token).await;
                answer.map(Reply::Verification)
            }
            Self::TotpEnrol {
                service_id,
                user_id,
            } => api
                .totp
                .enrol(service_id, user_id)
                .await
                .map(Reply::Enrolment),
            Self::TotpConfirm {
                service_id,
                user_id,
                token,
            } => api
                .totp
                .confirm(service_id, user_id, token)
                .await
                .map(Reply::Confirmed),
            Self::TotpRemove {
                service_id,
                user_id,
            } => api
                .totp
                .remove(service_id, user_id)
                .await
                .map(|()| Reply::Done),
        }
    }
}

fn with_method(auth: &Auth, method: Option<&str>, operation: &'static str) -> Result<Auth> {
    match method {
        Some(word) => Ok(auth.with_method(parse(word, operation)?)),
        None => Ok(auth.clone()),
    }
}

fn parse(word: &str, operation: &'static str) -> Result<Method> {
    word.parse()
        .map_err(|error: Error| error.operation_is(operation))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_does_not_print_its_arguments() {
        let call = Call::AuthVerify {
            service_id: "s".to_owned(),
            user_id: "u".to_owned(),
            token: "907182".to_owned(),
            method: None,
        };
        assert_eq!(format!("{call:?}"), r#"Call("auth.verify")"#);
    }
}
