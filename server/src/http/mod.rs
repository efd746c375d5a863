//! The wire contract: paths, headers, bodies and statuses.
//!
//! Knows no rule of an authentication and no row of a store; each resource file reads a request,
//! asks the store for one step and says what came of it. A request passes, from the outside in:
//! `stamp` (its id, its own task), `admit` (`authenticate`, `body`, `idempotency`), and its resource.

mod admit;
mod answers;
mod auth;
mod authenticate;
mod body;
mod fields;
mod health;
mod idempotency;
mod openapi;
mod operation;
mod reports;
mod router;
mod scope;
mod services;
mod stamp;
mod totp;
mod users;

pub(crate) use self::answers::{error, json_answer, slow_head};
pub use self::{
    answers::ApiError,
    body::gather,
    operation::{Operation, UnknownOperation},
    router::{router, routes, stamped},
    stamp::HangUp,
};
