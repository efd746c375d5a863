//! What the language bindings share: every operation as data, options as a language has them, and
//! two ways to run a call. For those bindings only: no version of the crate keeps it as it is.

mod background;
mod call;
mod client;
mod completions;
mod options;

pub use background::shut_down;
pub use call::{Call, Reply};
pub use client::{BackgroundClient, BlockingClient, InFlight};
pub use completions::Completions;
pub use options::{Options, call_options};

pub use crate::config::Config;
