//! Opening the file and bringing its tables up to date.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};
use thiserror::Error;
use uuid::Uuid;

use super::user;
use crate::{
    engine::keys::{Keys, OpenError, Place},
    random,
    store::StoreError,
};

/// Each brings the tables from one version to the next. Never changed once released.
const MIGRATIONS: [&str; 3] = [
    include_str!("migrations/0001_accounts_to_keys.sql"),
    include_str!("migrations/0002_outbox.sql"),
    include_str!("migrations/0003_outbox_by_user.sql"),
];

/// How long to wait for another process that writes: the program's own commands are quick.
const BUSY: Duration = Duration::from_secs(5);

/// What the check for the right key is sealed for.
const KEY_CHECK: Place = Place {
    kind: "key-check",
    row: Uuid::nil(),
};

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
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "foreign_keys", true)?;
    // What is deleted is overwritten: a copy of the file shows what is kept, and no more.
    db.pragma_update(None, "secure_delete", true)?;
    Ok(db)
}

/// Brings the tables up to date and checks the key, alone, also when several processes start at
/// once.
pub(super) fn migrate(db: &mut Connection, keys: &Keys) -> Result<(), SqliteError> {
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
    check_key(&alone, keys)?;
    Ok(alone.commit()?)
}

/// Sealed at the first start and opened at every later one: a wrong key is found before anything
/// is written with it.
fn check_key(db: &Connection, keys: &Keys) -> Result<(), SqliteError> {
    let sealed: Option<Vec<u8>> = db
        .query_row("SELECT sealed FROM key_check", (), |row| row.get(0))
        .optional()?;
    if let Some(sealed) = sealed {
        keys.open(KEY_CHECK, &sealed)
            .map_err(SqliteError::WrongKey)?;
    }
    let sealed = keys.seal(KEY_CHECK, b"", random::fill)?;
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
