//! Takes a request to the server and brings the answer back: encoding, one attempt, the retry
//! table, and what a failure means. Knows nothing of services or users.

mod attempt;
mod body;
mod call;
mod connect;
mod exchange;
mod failure;
mod key;
#[cfg(any(test, fuzzing))]
pub mod made_up;
pub(crate) mod path;
mod pool;
mod request;
mod retry;
mod status;
pub(crate) mod tls;

pub(crate) use attempt::Connections;
pub(crate) use call::{Answer, Client};
pub(crate) use exchange::{Http, Outgoing};
pub(crate) use request::{Effect, Request};
