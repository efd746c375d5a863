//! A store and its keys, named as the server's options name them.

use std::sync::Arc;

use serde::Deserialize;
use tokio_postgres::{Client, NoTls};
use verigator_benches::flows::Failure;
use verigator_server::{
    engine::{keys::Keys, pin::MacKey},
    store::{Store, memory::MemoryStore, postgres::Database, sqlite::SqliteStore},
};

#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct Place(String);

/// A store that is open.
pub(crate) struct Opened {
    pub(crate) store: Arc<dyn Store>,
    /// What PINs are kept with.
    pub(crate) key: MacKey,
}

impl Place {
    /// The file, if it is one.
    pub(crate) fn sqlite(&self) -> Option<&str> {
        self.0.strip_prefix("sqlite:")
    }

    /// A connection of its own to the database, if it is no file.
    pub(crate) async fn connect(&self) -> Result<Client, Failure> {
        let (client, connection) = tokio_postgres::connect(&self.0, NoTls).await?;
        // Its end is the client's, who hears of it.
        tokio::spawn(connection);
        Ok(client)
    }

    pub(crate) async fn open(&self) -> Result<Opened, Failure> {
        let keys = Keys::parse(&std::env::var("VERIGATOR_KEY")?)?;
        let key = keys.mac_key();
        let store: Arc<dyn Store> = if self.0 == "memory:" {
            Arc::new(MemoryStore::default())
        } else if let Some(file) = self.sqlite() {
            Arc::new(SqliteStore::open(file.as_ref(), keys)?)
        } else {
            let database = Database::connect(&self.0.parse()?).await?;
            Arc::new(database.open(keys).await?)
        };
        Ok(Opened { store, key })
    }
}
