//! `bench-load`: starts and verifies PINs over HTTP, one flow after another on each of its
//! connections, and says how many a second and how long they took.
//!
//! Its one argument says against what, as JSON ([`Settings`]); then it is asked and answers as
//! [`flows`](verigator_benches::flows) has it. One thread does it all: the other core is the
//! server's.
#![forbid(unsafe_code)]

mod connection;
mod dialect;
mod gateway;
mod load;
mod pins;
mod users;

use std::net::SocketAddr;

use serde::Deserialize;
use tokio::task::LocalSet;
use verigator_benches::flows::{Failure, answer};

use self::{
    dialect::Dialect,
    load::Load,
    pins::{Pins, Way},
    users::Origin,
};

/// What is measured.
#[derive(Deserialize)]
struct Settings {
    /// Where the server listens.
    address: SocketAddr,
    /// What it understands.
    dialect: Dialect,
    /// How a PIN comes back.
    pins: Way,
    /// Who signs in.
    users: Origin,
    /// The server's processes; those that they started are counted, too.
    processes: Vec<u32>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let settings = std::env::args().nth(1).ok_or("what is measured?")?;
    let settings = serde_json::from_str(&settings)?;
    LocalSet::new().run_until(measure(settings)).await
}

async fn measure(settings: Settings) -> Result<(), Failure> {
    let Settings {
        address,
        dialect,
        processes,
        ..
    } = settings;
    let pins = Pins::coming(settings.pins).await?;
    let users = users::of(settings.users, address, &dialect).await?;
    let load = Load::new(address, dialect, pins, users, processes);
    answer(async |asked| load.run(asked).await).await
}
