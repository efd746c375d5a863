//! What the tests of every language share: the contract vectors of `contract/`, the peer that plays
//! the server's side of them, two servers that behave as the published documents and as the old
//! clients would have it, and faults to put between a client and any of them.
//!
//! Knows the contract from its text alone; nothing here uses the client that is under test.
#![forbid(unsafe_code)]

pub mod faults;
pub mod peer;
pub mod servers;
pub mod vector;

/// The Rust quickstart of the README, run as a test.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// What the pages show in Rust, apart from parts of tested apps.
#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../../docs/how-to/fork-and-async.md")]
    struct ForkAndAsync;
    #[doc = include_str!("../../docs/how-to/proxies-and-cas.md")]
    struct ProxiesAndCas;
}
