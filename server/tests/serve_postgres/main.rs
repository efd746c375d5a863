//! `verigator serve` on PostgreSQL, under fire: several processes on one database, one of them or
//! the database killed, cut off, or gone for a while.
#![cfg(all(feature = "cli", unix))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/kills.rs"]
mod kills;
#[path = "../common/ledger.rs"]
mod ledger;
#[path = "../common/postgres.rs"]
mod postgres;
#[path = "../common/program.rs"]
mod program;

mod away;
mod crowd;
mod cut;
mod house;
mod killed;
mod proxy;
mod races;
mod restarts;
mod together;
mod two;
