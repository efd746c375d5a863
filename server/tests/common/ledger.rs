//! What clients were told by a server that is under fire, to hold against what it knows in the end.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::task::JoinSet;

use super::{
    common::Client,
    program::{Printed, pin_within},
};

/// What is known of one user, whose authentication is started once.
#[derive(Clone)]
pub(crate) struct Known {
    pub(crate) path: String,
    pub(crate) phone: String,
    /// Its start was answered with 201.
    pub(crate) started: bool,
    /// How often its PIN was answered as verified.
    pub(crate) verified: usize,
    /// A check of its PIN got no answer, so the PIN may be spent.
    pub(crate) unanswered: bool,
}

/// All users that a server said it made.
#[derive(Clone, Default)]
pub(crate) struct Ledger(Arc<Mutex<Vec<Known>>>);

/// What [`Ledger::audit`] found.
#[derive(Default)]
pub(crate) struct Audit {
    /// PINs that were verified before.
    pub(crate) verified: usize,
    /// PINs that were sent before and verified now.
    pub(crate) resumed: usize,
}

/// A number that no other test of this process has.
pub(crate) fn new_phone() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(10_000_000);
    format!("+372{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

impl Ledger {
    /// Notes a user that was made, and gives its place.
    pub(crate) fn add(&self, path: String, phone: String) -> usize {
        let mut all = self.0.lock().unwrap();
        all.push(Known {
            path,
            phone,
            started: false,
            verified: 0,
            unanswered: false,
        });
        all.len() - 1
    }

    pub(crate) fn note(&self, place: usize, change: impl FnOnce(&mut Known)) {
        change(&mut self.0.lock().unwrap()[place]);
    }

    /// How often a PIN was verified.
    pub(crate) fn verified(&self) -> usize {
        self.0.lock().unwrap().iter().map(|it| it.verified).sum()
    }

    /// Asks the server for everything that it said: no user is lost, no PIN is right twice, and
    /// each that was not used, and whose message comes within `patience`, is right now.
    pub(crate) async fn audit(
        &self,
        client: &Client,
        printed: &Printed,
        patience: Duration,
    ) -> Audit {
        let left = Arc::new(Mutex::new(self.0.lock().unwrap().clone()));
        let mut auditors = JoinSet::new();
        for _ in 0..8 {
            let (client, printed, left) = (client.clone(), Arc::clone(printed), Arc::clone(&left));
            auditors.spawn(async move {
                let mut audit = Audit::default();
                loop {
                    let next = left.lock().unwrap().pop();
                    let Some(known) = next else { return audit };
                    known.hold(&client, &printed, patience, &mut audit).await;
                }
            });
        }
        let mut sum = Audit::default();
        for audit in auditors.join_all().await {
            sum.verified += audit.verified;
            sum.resumed += audit.resumed;
        }
        sum
    }
}

impl Known {
    async fn hold(self, client: &Client, printed: &Printed, patience: Duration, audit: &mut Audit) {
        let Self { path, phone, .. } = self;
        assert_eq!(client.get(&path).await.status, 200, "a user was lost");
        assert!(self.verified <= 1, "verified {} times", self.verified);
        if !self.started {
            return;
        }
        let pin = pin_within(printed, &phone, patience).await;
        let pin = pin.unwrap_or_else(|| panic!("a message was lost"));
        let prints = printed.lock().unwrap()[&phone].clone();
        assert!(
            prints.iter().all(|it| it.pin == pin),
            "one start made two PINs"
        );
        let answer = client.verify(&path, &pin).await;
        if self.verified == 1 {
            audit.verified += 1;
            assert_eq!(answer.status, 404, "a PIN is right twice");
        } else if answer.status == 200 {
            audit.resumed += 1;
            assert_eq!(answer.json()["verified"], true, "a start was lost");
        } else {
            assert!(
                self.unanswered && answer.status == 404,
                "a start was lost: {}",
                answer.status
            );
        }
    }
}
