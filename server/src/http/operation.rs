//! The names of the operations, for logs and for the sandbox's faults.

use std::{fmt, str::FromStr};

use axum::http::Method;
use thiserror::Error;

/// An operation of the API. Its text is the one of the wire contract, such as `auth.initiate`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the names say it, and the wire contract describes them"
)]
pub enum Operation {
    ServicesCreate,
    ServicesGet,
    ServicesDelete,
    UsersCreate,
    UsersGet,
    UsersGetAll,
    UsersDelete,
    AuthInitiate,
    AuthVerify,
    TotpEnrol,
    TotpConfirm,
    TotpRemove,
}

/// A text that names no operation.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("there is no operation of this name")]
pub struct UnknownOperation;

impl Operation {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::ServicesCreate,
        Self::ServicesGet,
        Self::ServicesDelete,
        Self::UsersCreate,
        Self::UsersGet,
        Self::UsersGetAll,
        Self::UsersDelete,
        Self::AuthInitiate,
        Self::AuthVerify,
        Self::TotpEnrol,
        Self::TotpConfirm,
        Self::TotpRemove,
    ];

    /// The name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ServicesCreate => "services.create",
            Self::ServicesGet => "services.get",
            Self::ServicesDelete => "services.delete",
            Self::UsersCreate => "users.create",
            Self::UsersGet => "users.get",
            Self::UsersGetAll => "users.get_all",
            Self::UsersDelete => "users.delete",
            Self::AuthInitiate => "auth.initiate",
            Self::AuthVerify => "auth.verify",
            Self::TotpEnrol => "totp.enrol",
            Self::TotpConfirm => "totp.confirm",
            Self::TotpRemove => "totp.remove",
        }
    }

    /// The operation that a method does at a path, whatever the ids in it; none where there is
    /// nothing.
    pub fn of(method: &Method, path: &str) -> Option<Self> {
        let path = path.strip_prefix("/v1/service/")?;
        // The documents double the word, one of their examples does not. The bare word is the
        // collection, never an id.
        let path = path.strip_prefix("service/").unwrap_or(path);
        let segments: Vec<&str> = path.split('/').collect();
        Some(match (method.as_str(), segments.as_slice()) {
            ("POST", ["service"]) => Self::ServicesCreate,
            (_, ["service"]) => return None,
            ("GET" | "HEAD", [_]) => Self::ServicesGet,
            ("DELETE", [_]) => Self::ServicesDelete,
            ("POST", [_, "users"]) => Self::UsersCreate,
            ("GET" | "HEAD", [_, "users"]) => Self::UsersGetAll,
            ("GET" | "HEAD", [_, "users" | "user", _]) => Self::UsersGet,
            ("DELETE", [_, "users", _]) => Self::UsersDelete,
            ("POST", [_, "users", _, "auth"]) => Self::AuthInitiate,
            ("PUT", [_, "users", _, "auth"]) => Self::AuthVerify,
            ("POST", [_, "users", _, "totp"]) => Self::TotpEnrol,
            ("PUT", [_, "users", _, "totp"]) => Self::TotpConfirm,
            ("DELETE", [_, "users", _, "totp"]) => Self::TotpRemove,
            _ => return None,
        })
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Operation {
    type Err = UnknownOperation;

    fn from_str(text: &str) -> Result<Self, UnknownOperation> {
        Self::ALL
            .into_iter()
            .find(|operation| operation.as_str() == text)
            .ok_or(UnknownOperation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_names() {
        for (method, path, name) in [
            (Method::POST, "/v1/service/service", "services.create"),
            (Method::GET, "/v1/service/service/s", "services.get"),
            (Method::GET, "/v1/service/s", "services.get"),
            (Method::DELETE, "/v1/service/service/s", "services.delete"),
            (Method::POST, "/v1/service/service/s/users", "users.create"),
            (Method::GET, "/v1/service/s/users", "users.get_all"),
            (Method::GET, "/v1/service/service/s/user/u", "users.get"),
            (Method::GET, "/v1/service/service/s/users/u", "users.get"),
            (
                Method::DELETE,
                "/v1/service/service/s/users/u",
                "users.delete",
            ),
            (Method::POST, "/v1/service/s/users/u/auth", "auth.initiate"),
            (
                Method::PUT,
                "/v1/service/service/s/users/u/auth",
                "auth.verify",
            ),
            (
                Method::POST,
                "/v1/service/service/s/users/u/totp",
                "totp.enrol",
            ),
            (
                Method::PUT,
                "/v1/service/service/s/users/u/totp",
                "totp.confirm",
            ),
            (
                Method::DELETE,
                "/v1/service/service/s/users/u/totp",
                "totp.remove",
            ),
        ] {
            let operation = Operation::of(&method, path).unwrap();
            assert_eq!(operation.as_str(), name);
            assert_eq!(name.parse(), Ok(operation));
        }
        assert_eq!(Operation::of(&Method::GET, "/healthz"), None);
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            assert_eq!(Operation::of(&method, "/v1/service/service"), None);
        }
        assert_eq!("auth".parse::<Operation>(), Err(UnknownOperation));
    }
}
