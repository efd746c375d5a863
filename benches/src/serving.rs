//! Makes calls as lines of JSON ask for, and answers how long they took and how many were answered
//! rightly.

use std::io::{self, BufRead, Write};
use std::time::Instant;

use cpu_time::ProcessTime;
use serde::Deserialize;
use serde_json::json;
use tokio::task::JoinSet;

#[derive(Deserialize)]
struct Request {
    calls: u64,
    at_once: u64,
}

/// Makes blocking calls, one after another. `call` tells whether the PIN was right.
///
/// # Errors
/// A request is not one, or nobody reads the answers.
pub fn serve(call: impl Fn() -> bool) -> io::Result<()> {
    for_each_request(|request| {
        call(); // may have to connect anew
        let began = Began::now();
        let made = (0..request.calls).filter(|_| call()).count();
        began.end(made as u64)
    })
}

/// Makes calls that are awaited, from as many tasks as calls are to be in flight. `call` tells
/// whether the PIN was right.
///
/// # Errors
/// A request is not one, or nobody reads the answers.
pub fn serve_async<F>(call: impl Fn() -> F + Clone + Send + 'static) -> io::Result<()>
where
    F: Future<Output = bool> + Send,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    for_each_request(|request| {
        runtime.block_on(async {
            let at_once = request.at_once;
            each(&call, at_once, at_once).await; // some may have to connect anew
            let began = Began::now();
            let made = each(&call, at_once, request.calls).await;
            began.end(made)
        })
    })
}

async fn each<F>(call: &(impl Fn() -> F + Clone + Send + 'static), at_once: u64, calls: u64) -> u64
where
    F: Future<Output = bool> + Send,
{
    let mut tasks = JoinSet::new();
    for _ in 0..at_once {
        let call = call.clone();
        tasks.spawn(async move {
            let mut made = 0;
            for _ in 0..calls / at_once {
                made += u64::from(call().await);
            }
            made
        });
    }
    tasks.join_all().await.into_iter().sum()
}

/// Answers each line of standard input until it ends.
///
/// # Errors
/// A line is no request, or nobody reads the answers.
fn for_each_request(answer: impl Fn(Request) -> serde_json::Value) -> io::Result<()> {
    for line in io::stdin().lock().lines() {
        let request = serde_json::from_str(&line?)?;
        writeln!(io::stdout(), "{}", answer(request))?;
    }
    Ok(())
}

struct Began {
    time: Instant,
    /// Of the process: all its threads, user and system.
    cpu: ProcessTime,
}

impl Began {
    fn now() -> Self {
        Self {
            time: Instant::now(),
            cpu: ProcessTime::now(),
        }
    }

    fn end(&self, made: u64) -> serde_json::Value {
        json!({
            "calls": made,
            "seconds": self.time.elapsed().as_secs_f64(),
            "cpu": self.cpu.elapsed().as_secs_f64(),
        })
    }
}
