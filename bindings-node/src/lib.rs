//! The Node extension: clients, calls and the sandbox as plain data for `js/`, which makes the
//! public interface of it. Knows nothing of HTTP, promises or error classes.
//!
//! A call goes in through [`calls::Calls::start`] with a number that JavaScript chose, and comes
//! back with that number in a batch from [`calls::Calls::take`]. No native thread ever touches a
//! JavaScript value.
#![deny(unsafe_code)]
#![allow(
    clippy::needless_pass_by_value,
    reason = "what JavaScript passes is copied out of it, and owned here"
)]

pub mod calls;
pub mod client;
pub mod facts;
pub mod finished;
pub mod operation;
pub mod sandbox;
