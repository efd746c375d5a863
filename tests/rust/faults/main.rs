//! The client under fire: never a second SMS, never a second burnt attempt, whatever breaks.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test"
)]

mod deadlines;
mod deeds;
mod every_byte;
mod http_proxies;
mod kept_connections;
mod large_answers;
mod later_answers;
mod sandbox_faults;
mod services;
mod statuses;
