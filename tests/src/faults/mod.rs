//! Faults on the way to a server: a proxy that cuts connections at a chosen byte, servers with right
//! and wrong certificates, and one that answers the same to everything and counts.
//!
//! Knows bytes, connections and certificates, and nothing of what the requests mean. Everything
//! listens on a free loopback port, lives on the runtime it is given, and ends when it is dropped.

mod listening;
mod proxy;

pub use self::proxy::{Cut, CuttingProxy, Direction, How};
