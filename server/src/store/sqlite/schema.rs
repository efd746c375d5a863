//! Opening the file and bringing its tables up to date.

use std::{
    path::Path,
    thread::sleep,
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode, OptionalExtension, TransactionBehavior, config::DbConfig};
use thiserror::Error;

use super::user;
use crate::{
    engine::keys::{Keys, OpenError},
    random,
    store::{
        Migrated, StoreError,
        sealed::{self, SealedError},
    },
};

/// Each brings the tables from one version to the next. Never changed once released.
const MIGRATIONS: [&str; 5] = [
    include_str!("migrations/0001_accounts_to_keys.sql"),
    include_str!("migrations/0002_outbox.sql"),
    include_str!("migrations/0003_outbox_by_user.sql"),
    include_str!("migrations/0004_sent_in_order.sql"),
    include_str!("migrations/0005_outbox_of_user.sql"),
];

/// Prepared statements that a connection keeps: more than there are, so that none is parsed twice.
const STATEMENTS: usize = 64;

/// How long to wait for another process that writes: the program's own commands are quick.
const BUSY: Duration = Duration::from_secs(5);

/// How long to wait before asking again.
const BREATH: Duration = Duration::from_millis(10);

/// Why a database cannot be used.
#[derive(Debug, Error)]
pub enum SqliteError {
    /// The file cannot be made.
    #[error("cannot make the file: {0}")]
    File(#[from] std::io::Error),
    /// SQLite refuses.
    #[error("{0}")]
    Sql(#[from] rusqlite::Error),
    /// A later version of this program wrote it.
    #[error("the database has version {found}, this program knows up to {known}")]
    Newer {
        /// What the file says.
        found: i64,
        /// What this program knows.
        known: i64,
    },
    /// Not the keys it was written with.
    #[error("the server's key is not the one this database was written with")]
    WrongKey(#[source] OpenError),
    /// A row cannot be sealed anew with the current key.
    #[error("a row cannot be read: {0}")]
    Row(#[from] StoreError),
    /// The system has no random bytes.
    #[error("no random bytes: {0}")]
    Random(#[from] random::RandomError),
}

impl From<SealedError> for SqliteError {
    fn from(error: SealedError) -> Self {
        match error {
            SealedError::Open(error) => Self::WrongKey(error),
            SealedError::Random(error) => Self::Random(error),
            error @ SealedError::Value(_) => Self::Row(error.into()),
        }
    }
}

/// Opens the file, which is made readable for its owner only.
pub(super) fn open(path: &Path) -> Result<Connection, SqliteError> {
    let mut options = std::fs::OpenOptions::new();
    options.create_new(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error.into()),
    }
    let db = Connection::open(path)?;
    db.busy_timeout(BUSY)?;
    write_ahead(&db)?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "foreign_keys", true)?;
    // What is deleted is overwritten: a copy of the file shows what is kept, and no more.
    db.pragma_update(None, "secure_delete", true)?;
    // What a statement may have to take back is not read after a crash.
    db.pragma_update(None, "temp_store", "MEMORY")?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    // Otherwise a statement that compares is planned anew for each value it is run with.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(db)
}

/// For the change of a new file's journal alone, SQLite does not wait for others by itself.
fn write_ahead(db: &Connection) -> Result<(), SqliteError> {
    let begun = Instant::now();
    loop {
        match db.pragma_update(None, "journal_mode", "WAL") {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && begun.elapsed() < BUSY =>
            {
                sleep(BREATH);
            }
            done => return Ok(done?),
        }
    }
}

/// Brings the tables up to date, and refuses keys that what is there was not written with; alone,
/// also when several processes start at once.
pub(super) fn migrate(db: &mut Connection, keys: Option<&Keys>) -> Result<Migrated, SqliteError> {
    let alone = db.transaction_with_behavior(TransactionBehavior::Exclusive)?;
    let found: i64 = alone.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    if found > known {
        return Err(SqliteError::Newer { found, known });
    }
    for (version, migration) in (1_i64..).zip(MIGRATIONS) {
        if version > found {
            alone.execute_batch(migration)?;
            alone.pragma_update(None, "user_version", version)?;
        }
    }
    if let Some(keys) = keys {
        check_key(&alone, keys)?;
    }
    alone.commit()?;
    Ok(Migrated {
        from: found,
        to: known,
    })
}

/// Whether something was written with a key, in tables that are up to date.
pub(super) fn has_key(db: &Connection) -> Result<bool, SqliteError> {
    Ok(db.prepare("SELECT 1 FROM key_check")?.exists(())?)
}

/// A wrong key is found before anything is written with it.
fn check_key(db: &Connection, keys: &Keys) -> Result<(), SqliteError> {
    let found: Option<Vec<u8>> = db
        .query_row("SELECT sealed FROM key_check", (), |row| row.get(0))
        .optional()?;
    let sealed = sealed::check_key(keys, found.as_deref())?;
    db.execute("INSERT OR REPLACE INTO key_check VALUES (1, ?1)", [sealed])?;
    Ok(())
}

/// Seals some users' values anew with the current key; false when there was nothing to do.
pub(super) fn seal_anew(
    db: &mut Connection,
    keys: &Keys,
    at_most: u32,
) -> Result<bool, SqliteError> {
    let alone = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let sealed = user::seal_anew(&alone, keys, at_most)?;
    alone.commit()?;
    Ok(sealed > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No test can cut the power; this is what makes a commit outlive it.
    #[test]
    fn every_connection_waits_for_the_disk_and_overwrites_what_it_deletes() {
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            let db = open(&folder.path().join("db")).unwrap();
            let number = |name: &str| -> i64 {
                let value = db.pragma_query_value(None, name, |row| row.get(0));
                value.unwrap()
            };
            assert_eq!(number("synchronous"), 2, "FULL");
            assert_eq!(number("foreign_keys"), 1);
            assert_eq!(number("secure_delete"), 1);
            let journal: String = db
                .pragma_query_value(None, "journal_mode", |row| row.get(0))
                .unwrap();
            assert_eq!(journal, "wal");
        }
    }
}
