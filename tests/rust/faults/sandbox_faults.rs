//! Each operation, with each fault that a sandbox can be told to have.

use std::time::Duration;

use tokio::task::JoinSet;
use verigator::{Error, Idempotency, Outcome};
use verigator_server::sandbox::{DropPoint, Fault};

use crate::deeds::{Client, Deed, Stage};

/// Longer than a client of these tests waits, and shorter than its second wait before a retry.
const LATE: Duration = Duration::from_millis(900);
const TIMEOUT: Duration = Duration::from_millis(300);

/// What the client makes of a fault that is over after one request, without keys, when the request
/// is not repeatable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meant {
    /// The server may have acted.
    Unknown,
    /// It did not act, and says so.
    Declined,
}

/// Every fault: what is meant by it, and whether the server acts all the same.
fn faults() -> Vec<(Fault, Meant, bool)> {
    let mut faults = vec![
        (Fault::drop(DropPoint::AfterRequest), Meant::Unknown, false),
        (Fault::drop(DropPoint::BeforeAnswer), Meant::Unknown, true),
        (Fault::delay(LATE), Meant::Unknown, true),
    ];
    for status in [500, 502, 503, 504] {
        faults.push((Fault::status(status), Meant::Unknown, false));
    }
    for status in [408, 425, 429] {
        faults.push((Fault::status(status), Meant::Declined, false));
    }
    faults
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_fault_of_a_sandbox_is_taken_as_the_table_says() {
    let mut running = JoinSet::new();
    for deed in Deed::ALL {
        for idempotency in [Idempotency::Off, Idempotency::Auto] {
            for is_blocking in [false, true] {
                running.spawn(meet_all(deed, idempotency, is_blocking));
            }
        }
    }
    running.join_all().await;
}

/// One by one: a fault meets whatever comes next.
async fn meet_all(deed: Deed, idempotency: Idempotency, is_blocking: bool) {
    let stage = Stage::set().await;
    for (fault, meant, acts_all_the_same) in faults() {
        let task = stage.prepare(deed).await;
        let builder = stage
            .sandbox
            .api_builder()
            .idempotency(idempotency)
            .timeout(TIMEOUT);
        let client = Client::of(builder, is_blocking);
        stage
            .sandbox
            .fail_next(fault.clone().on(deed.operation()))
            .unwrap();
        let result = client.perform(&task).await;
        if fault.delay.is_some() {
            tokio::time::sleep(LATE).await;
        }
        let done = result.as_ref().ok();
        let acted = stage.acts(&task, done, &stage.messages()).await;
        let shown = format!("{deed:?} {idempotency:?} {fault:?}, acted {acted}: {result:?}");
        let keyed = idempotency != Idempotency::Off || deed.is_repeatable();
        // A server that breaks off has not said yet that it honours keys.
        let told_nothing = fault.drop.is_some() || fault.delay.is_some();
        let in_force = deed.is_repeatable() || (keyed && !told_nothing);
        let declined = meant == Meant::Declined && !deed.authenticates();
        if in_force || declined {
            let done = result.expect(&shown);
            if let Some(expected) = task.success() {
                assert_eq!(done, expected, "{shown}");
            }
            assert_eq!(acted, usize::from(deed.acts()), "{shown}");
        } else {
            check(&result.unwrap_err(), meant, &shown);
            assert_eq!(acted, usize::from(acts_all_the_same), "{shown}");
        }
    }
}

fn check(error: &Error, meant: Meant, shown: &str) {
    let outcome = match meant {
        Meant::Unknown => Outcome::Unknown,
        Meant::Declined => Outcome::Rejected,
    };
    assert_eq!(error.outcome(), outcome, "{shown}");
    assert_eq!(error.attempts(), 1, "{shown}");
    assert_eq!(error.safe_to_retry(), meant == Meant::Declined, "{shown}");
}
