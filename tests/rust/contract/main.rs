//! Every contract vector against every way into the Rust client: `Api`, `blocking::Api`, and the two
//! that the language bindings use.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

mod calls;
mod client;
mod outcome;
#[path = "../raw_http.rs"]
mod raw_http;

use std::{
    fmt::Write,
    sync::{Mutex, mpsc},
    thread,
    time::Duration,
};

use outcome::Outcome;
use tokio::runtime::{Builder, Runtime};
use verigator::{
    Error, blocking,
    embed::{BackgroundClient, BlockingClient},
};
use verigator_tests::{
    peer::{Peer, Verdict},
    vector::{self, Case},
};

/// Most cases wait for nothing and the rest for a clock, so more than there are cores.
const AT_ONCE: usize = 16;
/// Longer than any case; a call that is never answered must not hang the tests.
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn the_async_client() {
    all_cases(|peer, case| {
        runtime().block_on(async {
            let api = client::builder(case, peer)?.build()?;
            for earlier in &case.before {
                calls::awaited(&api, &earlier.call).await?;
            }
            calls::awaited(&api, &case.call).await
        })
    });
}

#[test]
fn the_blocking_client() {
    all_cases(|peer, case| {
        let api: blocking::Api = client::builder(case, peer)?.build_blocking()?;
        for earlier in &case.before {
            calls::blocking(&api, &earlier.call)?;
        }
        calls::blocking(&api, &case.call)
    });
}

#[test]
fn the_blocking_client_of_the_bindings() {
    all_cases(|peer, case| {
        let client = BlockingClient::new(client::config(case, peer)?);
        let run = |call| {
            let (options, call) = calls::of_bindings(call)?;
            let never = || Ok::<(), Error>(());
            client.call(&call, options, never)?
        };
        for earlier in &case.before {
            run(&earlier.call)?;
        }
        Ok(calls::result(&case.call.operation, run(&case.call)?))
    });
}

#[test]
fn the_background_client_of_the_bindings() {
    all_cases(|peer, case| {
        let client = BackgroundClient::new(client::config(case, peer)?);
        let run = |call| {
            let (options, call) = calls::of_bindings(call)?;
            let (done, result) = mpsc::channel();
            client.start(call, options, move |result| done.send(result).unwrap());
            result
                .recv_timeout(PATIENCE)
                .expect("the call was not answered")
        };
        for earlier in &case.before {
            run(&earlier.call)?;
        }
        Ok(calls::result(&case.call.operation, run(&case.call)?))
    });
}

/// Runs all cases, several at a time, and holds what came of each against what should have.
fn all_cases(run: impl Fn(&Peer, &Case) -> Outcome + Sync) {
    let cases = vector::load_all().unwrap();
    let peer = Peer::start(&cases).unwrap();
    let failures = Mutex::new(Vec::new());
    let next = Mutex::new(cases.iter());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                // Not in the head of a loop, where it would keep the lock for the body.
                let take = || next.lock().unwrap().next();
                while let Some(case) = take() {
                    let outcome = run(&peer, case);
                    if let Some(why) = fault(&peer, case, &outcome) {
                        failures.lock().unwrap().push(why);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(
        failures.is_empty(),
        "{} of {} cases failed\n{}",
        failures.len(),
        cases.len(),
        failures.join("\n")
    );
}

fn fault(peer: &Peer, case: &Case, outcome: &Outcome) -> Option<String> {
    let difference = outcome::difference(case, outcome);
    let verdict = verdict(peer, &case.name);
    let complaint = verdict.why.filter(|_| !verdict.ok);
    if difference.is_none() && complaint.is_none() {
        return None;
    }
    let mut text = format!("{} ({})", case.name, case.about);
    for why in [difference, complaint.map(|why| format!("the peer: {why}"))]
        .into_iter()
        .flatten()
    {
        write!(text, "\n    {why}").unwrap();
    }
    Some(text)
}

/// Asks over the wire, as the runners of other languages do.
fn verdict(peer: &Peer, name: &str) -> Verdict {
    let request = format!("GET /-/verdict/{name} HTTP/1.1\r\nconnection: close\r\n\r\n");
    let answer = raw_http::exchange(peer.url(), &request);
    serde_json::from_str(answer.body()).unwrap()
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}
