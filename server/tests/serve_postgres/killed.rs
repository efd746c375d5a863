//! A server that is killed again and again, while its database stays.

use std::time::Duration;

use super::{kills::survives_kills, postgres};

/// Longer than a message that was on its way in a killed server is leased to it.
const PATIENCE: Duration = Duration::from_secs(40);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_under_load_it_loses_nothing_and_accepts_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let url = postgres::database().await;
    survives_kills(folder.path(), &["--store", &url], 50, PATIENCE).await;
}
