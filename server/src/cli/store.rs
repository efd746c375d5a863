//! The store that the commands work on, and the key that it is kept with.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    sync::Arc,
    thread::sleep,
    time::{Duration, Instant},
};

use clap::Args;
use thiserror::Error;
use verigator_server::{
    clock::{Clock, SystemClock},
    engine::keys::{Keys, KeysError},
    random,
    store::{
        Migrated, Store, StoreError,
        memory::MemoryStore,
        postgres::{Address, Database, PostgresError, PostgresStore},
        sqlite::{SqliteError, SqliteStore},
    },
};
use zeroize::Zeroizing;

use super::values::Place;

/// Holds the keys themselves, in place of a file.
const KEY: &str = "VERIGATOR_KEY";

/// How long a process may take to write the key into the file that it has made.
const KEY_WRITTEN: Duration = Duration::from_secs(2);

#[derive(Debug, Args)]
pub(super) struct StoreOptions {
    /// Where everything is kept: sqlite:FILE, <postgres://USER:PASSWORD@HOST/DATABASE> or memory:
    #[arg(
        long,
        env = "VERIGATOR_STORE",
        hide_env_values = true,
        global = true,
        default_value = "sqlite:verigator.db"
    )]
    store: Place,

    /// The server's keys, the current one first; made for a new database, for its owner only.
    /// Not read when `VERIGATOR_KEY` holds them
    #[arg(
        long,
        env = "VERIGATOR_KEY_FILE",
        global = true,
        default_value = "verigator.key"
    )]
    key_file: PathBuf,
}

/// Why there is no store.
#[derive(Debug, Error)]
pub(super) enum Error {
    #[error("VERIGATOR_KEY: {0}")]
    Key(KeysError),
    #[error("VERIGATOR_KEY is not text")]
    KeyText,
    #[error("{0}: {1}")]
    KeyFile(PathBuf, KeysError),
    #[error("--store: {0}")]
    Place(String),
    #[error("cannot use {0}: {1}")]
    File(PathBuf, std::io::Error),
    #[error(
        "{0} is not there, and the database was written with a key: bring the file that was made \
         with the database"
    )]
    NoKey(PathBuf),
    #[error("{0} can be read by others; it must have mode 600")]
    KeyMode(PathBuf),
    #[error("cannot open {0}: {1}")]
    Sqlite(PathBuf, SqliteError),
    #[error("cannot open {0}: {1}")]
    Postgres(Box<Address>, PostgresError),
    #[error("another server uses {0}")]
    InUse(PathBuf),
    #[error("only a running server knows what is in memory; name a file with --store")]
    Memory,
    #[error("no random bytes: {0}")]
    Random(#[from] random::RandomError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Error {
    /// Whether the same may go well later, with nothing done about it.
    pub(super) fn may_pass(&self) -> bool {
        matches!(self, Self::Postgres(_, PostgresError::Away(_)))
    }
}

/// A store for a server.
pub(super) struct Served {
    pub(super) store: Arc<dyn Store>,
    pub(super) keys: Keys,
    /// Held as long as the server runs: two would send each other's messages again.
    pub(super) _lock: Option<File>,
}

impl StoreOptions {
    /// For a command beside a server, which may run.
    pub(super) async fn open(&self) -> Result<Arc<dyn Store>, Error> {
        match &self.store {
            Place::Memory => Err(Error::Memory),
            Place::Sqlite(file) => Ok(Arc::new(self.sqlite(file)?.0)),
            Place::Postgres(address) => Ok(Arc::new(self.postgres(address).await?.0)),
            Place::Unclear(why) => Err(Error::Place(why.clone())),
        }
    }

    /// Whether everything ends with the server, which then begins without accounts.
    pub(super) fn forgets(&self) -> bool {
        self.store == Place::Memory
    }

    /// Brings the tables up to date, without a key. Says where, and what was done.
    pub(super) async fn migrate(&self) -> Result<(String, Migrated), Error> {
        match &self.store {
            Place::Memory => Err(Error::Memory),
            Place::Sqlite(file) => {
                let migrated = SqliteStore::migrate(file);
                let migrated = migrated.map_err(|error| Error::Sqlite(file.clone(), error))?;
                Ok((file.display().to_string(), migrated))
            }
            Place::Postgres(address) => {
                let database = connect(address).await?;
                Ok((address.to_string(), database.migrated()))
            }
            Place::Unclear(why) => Err(Error::Place(why.clone())),
        }
    }

