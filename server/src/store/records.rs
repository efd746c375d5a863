//! What a store keeps of accounts, services and users.

use std::fmt;

use jiff::Timestamp;
use uuid::Uuid;

use crate::engine::{phone::Phone, template::Template};

/// A customer of this server.
#[derive(Clone)]
pub struct Account {
    /// Its id; services point to it.
    pub id: Uuid,
    /// What `X-Service-Auth` begins with. Holds no colon.
    pub username: String,
    /// Argon2id in PHC form.
    pub password_hash: String,
    /// Whether its credentials are refused.
    pub disabled: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// A service to be added.
#[derive(Debug, Clone)]
pub struct NewService {
    /// Its new id.
    pub id: Uuid,
    /// Whose it is.
    pub account: Uuid,
    /// Shown in messages; unique in the account.
    pub name: String,
    /// Its domain, in lower case; unique in the account.
    pub fqdn: String,
    /// The text of its messages; [`Rules::template`](crate::config::Rules::template) when it has
    /// none of its own.
    pub template: Option<Template>,
    /// The time.
    pub created_at: Timestamp,
}

/// A service that users sign in to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its id.
    pub id: Uuid,
    /// Shown in messages.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A user to be added.
#[derive(Clone)]
pub struct NewUser {
    /// Its new id.
    pub id: Uuid,
    /// The service's own name for the user; unique in the service.
    pub id_in_service: String,
    /// Where PINs go.
    pub phone: Phone,
    /// The time.
    pub created_at: Timestamp,
}

impl fmt::Debug for NewUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewUser")
            .field("id", &self.id)
            .field("phone", &self.phone)
            .finish_non_exhaustive()
    }
}

/// A user of a service. The phone number never comes back out.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// Its id.
    pub id: Uuid,
    /// The service's own name for the user.
    pub id_in_service: String,
    /// When it was added.
    pub created_at: Timestamp,
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
