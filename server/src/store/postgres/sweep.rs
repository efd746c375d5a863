//! Takes away what is over: counts that no budget asks for any more, and kept answers.
//!
//! Set off by the steps that add such rows, at most once a second, and done beside them: many at
//! once, so that more go than come, and none that another server is about to take away.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicI64, Ordering},
};

use deadpool_postgres::Pool;
use jiff::Timestamp;

use super::session::{call, run};
use crate::store::{StoreError, sealed::micros};

/// In microseconds: how long to leave it be.
const PERIOD: u64 = 1_000_000;
/// In microseconds: how much longer a row stays than it must. What is over by the clock of one
/// server may not be by that of another.
const GRACE: i64 = 2 * 60 * 60 * 1_000_000;
/// The rows that one statement takes.
const BATCH: i64 = 1000;

/// Of each kind, by the moment that it is over.
const SWEEPS: [&str; 3] = [
    "DELETE FROM sent WHERE (what, sent_at, id) IN
        (SELECT what, sent_at, id FROM sent WHERE until <= $1 ORDER BY until LIMIT $2
         FOR UPDATE SKIP LOCKED) RETURNING 1",
    "DELETE FROM counted WHERE what IN
        (SELECT what FROM counted WHERE until <= $1 ORDER BY until LIMIT $2
         FOR UPDATE SKIP LOCKED) RETURNING 1",
    "DELETE FROM idempotency_keys WHERE key IN
        (SELECT key FROM idempotency_keys WHERE until <= $1 ORDER BY until LIMIT $2
         FOR UPDATE SKIP LOCKED) RETURNING 1",
];

/// Knows when it was last done.
#[derive(Default)]
pub(super) struct Sweeper {
    last: AtomicI64,
    runs: Arc<AtomicBool>,
}

impl Sweeper {
    /// Sweeps beside whoever calls, in a runtime, if it is time to.
    pub(super) fn after(&self, pool: &Pool, now: Timestamp) {
        let now = micros(now);
        // A clock that was set back is no reason never to sweep again.
        let is_due = self.last.load(Ordering::Relaxed).abs_diff(now) >= PERIOD;
        if !is_due || self.runs.swap(true, Ordering::Acquire) {
            return;
        }
        self.last.store(now, Ordering::Relaxed);
        let (pool, runs) = (pool.clone(), Arc::clone(&self.runs));
        tokio::spawn(async move {
            if let Err(StoreError::Unavailable(cause) | StoreError::Unknown(cause)) =
                sweep(&pool, now).await
            {
                tracing::warn!(%cause, "what is over could not be taken away");
            }
            runs.store(false, Ordering::Release);
        });
    }
}

async fn sweep(pool: &Pool, now: i64) -> Result<(), StoreError> {
    let over = now.saturating_sub(GRACE);
    for sql in SWEEPS {
        let mut is_full = true;
        while is_full {
            is_full = run(pool, |db| async move {
                let [gone] = db.ask([call(sql, &[&over, &BATCH])]).await?;
                Ok(i64::try_from(gone.len()).is_ok_and(|gone| gone >= BATCH))
            })
            .await?;
        }
    }
    Ok(())
}
