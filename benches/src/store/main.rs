//! `bench-store`: the same steps on the same store without a server, which is as fast as a server
//! on it can be; and the filling and reading of a store that a server is then measured on.
//!
//! Its one argument says what, as JSON ([`Settings`]). The keys are those of `VERIGATOR_KEY`.
#![forbid(unsafe_code)]

mod fill;
mod flow;
mod place;
mod spent;
mod steps;
mod warm;

use std::path::PathBuf;

use serde::Deserialize;
use verigator_benches::flows::{Failure, answer};

use self::{place::Place, steps::Steps};

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Settings {
    /// Be asked for flows and answer, as [`flows`](verigator_benches::flows) has it.
    Steps {
        store: Place,
        /// How many users take turns.
        users: u32,
        /// Whether each request claims an idempotency key.
        keys: bool,
    },
    /// Fill the store of an account, write a line `service user number` for each user, and end.
    Fill {
        store: Place,
        /// The account's name.
        account: String,
        users: u32,
        /// How many authentications were started and verified in the day before.
        spent: u32,
        /// Where the lines go.
        lines: PathBuf,
    },
    /// Read all of a store, and end.
    Warm { store: Place },
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let settings = std::env::args().nth(1).ok_or("what is measured?")?;
    match serde_json::from_str(&settings)? {
        Settings::Steps { store, users, keys } => {
            let steps = Steps::new(store.open().await?, users, keys).await?;
            answer(async |asked| steps.run(asked).await).await
        }
        Settings::Fill {
            store,
            account,
            users,
            spent,
            lines,
        } => fill::fill(&store, &account, users, spent, &lines).await,
        Settings::Warm { store } => warm::warm(&store).await,
    }
}
