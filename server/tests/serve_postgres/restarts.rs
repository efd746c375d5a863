//! Under load, the database is started anew, again and again; and the server is told to stop.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::{crowd::Crowd, house::House, postgres::Postgres, program::Served, proxy::Proxy};

/// Longer than a message that could not be settled is leased.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_restarts_under_load_loses_nothing() {
    let mut postgres = tokio::task::spawn_blocking(Postgres::start).await.unwrap();
    let url = postgres.database().await;
    let mut house = House::at(&url).await;
    let servers = [house.serve(), house.serve()];
    let balancer = Proxy::start(servers.iter().map(Served::address).collect()).await;
    let way = format!("http://{}", balancer.address());
    let mut crowd = Crowd::gather(&house, &way, 16).await;
    for _ in 0..5 {
        crowd.sign_in(40).await;
        postgres.stop_now();
        sleep(Duration::from_millis(300)).await;
        postgres.start_again();
    }
    crowd.sign_in(40).await;
    let (ledger, _) = crowd.end().await;
    house.find_again().await;
    house.until_all_is_sent().await;
    let client = house.client(&servers[1]);
    let audit = ledger.audit(&client, &house.printed, PATIENCE).await;
    assert!(audit.verified >= 240);
    for prints in house.printed.lock().unwrap().values() {
        assert_eq!(prints.len(), 1, "a live server's message was sent again");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn told_to_stop_under_load_it_ends_what_runs() {
    let house = House::new().await;
    let mut leaving = house.serve();
    let staying = house.serve();
    let balancer = Proxy::start(vec![leaving.address(), staying.address()]).await;
    let way = format!("http://{}", balancer.address());
    let mut crowd = Crowd::gather(&house, &way, 32).await;
    crowd.sign_in(100).await;
    let begun = Instant::now();
    let ended = tokio::task::spawn_blocking(move || leaving.end("-TERM"));
    assert_eq!(ended.await.unwrap(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(10));
    crowd.sign_in(100).await;
    let (ledger, failures) = crowd.end().await;
    assert!(failures.is_empty(), "{failures:?}");
    house.until_all_is_sent().await;
    let client = house.client(&staying);
    let audit = ledger.audit(&client, &house.printed, PATIENCE).await;
    assert!(audit.verified >= 200);
    for prints in house.printed.lock().unwrap().values() {
        assert_eq!(prints.len(), 1, "a message was sent again");
    }
}
