//! Writes the log back into the file, in a thread of its own, so that no step waits for that.
//!
//! A log begins anew only when all of it is in the file and nothing is added meanwhile. So the
//! writer writes back what is left whenever the log has become long, which is little by then. Knows
//! SQLite's log, and nothing of what is in it.

use std::{
    ffi::c_int,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{SyncSender, sync_channel},
    },
    thread,
};

use rusqlite::{Connection, hooks::Wal, wal::CheckpointMode};

use super::SqliteError;

/// In pages: how much is added before it is written back, as much as SQLite does by itself.
const PART: c_int = 1_000;
/// In pages: how long the log is when the writer does it.
const LONG: c_int = 4_000;

/// The thread. Dropping it waits for what it does.
pub(super) struct Checkpoints {
    is_over: Arc<AtomicBool>,
    wake: SyncSender<()>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Checkpoints {
    /// Has what `writer` commits written back through another connection to the same file.
    pub(super) fn start(writer: &mut Connection, other: Connection) -> Result<Self, SqliteError> {
        // One that waits is enough.
        let (wake, woken) = sync_channel(1);
        writer.wal_hook(Some(watch(wake.clone())))?;
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let thread = thread::Builder::new()
            .name("verigator-checkpoints".to_owned())
            .spawn(move || {
                while woken.recv().is_ok() && !over.load(Ordering::Relaxed) {
                    // What fails is left to the next one, or to the writer.
                    let _ = other.wal_checkpoint_v2(None::<&str>, CheckpointMode::PASSIVE);
                }
            })?;
        Ok(Self {
            is_over,
            wake,
            thread: Some(thread),
        })
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        let _ = self.wake.try_send(());
        if let Some(thread) = self.thread.take() {
            // It has nothing to tell.
            let _ = thread.join();
        }
    }
}

/// Is told how long the log is, after each commit.
fn watch(wake: SyncSender<()>) -> impl FnMut(&mut Wal, c_int) -> rusqlite::Result<()> {
    let mut told = 0;
    move |log, pages| {
        if pages < told {
            told = 0;
        }
        if pages >= LONG {
            // Fails also when the thread is at it just now. The commit stands, whatever this does.
            let _ = log.checkpoint();
        } else if pages - told >= PART {
            told = pages;
            let _ = wake.try_send(());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs::metadata,
        path::PathBuf,
        time::{Duration, Instant},
    };

    use tempfile::TempDir;

    use super::*;
    use crate::store::sqlite::schema;

    const PAGE: u64 = 4096;

    /// A file in a folder of its own.
    fn writer() -> (Connection, Checkpoints, PathBuf, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        let mut writer = schema::open(&path).unwrap();
        writer
            .execute_batch("CREATE TABLE t (n INTEGER PRIMARY KEY, page BLOB)")
            .unwrap();
        let checkpoints = Checkpoints::start(&mut writer, schema::open(&path).unwrap());
        (writer, checkpoints.unwrap(), path, folder)
    }

    fn commit(writer: &Connection, pages: usize) {
        for _ in 0..pages / 10 {
            writer.execute_batch("BEGIN").unwrap();
            for _ in 0..10 {
                let insert = "INSERT INTO t (page) VALUES (randomblob(3000))";
                writer.execute(insert, ()).unwrap();
            }
            writer.execute_batch("COMMIT").unwrap();
        }
    }

    #[test]
    fn a_log_that_has_grown_is_written_back_while_nobody_writes() {
        let (writer, checkpoints, path, _folder) = writer();
        commit(&writer, 1_500);
        let begun = Instant::now();
        while metadata(&path).unwrap().len() < 500 * PAGE {
            assert!(begun.elapsed() < Duration::from_secs(30), "it is not");
            thread::sleep(Duration::from_millis(10));
        }
        drop((writer, checkpoints));
    }

    #[test]
    fn the_log_begins_anew_however_much_is_written() {
        let (writer, checkpoints, _, folder) = writer();
        commit(&writer, 20_000);
        let log = metadata(folder.path().join("db-wal")).unwrap().len();
        let longest = u64::try_from(LONG).unwrap() * 2 * PAGE;
        assert!(log < longest, "{log} bytes");
        let rows: i64 = writer
            .query_row("SELECT count(*) FROM t", (), |row| row.get(0))
            .unwrap();
        assert_eq!(rows, 20_000);
        drop((writer, checkpoints));
        assert!(
            !folder.path().join("db-wal").exists(),
            "the last one closes"
        );
    }
}
