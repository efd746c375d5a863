//! Flows, each a PIN that is started and verified: how many are asked for, and what is said of
//! them.

use std::{
    error::Error,
    io::{BufRead, Write},
    thread,
    time::Instant,
};

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::processes::{Used, used};

/// Whatever ends a program; it is printed once, and the run is worth nothing.
pub type Failure = Box<dyn Error + Send + Sync>;

/// What a program is asked to do, as a line of JSON.
#[derive(Deserialize, Clone, Copy, Debug)]
pub struct Asked {
    /// How many flows.
    pub calls: u64,
    /// How many of them run at once.
    pub at_once: u64,
}

/// What came of it, as a line of JSON. Times are in seconds.
#[derive(Serialize, Debug)]
pub struct Figures {
    /// How many flows ended well; any other ends the program.
    pub calls: u64,
    /// From the first to the last.
    pub seconds: f64,
    /// What the measured processes used meanwhile.
    pub cpu: f64,
    /// Bytes that they have in memory now.
    pub resident: u64,
    /// The median from the beginning of a flow to the answer that its PIN is right.
    pub p50: f64,
    /// All but one in a hundred take no longer.
    pub p99: f64,
    /// The same from the request for a PIN to its answer.
    pub start_p50: f64,
    /// See [`p99`](Self::p99).
    pub start_p99: f64,
    /// The same from the request with a PIN to its answer.
    pub check_p50: f64,
    /// See [`p99`](Self::p99).
    pub check_p99: f64,
}

/// How long flows took, in microseconds to three digits.
#[derive(Debug)]
pub struct Times {
    flows: Histogram<u64>,
    starts: Histogram<u64>,
    checks: Histogram<u64>,
}

impl Times {
    /// Of none yet.
    pub fn new() -> Result<Self, Failure> {
        Ok(Self {
            flows: Histogram::new(3)?,
            starts: Histogram::new(3)?,
            checks: Histogram::new(3)?,
        })
    }

    /// A PIN that was asked for at this moment is sent.
    pub fn started(&mut self, since: Instant) -> Result<(), Failure> {
        Ok(self.starts.record(micros(since)?)?)
    }

    /// A PIN that was sent for checking at the later moment is right, and with it a flow that
    /// began at the earlier one.
    pub fn verified(&mut self, begun: Instant, checking: Instant) -> Result<(), Failure> {
        self.checks.record(micros(checking)?)?;
        Ok(self.flows.record(micros(begun)?)?)
    }

    /// Counts another's flows as well.
    pub fn add(&mut self, other: &Self) -> Result<(), Failure> {
        self.flows.add(&other.flows)?;
        self.starts.add(&other.starts)?;
        Ok(self.checks.add(&other.checks)?)
    }
}

fn micros(since: Instant) -> Result<u64, Failure> {
    Ok(u64::try_from(since.elapsed().as_micros())?)
}

/// A measurement that has begun.
#[derive(Debug)]
pub struct Clock<'a> {
    processes: &'a [u32],
    before: Used,
    begun: Instant,
}

impl<'a> Clock<'a> {
    /// Begins, and looks at what these processes have used so far.
    pub fn start(processes: &'a [u32]) -> Result<Self, Failure> {
        Ok(Self {
            processes,
            before: used(processes)?,
            begun: Instant::now(),
        })
    }

    /// Ends with flows that took so long.
    pub fn stop(self, times: &Times) -> Result<Figures, Failure> {
        let seconds = self.begun.elapsed().as_secs_f64();
        let now = used(self.processes)?;
        Ok(Figures {
            calls: times.flows.len(),
            seconds,
            cpu: now.cpu - self.before.cpu,
            resident: now.resident,
            p50: quantile(&times.flows, 0.5),
            p99: quantile(&times.flows, 0.99),
            start_p50: quantile(&times.starts, 0.5),
            start_p99: quantile(&times.starts, 0.99),
            check_p50: quantile(&times.checks, 0.5),
            check_p99: quantile(&times.checks, 0.99),
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "no flow takes a century")]
fn quantile(times: &Histogram<u64>, share: f64) -> f64 {
    times.value_at_quantile(share) as f64 / 1e6
}

/// Reads what is asked from standard input and answers on standard output, until the input ends.
pub async fn answer(run: impl AsyncFn(Asked) -> Result<Figures, Failure>) -> Result<(), Failure> {
    let (lines, mut asked) = mpsc::unbounded_channel();
    thread::spawn(move || {
        let read = std::io::stdin().lock().lines().map_while(Result::ok);
        // Fails when the program ends for another reason.
        let _ = read.map(|line| lines.send(line)).find(Result::is_err);
    });
    while let Some(line) = asked.recv().await {
        let figures = run(serde_json::from_str(&line)?).await?;
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", serde_json::to_string(&figures)?)?;
        out.flush()?;
    }
    Ok(())
}
