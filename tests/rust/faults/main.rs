//! The client under fire: never a second SMS, never a second burnt attempt, whatever breaks.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test"
)]

mod deeds;
mod every_byte;
