//! The memory store does what every store must.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod conformance;

use std::sync::Arc;

use verigator_server::store::memory::MemoryStore;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn it_conforms() {
    conformance::all(Arc::new(MemoryStore::default())).await;
}
