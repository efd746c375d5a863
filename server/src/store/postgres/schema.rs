//! Bringing the tables up to date and checking the keys, also when many servers start at once.

use std::time::Duration;

use deadpool_postgres::Pool;
use thiserror::Error;
use tokio::time::sleep;
use tokio_postgres::error::SqlState;
use uuid::Uuid;

use super::{
    failure::Failure,
    session::{Session, call, run_for_as_long_as_it_takes},
    user,
};
use crate::{
    engine::keys::{Keys, OpenError},
    store::{
        Migrated,
        sealed::{self, SealedError},
    },
};

/// Each brings the tables from one version to the next. Never changed once released.
const MIGRATIONS: [&str; 2] = [
    include_str!("migrations/0001_all.sql"),
    include_str!("migrations/0002_outbox_of_user.sql"),
];

/// The version of the tables, and the lock under which it changes.
const VERSION_TABLE: &str = "
    CREATE TABLE IF NOT EXISTS schema_version (
        id BIGINT PRIMARY KEY CHECK (id = 1),
        version BIGINT NOT NULL
    )";

const VERSION_ROW: &str =
    "INSERT INTO schema_version (id, version) VALUES (1, 0) ON CONFLICT (id) DO NOTHING";

const VERSION: &str = "SELECT version FROM schema_version WHERE id = 1";

const KEY_CHECK: &str = "SELECT sealed FROM key_check WHERE id = 1";

/// Until the end of a transaction that changes tables or waits for one that does.
const PATIENCE: &str = "
    SET LOCAL statement_timeout = '30min';
    SET LOCAL idle_in_transaction_session_timeout = '30min'";

/// How often to try to make a table that others make at the same time.
const TRIES: u32 = 10;
/// How long to wait in between.
const BREATH: Duration = Duration::from_millis(50);

/// Why a database cannot be used.
#[derive(Debug, Error)]
pub enum PostgresError {
    /// It refuses.
    #[error("{0}")]
    Database(String),
    /// It cannot be reached, or has no room. That may pass.
    #[error("{0}")]
    Away(String),
    /// The platform's certificates cannot be used.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// A later version of this program made its tables.
    #[error("the database has version {found}, this program knows up to {known}")]
    Newer {
        /// What the database says.
        found: i64,
        /// What this program knows.
        known: i64,
    },
    /// Not the keys it was written with.
    #[error(
        "the server's key is not the one this database was written with; all servers of a \
         database need the same"
    )]
    WrongKey(#[source] OpenError),
}

impl From<Failure> for PostgresError {
    fn from(failure: Failure) -> Self {
        if failure.may_pass() {
            Self::Away(failure.to_string())
        } else {
            Self::Database(failure.to_string())
        }
    }
}

/// Brings the tables up to date, once, however many start at the same time.
pub(super) async fn migrate(pool: &Pool) -> Result<Migrated, PostgresError> {
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    let found = match version(pool).await? {
        found if found < known => migrate_alone(pool, known).await?,
        found => found,
    };
    if found > known {
        return Err(PostgresError::Newer { found, known });
    }
    Ok(Migrated {
        from: found,
        to: known,
    })
}

/// The version of the tables, with a table to keep it in.
async fn version(pool: &Pool) -> Result<i64, Failure> {
    let mut tries = 0;
    loop {
        let found = run_for_as_long_as_it_takes(pool, |db| async move {
            let [rows] = db.ask([call(VERSION, &[])]).await?;
            Ok(rows.first().map(|row| row.try_get(0)).transpose()?)
        });
        match found.await {
            Ok(Some(version)) => return Ok(version),
            Ok(None) => {}
            Err(failure) if failure.code() == Some(&SqlState::UNDEFINED_TABLE) => {}
            Err(failure) => return Err(failure),
        }
        // Many that make one table at the same time get in each other's way.
        let made = run_for_as_long_as_it_takes(pool, |db| async move {
            db.script(VERSION_TABLE).await?;
            db.script(VERSION_ROW).await
        });
        match made.await {
            Err(failure) if tries == TRIES => return Err(failure),
            _ => tries += 1,
        }
        sleep(BREATH).await;
    }
}

/// Gives the version that was found once nobody else changes it.
async fn migrate_alone(pool: &Pool, known: i64) -> Result<i64, Failure> {
    run_for_as_long_as_it_takes(pool, |db| async move {
        let found = alone(&db).await?;
        for (version, migration) in (1_i64..).zip(MIGRATIONS) {
            if version > found {
                db.script(migration).await?;
            }
        }
        let now = found.max(known);
        let set = "UPDATE schema_version SET version = $1 WHERE id = 1";
        db.commit(&[call(set, &[&now])]).await?;
        Ok(found)
    })
    .await
}

/// Begins a transaction that has the tables for itself, as far as all who change them come by
/// here. Gives their version.
async fn alone(db: &Session) -> Result<i64, Failure> {
    let [] = db.begin([]).await?;
    db.script(PATIENCE).await?;
    let lock = "SELECT version FROM schema_version WHERE id = 1 FOR UPDATE";
    let [rows] = db.ask([call(lock, &[])]).await?;
    Ok(rows.first().ok_or(Failure::Ended)?.try_get(0)?)
}

/// Whether something was written with a key.
pub(super) async fn has_key(pool: &Pool) -> Result<bool, Failure> {
    run_for_as_long_as_it_takes(pool, |db| async move {
        let [rows] = db.ask([call(KEY_CHECK, &[])]).await?;
        Ok(!rows.is_empty())
    })
    .await
}

/// Refuses keys that what is there was not written with.
pub(super) async fn check_key(pool: &Pool, keys: &Keys) -> Result<(), PostgresError> {
    let checked = run_for_as_long_as_it_takes(pool, |db| async move {
        alone(&db).await?;
        let [rows] = db.ask([call(KEY_CHECK, &[])]).await?;
        let found: Option<&[u8]> = rows.first().map(|row| row.try_get(0)).transpose()?;
        let sealed = sealed::check_key(keys, found)?;
        let put = "INSERT INTO key_check (id, sealed) VALUES (1, $1)
                   ON CONFLICT (id) DO UPDATE SET sealed = excluded.sealed";
        db.commit(&[call(put, &[&sealed])]).await
    });
    checked.await.map_err(|failure| match failure {
        Failure::Sealed(SealedError::Open(error)) => PostgresError::WrongKey(error),
        other => other.into(),
    })
}

/// Seals anew with the current key what another one sealed, so that the other may go.
pub(super) async fn seal_anew(pool: &Pool, keys: &Keys) -> Result<(), Failure> {
    let mut behind = Some(Uuid::nil());
    while let Some(last) = behind {
        behind = run_for_as_long_as_it_takes(pool, |db| async move {
            let [] = db.begin([]).await?;
            db.script(PATIENCE).await?;
            let next = user::seal_anew(&db, keys, last).await?;
            db.commit(&[]).await?;
            Ok(next)
        })
        .await?;
    }
    Ok(())
}
