//! A store that fails: the server says so, and says nothing else.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod common;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use common::{Client, parts, serve};
use jiff::Timestamp;
use tokio::time::timeout;
use uuid::Uuid;
use verigator_server::{
    delivery::console::Console,
    engine::{
        authentication::{Check, CheckRequest, Confirm, Enrol, StartRequest},
        totp::TotpSecret,
    },
    store::{
        Account, Claim, Claimed, NewService, NewUser, PickedUp, Pickup, Queue, Service,
        ServiceScope, Settled, Started, Store, StoreError, StoredAnswer, User, UserScope,
    },
};

/// Fails, and when asked for its queue does not even do that.
struct Down {
    hangs: bool,
}

type Never<T> = Result<T, StoreError>;

fn down<T>() -> Never<T> {
    Err(StoreError::Unavailable(
        "connection to db-secret-host refused".into(),
    ))
}

#[async_trait]
impl Store for Down {
    async fn ready(&self) -> Never<()> {
        down()
    }
    async fn create_account(&self, _: &Account) -> Never<()> {
        down()
    }
    async fn account(&self, _: &str) -> Never<Option<Account>> {
        down()
    }
    async fn accounts(&self) -> Never<Vec<Account>> {
        down()
    }
    async fn set_password(&self, _: &str, _: &str) -> Never<Uuid> {
        down()
    }
    async fn disable_account(&self, _: &str) -> Never<Uuid> {
        down()
    }
    async fn create_service(&self, _: &NewService) -> Never<Service> {
        down()
    }
    async fn service(&self, _: ServiceScope) -> Never<Service> {
        down()
    }
    async fn delete_service(&self, _: ServiceScope) -> Never<()> {
        down()
    }
    async fn create_user(&self, _: ServiceScope, _: &NewUser) -> Never<User> {
        down()
    }
    async fn users(&self, _: ServiceScope) -> Never<Vec<User>> {
        down()
    }
    async fn user(&self, _: UserScope) -> Never<User> {
        down()
    }
    async fn delete_user(&self, _: UserScope) -> Never<()> {
        down()
    }
    async fn start_authentication(&self, _: UserScope, _: &StartRequest<'_>) -> Never<Started> {
        down()
    }
    async fn check(&self, _: UserScope, _: &CheckRequest<'_>) -> Never<Check> {
        down()
    }
    async fn enrol_totp(&self, _: UserScope, _: &TotpSecret) -> Never<Enrol> {
        down()
    }
    async fn confirm_totp(&self, _: UserScope, _: &str, _: Timestamp) -> Never<Confirm> {
        down()
    }
    async fn remove_totp(&self, _: UserScope) -> Never<bool> {
        down()
    }
    async fn unlock_user(&self, _: Uuid) -> Never<()> {
        down()
    }
    async fn pick_up_messages(&self, _: Pickup) -> Never<PickedUp> {
        down()
    }
    async fn settle_message(&self, _: Uuid, _: Uuid, _: Settled) -> Never<()> {
        down()
    }
    async fn queue(&self, _: u32) -> Never<Queue> {
        if self.hangs {
            std::future::pending().await
        } else {
            down()
        }
    }
    async fn claim_key(&self, _: &Claim) -> Never<Claimed> {
        down()
    }
    async fn keep_answer(&self, _: &Claim, _: &StoredAnswer) -> Never<()> {
        down()
    }
    async fn abandon_key(&self, _: &Claim) -> Never<()> {
        down()
    }
}

#[tokio::test]
async fn it_is_503_and_the_process_is_alive_but_not_ready() {
    let client =
        Client::to(&serve(parts(Arc::new(Down { hangs: false }), Arc::new(Console))).await);
    assert_eq!(client.get("/healthz").await.status, 200);
    for path in ["/readyz", "/v1/service/service/x"] {
        let answer = client.get(path).await;
        assert_eq!(answer.error(), (503, "store_unavailable".to_owned()));
        assert!(
            !String::from_utf8(answer.bytes)
                .unwrap()
                .contains("db-secret-host")
        );
    }
}

#[tokio::test]
async fn its_numbers_are_told_without_those_of_the_store() {
    for hangs in [false, true] {
        let client = Client::to(&serve(parts(Arc::new(Down { hangs }), Arc::new(Console))).await);
        client.get("/readyz").await;
        // Whoever scrapes does not wait for long.
        let scrape = timeout(Duration::from_secs(10), client.get("/metrics"));
        let answer = scrape.await.unwrap();
        assert_eq!(answer.status, 200);
        let text = String::from_utf8(answer.bytes).unwrap();
        let down = "verigator_requests_total{operation=\"-\",status=\"503\"} 1\n";
        assert!(text.contains(down), "{text}");
        assert!(!text.contains("outbox"), "{text}");
    }
}
