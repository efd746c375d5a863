//! A PostgreSQL of the test binary's own, and a database of each test's own in it.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio_postgres::NoTls;

/// One that runs until this is dropped, or the test binary ends.
pub(crate) struct Postgres {
    child: Child,
    orders: Option<ChildStdin>,
    lines: BufReader<ChildStdout>,
    url: String,
}

impl Postgres {
    pub(crate) fn start() -> Self {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/postgres.py");
        let mut child = Command::new("python3")
            .arg(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut this = Self {
            orders: child.stdin.take(),
            lines: BufReader::new(child.stdout.take().unwrap()),
            child,
            url: String::new(),
        };
        this.url = this.line();
        this
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        assert!(line.ends_with('\n'), "PostgreSQL did not start");
        line.trim().to_owned()
    }

    fn order(&mut self, order: &str, answer: &str) {
        writeln!(self.orders.as_ref().unwrap(), "{order}").unwrap();
        assert_eq!(self.line(), answer);
    }

    /// At once and hard, as when the power fails.
    pub(crate) fn stop_now(&mut self) {
        self.order("stop", "stopped");
    }

    pub(crate) fn start_again(&mut self) {
        self.order("start", "started");
    }

    /// The URL of a new and empty database.
    pub(crate) async fn database(&self) -> String {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("test{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let admin = client(&self.url).await;
        let make = format!("CREATE DATABASE {name}");
        admin.batch_execute(&make).await.unwrap();
        let (server, _) = self.url.rsplit_once('/').unwrap();
        format!("{server}/{name}")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // It ends when its standard input does.
        drop(self.orders.take());
        let _ = self.child.wait();
    }
}

/// The URL of a new database in the PostgreSQL that all tests of this binary share. It ends with
/// the binary, whose end closes its standard input.
pub(crate) async fn database() -> String {
    static SHARED: OnceLock<Postgres> = OnceLock::new();
    let shared = tokio::task::spawn_blocking(|| SHARED.get_or_init(Postgres::start));
    shared.await.unwrap().database().await
}

/// A way to ask a database what the store never says.
pub(crate) async fn client(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Sets what connections to a database begin with, from now on.
pub(crate) async fn set(client: &tokio_postgres::Client, setting: &str) {
    let name: String = client
        .query_one("SELECT quote_ident(current_database())", &[])
        .await
        .unwrap()
        .get(0);
    let set = format!("ALTER DATABASE {name} SET {setting}");
    client.batch_execute(&set).await.unwrap();
}
