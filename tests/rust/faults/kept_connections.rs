//! Connections that were kept for the next call, and are gone by then.

use std::{net::SocketAddr, time::Duration};

use tokio::runtime::Handle;
use verigator::{Api, Idempotency};
use verigator_server::sandbox::Sandbox;
use verigator_tests::faults::CuttingProxy;

use crate::deeds::{Client, Deed, Stage};

const ROUNDS: usize = 30;
/// For the end of a connection to arrive: much less than a server takes to start anew.
const PAUSE: Duration = Duration::from_millis(20);

/// As with a server that is started anew but keeps what it knows: the next call after it is of any
/// kind, the ones that must not be repeated included.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_may_hang_up_between_any_two_calls() {
    for is_blocking in [false, true] {
        for deed in [Deed::Initiate, Deed::VerifyWrong, Deed::UsersCreate] {
            let stage = Stage::set().await;
            let server = stage.address();
            let proxy = CuttingProxy::start(&Handle::current(), server, None).unwrap();
            let builder = Api::builder("test", "test")
                .endpoint(proxy.url())
                .idempotency(Idempotency::Off);
            let client = Client::of(builder, is_blocking);
            for round in 0..ROUNDS {
                let task = stage.prepare(deed).await;
                let done = client.perform(&task).await.unwrap();
                assert_eq!(Some(&done), task.success().as_ref());
                let acted = stage.acts(&task, Some(&done), &stage.messages()).await;
                assert_eq!(acted, 1, "{deed:?}, round {round}, blocking: {is_blocking}");
                proxy.hang_up();
                while proxy.cuts() <= round {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                tokio::time::sleep(PAUSE).await;
            }
            assert_eq!(proxy.connections(), ROUNDS);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_may_start_anew_between_any_two_calls() {
    for is_blocking in [false, true] {
        let mut sandbox = Sandbox::start().await.unwrap();
        let address: SocketAddr = sandbox
            .url()
            .strip_prefix("http://")
            .unwrap()
            .parse()
            .unwrap();
        let client = sandbox.api_builder().idempotency(Idempotency::Off);
        let client = Client::of(client, is_blocking);
        for round in 0..ROUNDS {
            // A new server knows nothing: sent twice, this would be a conflict.
            let task = crate::deeds::Task::made_up(Deed::ServicesCreate);
            let done = client.perform(&task).await;
            assert_eq!(done.unwrap(), task.success().unwrap(), "round {round}");
            sandbox.stop();
            sandbox = Sandbox::builder().listen(address).start().await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_connection_is_kept_no_longer_than_said() {
    let stage = Stage::set().await;
    let proxy = CuttingProxy::start(&Handle::current(), stage.address(), None).unwrap();
    for is_blocking in [false, true] {
        let builder = Api::builder("test", "test")
            .endpoint(proxy.url())
            .pool_idle_timeout(Duration::from_millis(500));
        let client = Client::of(builder, is_blocking);
        let task = stage.prepare(Deed::ServicesGet).await;
        proxy.set(None);
        for _ in 0..5 {
            client.perform(&task).await.unwrap();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(proxy.connections(), 1);
        tokio::time::sleep(Duration::from_millis(700)).await;
        client.perform(&task).await.unwrap();
        assert_eq!(proxy.connections(), 2, "blocking: {is_blocking}");
    }
}
