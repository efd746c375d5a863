//! Faults on the way to a server: a proxy that cuts connections at a chosen byte, TLS with right and
//! with wrong certificates, a proxy as companies have them, and a server that answers as it is told
//! and counts.
//!
//! Knows bytes, connections and certificates, and nothing of what the requests mean. Everything
//! listens on a free loopback port, lives on the runtime it is given, and ends when it is dropped.

mod counting;
mod cutting;
mod forwarding;
mod listening;
mod services;
mod tls;

pub use self::{
    counting::{CountingServer, Seen},
    cutting::{Cut, CuttingProxy, Direction, How},
    forwarding::{Asked, ForwardingProxy},
    services::Services,
    tls::{Authority, Identity, Protocol, TlsFront},
};
