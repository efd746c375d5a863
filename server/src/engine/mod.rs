//! The rules of an authentication, as pure functions.
//!
//! Knows no HTTP, no SQL, no thread and no clock: the time and the random bytes come in as
//! arguments, and what goes out is an outcome and a changed [`authentication::AuthState`]. A store
//! calls these functions inside its own transaction, which is what makes every backend follow the
//! same rules.

pub mod authentication;
pub mod budget;
pub mod keys;
pub(crate) mod mac;
pub mod message;
pub mod phone;
pub mod pin;
pub mod qr;
pub mod template;
pub(crate) mod time;
pub mod totp;
