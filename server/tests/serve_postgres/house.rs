//! A database with an account, and the servers in front of it.

use std::{
    fs::{self, File},
    net::SocketAddr,
    path::Path,
    time::Duration,
};

use tempfile::TempDir;
use tokio_postgres::types::FromSql;

use super::{
    common::Client,
    postgres,
    program::{Printed, Served, account_in, verigator},
};

/// Whatever the database's user is told to have here is let in by it, and must be seen nowhere.
pub(crate) const SECRET: &str = "hunter2secret";

pub(crate) struct House {
    pub(crate) folder: TempDir,
    /// Of the database, with [`SECRET`] as its password.
    pub(crate) url: String,
    pub(crate) password: String,
    pub(crate) printed: Printed,
    /// A way to the database that nothing is done to.
    pub(crate) database: tokio_postgres::Client,
}

impl House {
    /// In a database of the PostgreSQL that all tests share.
    pub(crate) async fn new() -> Self {
        Self::at(&postgres::database().await).await
    }

    /// In a database that is empty.
    pub(crate) async fn at(url: &str) -> Self {
        let (user, place) = url.split_once('@').unwrap();
        let url = format!("{user}:{SECRET}@{place}");
        let folder = tempfile::tempdir().unwrap();
        let password = account_in(folder.path(), "shop", &["--store", &url]);
        Self {
            folder,
            password,
            printed: Printed::default(),
            database: postgres::client(&url).await,
            url,
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn serve(&self) -> Served {
        self.serve_with(&[])
    }

    pub(crate) fn serve_with(&self, arguments: &[&str]) -> Served {
        self.serve_by(&self.url, arguments)
    }

    /// A server that comes to the database by another URL.
    pub(crate) fn serve_by(&self, url: &str, arguments: &[&str]) -> Served {
        let serve = ["serve", "--listen", "127.0.0.1:0", "--store", url];
        let mut command = verigator(self.path(), &[&serve, arguments].concat());
        let mut log = File::options();
        log.append(true).create(true);
        let log = log.open(self.path().join("log")).unwrap();
        command.env("VERIGATOR_LOG", "warn").stderr(log);
        Served::spawn(&mut command, &self.printed)
    }

    /// What the servers had to warn of.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path().join("log")).unwrap()
    }

    /// Where the database is.
    pub(crate) fn address(&self) -> SocketAddr {
        place(&self.url).parse().unwrap()
    }

    /// The database's URL by way of another address.
    pub(crate) fn url_by(&self, way: SocketAddr) -> String {
        self.url.replace(place(&self.url), &way.to_string())
    }

    pub(crate) fn client(&self, served: &Served) -> Client {
        served.client(&format!("shop:{}", self.password))
    }

    /// Finds the way to the database again, after it was gone.
    pub(crate) async fn find_again(&mut self) {
        self.database = postgres::client(&self.url).await;
    }

    /// The one value that a query gives.
    pub(crate) async fn value<T: for<'a> FromSql<'a>>(&self, sql: &str) -> T {
        self.database.query_one(sql, &[]).await.unwrap().get(0)
    }

    /// Waits until no message is left to be sent: what was on its way when a server died is sent
    /// once its lease is over.
    pub(crate) async fn until_all_is_sent(&self) {
        let sent = async {
            while self.value::<i64>("SELECT count(*) FROM outbox").await > 0 {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let sent = tokio::time::timeout(Duration::from_mins(1), sent).await;
        assert!(sent.is_ok(), "messages are left");
    }
}

/// Host and port of a URL.
fn place(url: &str) -> &str {
    let (_, rest) = url.split_once('@').unwrap_or(url.split_once("//").unwrap());
    rest.split('/').next().unwrap()
}
