//! Every kind of store, each of its own for the test that asks.
#![allow(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "each test binary uses its own part"
)]
#![allow(clippy::unused_async, reason = "a store that connects has to wait")]

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

use tempfile::TempDir;
use verigator_server::store::{Store, memory::MemoryStore};

use crate::common::served::keys;

/// Makes a test of each of these functions for each store, named for it: what a test shows of one
/// it must show of all. Those after `durable` are for stores that keep what they have when the
/// process ends.
macro_rules! on_each_store {
    ($($test:ident),* $(,)? $(; durable: $($durable:ident),+ $(,)?)?) => {
        mod on_memory {
            crate::stores::tests_on! { memory $($test)* }
        }
        #[cfg(feature = "sqlite")]
        mod on_sqlite {
            crate::stores::tests_on! { sqlite $($test)* $($($durable)+)? }
        }
        #[cfg(feature = "postgres")]
        mod on_postgres {
            crate::stores::tests_on! { postgres $($test)* $($($durable)+)? }
        }
    };
}

macro_rules! tests_on {
    ($store:ident $($test:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $test() {
                crate::$test(crate::stores::$store().await).await;
            }
        )*
    };
}
pub(crate) use {on_each_store, tests_on};

/// A store with what only its kind can tell.
pub(crate) struct TestStore {
    pub(crate) store: Arc<dyn Store>,
    /// Of a race over HTTP. Those of the stores alone have many more of the slower ones.
    pub(crate) rounds: usize,
    place: Place,
}

/// Where a store keeps what outlives the process.
enum Place {
    Nowhere,
    #[cfg(feature = "sqlite")]
    Folder {
        folder: TempDir,
        /// Another's look at the file.
        beside: Mutex<(rusqlite::Connection, i64)>,
    },
    #[cfg(feature = "postgres")]
    Database {
        /// Another's look at the database.
        beside: tokio_postgres::Client,
        users: Mutex<String>,
    },
}

pub(crate) async fn memory() -> TestStore {
    TestStore {
        store: Arc::new(MemoryStore::default()),
        rounds: 300,
        place: Place::Nowhere,
    }
}

#[cfg(feature = "sqlite")]
pub(crate) async fn sqlite() -> TestStore {
    use verigator_server::store::sqlite::SqliteStore;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let store = SqliteStore::open(&path, keys()).unwrap();
    let beside = Mutex::new((rusqlite::Connection::open(path).unwrap(), 0));
    TestStore {
        store: Arc::new(store),
        rounds: 30,
        place: Place::Folder { folder, beside },
    }
}

#[cfg(feature = "postgres")]
pub(crate) async fn postgres() -> TestStore {
    use verigator_server::store::postgres::Database;

    let url = crate::postgres::database().await;
    let database = Database::connect(&url.parse().unwrap()).await.unwrap();
    TestStore {
        store: Arc::new(database.open(keys()).await.unwrap()),
        rounds: 30,
        place: Place::Database {
            beside: crate::postgres::client(&url).await,
            users: Mutex::default(),
        },
    }
}

/// Every store there is.
pub(crate) async fn every() -> Vec<TestStore> {
    vec![
        memory().await,
        #[cfg(feature = "sqlite")]
        sqlite().await,
        #[cfg(feature = "postgres")]
        postgres().await,
    ]
}

impl TestStore {
    /// Whether it keeps what it has when the process ends.
    pub(crate) fn is_durable(&self) -> bool {
        !matches!(self.place, Place::Nowhere)
    }

    /// Runs some SQL behind the server's back.
    pub(crate) async fn execute(&self, sql: &str) {
        match &self.place {
            Place::Nowhere => panic!("there is no SQL here"),
            #[cfg(feature = "sqlite")]
            Place::Folder { beside, .. } => beside.lock().unwrap().0.execute_batch(sql).unwrap(),
            #[cfg(feature = "postgres")]
            Place::Database { beside, .. } => beside.batch_execute(sql).await.unwrap(),
        }
    }

    /// All that a thief has: every byte of every file, also of a log that has seen everything.
    pub(crate) async fn dump(&self) -> Vec<u8> {
        match &self.place {
            Place::Nowhere => Vec::new(),
            #[cfg(feature = "sqlite")]
            Place::Folder { folder, .. } => bytes_in(folder.path()),
            #[cfg(feature = "postgres")]
            Place::Database { beside, .. } => {
                beside.batch_execute("CHECKPOINT").await.unwrap();
                let places = "SELECT current_setting('data_directory'), oid::TEXT FROM pg_database
                              WHERE datname = current_database()";
                let row = beside.query_one(places, &[]).await.unwrap();
                let (data, database): (String, String) = (row.get(0), row.get(1));
                let tables = bytes_in(format!("{data}/base/{database}").as_ref());
                [tables, bytes_in(format!("{data}/pg_wal").as_ref())].concat()
            }
        }
    }

    /// Whether a user was written since this was last asked; or anything, where that is all that
    /// can be told.
    pub(crate) async fn has_written(&self) -> bool {
        match &self.place {
            Place::Nowhere => false,
            #[cfg(feature = "sqlite")]
            Place::Folder { beside, .. } => {
                let (db, last) = &mut *beside.lock().unwrap();
                let version = db.pragma_query_value(None, "data_version", |row| row.get(0));
                let version = version.unwrap();
                std::mem::replace(last, version) != version
            }
            #[cfg(feature = "postgres")]
            Place::Database { beside, users } => {
                // By which transaction each row was written.
                let written = "SELECT string_agg(xmin::TEXT, ',' ORDER BY id) FROM users";
                let row = beside.query_one(written, &[]).await.unwrap();
                let now: String = row.get(0);
                let mut users = users.lock().unwrap();
                std::mem::replace(&mut *users, now.clone()) != now
            }
        }
    }
}

/// Some are folders, and some go away in between.
fn bytes_in(folder: &Path) -> Vec<u8> {
    let files = folder.read_dir().unwrap();
    let bytes = files.flat_map(|file| fs::read(file.unwrap().path()));
    bytes.flatten().collect()
}
