//! Takes away what is over: counts that no budget asks for any more, and kept answers.
//!
//! Done by the steps that add such rows, but seldom and then many at once, since a statement that
//! finds nothing to take costs as much as the step itself; and no more than were written in the
//! meantime, so that what piled up while nobody came holds up nobody who does.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use jiff::Timestamp;
use rusqlite::Connection;

use crate::store::{StoreError, sealed::micros};

/// In microseconds: how long to leave it be.
const PERIOD: u64 = 10_000;
/// The most rows that one statement takes.
const BATCH: u64 = 1024;

/// Of each kind, by the moment that it is over.
const SWEEPS: [&str; 2] = [
    "DELETE FROM sent WHERE (what, at, id) IN
         (SELECT what, at, id FROM sent WHERE until <= ?1 LIMIT ?2)",
    "DELETE FROM idempotency_keys WHERE key IN
         (SELECT key FROM idempotency_keys WHERE until <= ?1 LIMIT ?2)",
];

/// Knows when it was last done.
#[derive(Default)]
pub(super) struct Sweeper {
    last: AtomicI64,
    /// The rows that the connection had written by then: in a flow more than twice those of each
    /// kind that are taken away.
    written: AtomicU64,
}

impl Sweeper {
    /// Sweeps, if it is time to.
    pub(super) fn sweep(&self, db: &Connection, now: Timestamp) -> Result<(), StoreError> {
        let now = micros(now);
        // A clock that was set back is no reason never to sweep again.
        if self.last.load(Ordering::Relaxed).abs_diff(now) < PERIOD {
            return Ok(());
        }
        self.last.store(now, Ordering::Relaxed);
        let before = self.written.load(Ordering::Relaxed);
        let rows = db.total_changes().saturating_sub(before).min(BATCH);
        for sql in SWEEPS {
            db.prepare_cached(sql)?
                .execute((now, i64::try_from(rows).unwrap_or(i64::MAX)))?;
        }
        self.written.store(db.total_changes(), Ordering::Relaxed);
        Ok(())
    }
}
