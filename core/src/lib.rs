//! Two-factor phone verification: add a user, send a PIN by SMS or ask an authenticator app, and
//! check what the user typed.
//!
//! ```no_run
//! use verigator::{Api, Method};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> verigator::Result<()> {
//! let api = Api::builder("username", "password")
//!     .endpoint("https://verigator.example.com")
//!     .build()?;
//! let service = api.services.create("example.com", "Example").await?;
//! let user = api.users.create(&service.id, "+37255555555", "john.doe@example.com").await?;
//!
//! api.auth.initiate(&service.id, &user.id, Method::Sms).await?;
//! let pin = "123456"; // what the user typed
//! if api.auth.verify(&service.id, &user.id, pin).await? {
//!     println!("welcome");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! [`blocking::Api`] does the same without an async runtime. [`object_style`] has the calls on the
//! services and users themselves. Every failure is one [`Error`]: its [`kind`](Error::kind) is what
//! to match on, its [`outcome`](Error::outcome) says whether the server may have acted.
//!
//! A call is never repeated when that could send a second message or use up a second try; see
//! [`Error::safe_to_retry`].
//!
//! A call passes through the layers in this order, and nothing turns back:
//!
//! | layer | holds | must not know |
//! |---|---|---|
//! | [`Api`], [`blocking`], [`object_style`] | the shape a caller sees | paths and bodies |
//! | [`Services`], [`Users`], [`Auth`], [`Totp`] | path, request and answer of each operation | connections, retries |
//! | `transport` | encoding, one attempt, the retry table | services and users |
//!
//! The crate has no features to choose from: TLS is rustls with ring, which needs no library of the
//! system, and certificates are verified by the platform, or by Mozilla's list where it has none.
#![forbid(unsafe_code)]

mod address;
mod api;
mod auth;
pub mod blocking;
mod config;
#[doc(hidden)]
pub mod embed;
mod endpoint;
mod error;
mod models;
pub mod object_style;
#[doc(hidden)]
pub mod outbound;
mod per_process;
mod proxy;
mod secret;
mod services;
mod started;
mod totp;
mod transport;
mod users;

pub use api::Api;
pub use auth::Auth;
pub use config::{ApiBuilder, CaBundle, CallOptions, Config, Idempotency};
pub use endpoint::DEFAULT_ENDPOINT;
pub use error::{Error, ErrorKind, Outcome, Result};
pub use models::{Enrolment, Method, Service, User, Verification, VerificationStatus};
pub use services::Services;
pub use totp::Totp;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub use transport::made_up;
pub use users::Users;
