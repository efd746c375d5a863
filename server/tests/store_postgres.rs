//! The PostgreSQL store does what every store must; and what only many servers on one database
//! must.
#![cfg(feature = "postgres")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod conformance;
#[path = "common/postgres.rs"]
#[allow(dead_code, reason = "each test binary uses its own part")]
mod postgres;

use std::sync::Arc;

use verigator_server::{
    engine::keys::Keys,
    store::postgres::{Database, PostgresError, PostgresStore},
};

fn keys(numbers: &[u8]) -> Keys {
    let text: Vec<String> = numbers
        .iter()
        .map(|it| format!("{it:02x}").repeat(32))
        .collect();
    Keys::parse(&text.join(",")).unwrap()
}

async fn open(url: &str, numbers: &[u8]) -> Result<PostgresStore, PostgresError> {
    let database = Database::connect(&url.parse().unwrap()).await?;
    database.open(keys(numbers)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn it_conforms() {
    let url = postgres::database().await;
    conformance::all(Arc::new(open(&url, &[1]).await.unwrap())).await;
}
