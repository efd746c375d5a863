//! Takes away what is over: counts that no budget asks for any more, and kept answers.
//!
//! Done by the steps that add such rows, but seldom and then many at once, since a statement that
//! finds nothing to take costs as much as the step itself.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use rusqlite::Connection;

use crate::store::{StoreError, sealed::micros};

/// In microseconds: how long to leave it be.
const PERIOD: u64 = 10_000;
/// The rows that one statement takes: more than come in that time, so that none pile up.
const BATCH: u32 = 512;

/// Of each kind, by the moment that it is over.
const SWEEPS: [&str; 2] = [
    "DELETE FROM sent WHERE id IN (SELECT id FROM sent WHERE until <= ?1 LIMIT ?2)",
    "DELETE FROM idempotency_keys WHERE key IN
         (SELECT key FROM idempotency_keys WHERE until <= ?1 LIMIT ?2)",
];

/// Knows when it was last done.
#[derive(Default)]
pub(super) struct Sweeper(AtomicI64);

impl Sweeper {
    /// Sweeps, if it is time to.
    pub(super) fn sweep(&self, db: &Connection, now: Timestamp) -> Result<(), StoreError> {
        let now = micros(now);
        // A clock that was set back is no reason never to sweep again.
        if self.0.load(Ordering::Relaxed).abs_diff(now) < PERIOD {
            return Ok(());
        }
        self.0.store(now, Ordering::Relaxed);
        for sql in SWEEPS {
            db.prepare_cached(sql)?.execute((now, BATCH))?;
        }
        Ok(())
    }
}
