//! The Verigator API on your own machine: two-factor phone verification by SMS PIN and by
//! authenticator app, as a library, as the program `verigator`, and as a sandbox inside a test.
//!
//! ```
//! use verigator::Method;
//! use verigator_server::sandbox::{Sandbox, SandboxError};
//!
//! # fn main() -> Result<(), SandboxError> {
//! let sandbox = Sandbox::start_blocking()?;
//! let api = sandbox.blocking_api()?;
//! let service = api.services.create("shop.example.com", "Shop")?;
//! let user = api.users.create(&service.id, "+372 5555 5555", "jo@example.com")?;
//!
//! api.auth.initiate(&service.id, &user.id, Method::Sms)?;
//! // What no phone received:
//! let pin = sandbox.last_pin("+37255555555").unwrap();
//! assert!(api.auth.verify(&service.id, &user.id, &pin)?);
//! # Ok(())
//! # }
//! ```
//!
//! A request passes through the layers in this order, and nothing turns back:
//!
//! | layer | holds | must not know |
//! |---|---|---|
//! | [`lifecycle`] | connections: accept, encrypt, limit, drain | what a request means |
//! | [`http`] | paths, headers, bodies, statuses | rules and rows |
//! | [`accounts`] | who is asking | HTTP |
//! | [`store`] | what must be atomic, and the backends | HTTP |
//! | [`engine`] | the rules, as pure functions | HTTP, SQL, threads, clocks |
//! | [`delivery`] | getting a message to a phone | rules and HTTP answers |
//!
//! [`app::App`] puts them together; [`config`] holds what can be set, [`metrics`] what is counted,
//! [`clock`] and [`random`] are the only sources of the time of day and of chance; [`sandbox`] is
//! the whole in a test.
//!
//! # Features
//!
//! | feature | adds | default |
//! |---|---|---|
//! | `cli` | the program `verigator`, with all the others | yes |
//! | `sqlite` | [`store::sqlite`], with SQLite built in | yes |
//! | `postgres` | [`store::postgres`] | yes |
//! | `messente` | [`delivery::messente`] | yes |
//! | `webhook` | [`delivery::webhook`] | yes |
//! | `tls` | [`tls`], to serve over TLS | with `cli` |
//!
//! With `default-features = false` there are the engine, the store in memory and the sandbox.
// The labels on docs.rs that say which feature something needs.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

pub mod accounts;
pub mod app;
pub mod clock;
pub mod config;
pub mod delivery;
pub mod engine;
pub mod http;
pub mod lifecycle;
pub mod metrics;
pub mod random;
pub mod sandbox;
pub mod store;
#[cfg(feature = "tls")]
pub mod tls;
