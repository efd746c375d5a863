//! Every store there is, empty, for tests of what is the same with each.

use std::sync::Arc;

use tempfile::TempDir;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
use verigator_server::engine::keys::Keys;
use verigator_server::store::{Store, memory::MemoryStore};

pub(crate) struct Backend {
    pub(crate) name: &'static str,
    pub(crate) store: Arc<dyn Store>,
    /// Of a race. Those of the stores alone have many more of the slower ones.
    pub(crate) rounds: usize,
    /// Where the store is, if that goes away with the test.
    _folder: Option<TempDir>,
}

fn memory() -> Backend {
    Backend {
        name: "memory",
        store: Arc::new(MemoryStore::default()),
        rounds: 300,
        _folder: None,
    }
}

#[cfg(feature = "sqlite")]
fn sqlite() -> Backend {
    use verigator_server::store::sqlite::SqliteStore;

    let folder = tempfile::tempdir().unwrap();
    let keys = Keys::parse(&"01".repeat(32)).unwrap();
    Backend {
        name: "SQLite",
        store: Arc::new(SqliteStore::open(&folder.path().join("db"), keys).unwrap()),
        rounds: 30,
        _folder: Some(folder),
    }
}

#[cfg(feature = "postgres")]
async fn postgres() -> Backend {
    use verigator_server::store::postgres::Database;

    let url = crate::postgres::database().await;
    let keys = Keys::parse(&"01".repeat(32)).unwrap();
    let database = Database::connect(&url.parse().unwrap()).await.unwrap();
    Backend {
        name: "PostgreSQL",
        store: Arc::new(database.open(keys).await.unwrap()),
        rounds: 30,
        _folder: None,
    }
}

pub(crate) async fn every() -> Vec<Backend> {
    vec![
        memory(),
        #[cfg(feature = "sqlite")]
        sqlite(),
        #[cfg(feature = "postgres")]
        postgres().await,
    ]
}