    /// For a server.
    pub(super) async fn serve(&self) -> Result<Served, Error> {
        match &self.store {
            Place::Memory => Ok(Served {
                store: Arc::new(MemoryStore::default()),
                keys: Keys::new(&Zeroizing::new(random::array()?)),
                _lock: None,
            }),
            Place::Sqlite(file) => {
                let lock = lock(file)?;
                let (store, keys) = self.sqlite(file)?;
                // Whoever had picked some up is dead, or it would have the lock.
                store.release_messages(SystemClock.now()).await?;
                Ok(Served {
                    store: Arc::new(store),
                    keys,
                    _lock: Some(lock),
                })
            }
            Place::Postgres(address) => {
                let (store, keys) = self.postgres(address).await?;
                Ok(Served {
                    store: Arc::new(store),
                    keys,
                    _lock: None,
                })
            }
            Place::Unclear(why) => Err(Error::Place(why.clone())),
        }
    }

    fn sqlite(&self, file: &Path) -> Result<(SqliteStore, Keys), Error> {
        let failed = |error| Error::Sqlite(file.to_owned(), error);
        SqliteStore::migrate(file).map_err(failed)?;
        let keys = self.keys(!SqliteStore::has_key(file).map_err(failed)?)?;
        let store = SqliteStore::open(file, keys.clone()).map_err(failed)?;
        Ok((store, keys))
    }

    async fn postgres(&self, address: &Address) -> Result<(PostgresStore, Keys), Error> {
        let failed = |error| Error::Postgres(Box::new(address.clone()), error);
        let database = connect(address).await?;
        let migrated = database.migrated();
        if migrated.from != migrated.to {
            tracing::info!(database = %address, "{migrated}");
        }
        let keys = self.keys(!database.has_key().await.map_err(failed)?)?;
        let store = database.open(keys.clone()).await.map_err(failed)?;
        Ok((store, keys))
    }

    /// `may_make`: nothing is there yet that another key could have been used for.
    fn keys(&self, may_make: bool) -> Result<Keys, Error> {
        match std::env::var(KEY).map(Zeroizing::new) {
            Ok(text) => return Keys::parse(&text).map_err(Error::Key),
            Err(std::env::VarError::NotPresent) => {}
            Err(std::env::VarError::NotUnicode(_)) => return Err(Error::KeyText),
        }
        let path = &self.key_file;
        let failed = |error| Error::File(path.clone(), error);
        if may_make {
            match make_key(path) {
                Err(Error::File(_, error)) if error.kind() == ErrorKind::AlreadyExists => {}
                made => made?,
            }
        }
        if !may_make && !path.try_exists().map_err(failed)? {
            return Err(Error::NoKey(path.clone()));
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = path.metadata().map_err(failed)?.permissions().mode();
            if mode & 0o077 != 0 {
                return Err(Error::KeyMode(path.clone()));
            }
        }
        let text = read_key(path).map_err(failed)?;
        Keys::parse(&text).map_err(|error| Error::KeyFile(path.clone(), error))
    }
}

async fn connect(address: &Address) -> Result<Database, Error> {
    let database = Database::connect(address).await;
    database.map_err(|error| Error::Postgres(Box::new(address.clone()), error))
}

/// Waits for a moment for whoever has just made the file and not written it yet.
fn read_key(path: &Path) -> std::io::Result<Zeroizing<String>> {
    let begun = Instant::now();
    loop {
        let text = Zeroizing::new(std::fs::read_to_string(path)?);
        if !text.is_empty() || begun.elapsed() > KEY_WRITTEN {
            return Ok(text);
        }
        sleep(Duration::from_millis(10));
    }
}

fn make_key(path: &Path) -> Result<(), Error> {
    let text = Keys::text(&Zeroizing::new(random::array()?));
    let mut options = OpenOptions::new();
    options.create_new(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let made = options.open(path).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.write_all(b"\n")?;
        // Before anything is encrypted with it.
        file.sync_all()
    });
    made.map_err(|error| Error::File(path.to_owned(), error))
}

fn lock(database: &Path) -> Result<File, Error> {
    let mut path = database.as_os_str().to_owned();
    path.push(".lock");
    let path = PathBuf::from(path);
    let failed = |error| Error::File(path.clone(), error);
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::InUse(database.to_owned())),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}
