//! What the SQLite store leaves on the disk, with a whole server above it: what is there after a
//! new start, and what happens when the disk is full, the file may only be read or another has it.
#![cfg(feature = "sqlite")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod common;
mod kept;

use std::{fs, path::Path, sync::Arc};

use common::{Answer, PHONE};
use kept::{Place, Server};
use rusqlite::Connection;
use serde_json::json;
use tempfile::TempDir;
use verigator_server::{
    engine::keys::Keys,
    store::{Store, sqlite::SqliteStore},
};

impl Place for TempDir {
    async fn open(&self, keys: Keys) -> Arc<dyn Store> {
        Arc::new(SqliteStore::open(&self.path().join("db"), keys).unwrap())
    }

    async fn rows(&self, table: &str) -> i64 {
        let db = Connection::open(self.path().join("db")).unwrap();
        let sql = format!("SELECT count(*) FROM {table}");
        db.query_row(&sql, (), |row| row.get(0)).unwrap()
    }
}

#[tokio::test]
async fn everything_is_there_after_a_new_start_also_with_a_new_key() {
    let folder = tempfile::tempdir().unwrap();
    kept::everything_is_there_after_a_new_start_also_with_a_new_key(&folder).await;
}

#[tokio::test]
async fn what_is_over_is_swept() {
    kept::what_is_over_is_swept(&tempfile::tempdir().unwrap()).await;
}

/// A file system of so many MiB that the test may fill; none where mounting is not allowed, which
/// it is in CI.
#[cfg(target_os = "linux")]
struct SmallDisk(TempDir);

#[cfg(target_os = "linux")]
impl SmallDisk {
    fn new(mib: u32) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={mib}m"), "tmpfs"])
            .arg(folder.path())
            .output();
        let is_mounted = mounted.is_ok_and(|it| it.status.success());
        let is_needed = std::env::var_os("CI").is_some();
        assert!(is_mounted || !is_needed, "CI may mount file systems");
        is_mounted.then_some(Self(folder))
    }

    fn remount(&self, how: &str) {
        let mut mount = std::process::Command::new("mount");
        mount
            .args(["-o", &format!("remount,{how}")])
            .arg(self.0.path());
        assert!(mount.status().unwrap().success());
    }
}

#[cfg(target_os = "linux")]
impl Drop for SmallDisk {
    fn drop(&mut self) {
        let mut umount = std::process::Command::new("umount");
        // Lazily: the server of the test still holds the file.
        let _ = umount.arg("-l").arg(self.0.path()).status();
    }
}

/// Runs only where the test may mount a file system.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_disk_is_503_until_there_is_room() {
    let Some(disk) = SmallDisk::new(2) else {
        return;
    };
    let folder = disk.0.path();
    let server = Server::start(&disk.0, &["01"]).await;
    let client = &server.client;
    let service = client.service("shop").await;
    let user = client.user(&service, "jo").await;
    assert_eq!(client.initiate(&user, "sms").await.status, 201);
    let pin = server.pin();

    let filler = folder.join("filler");
    // Ends with an error, having taken all there was.
    assert!(fs::write(&filler, vec![0; 4 << 20]).is_err());
    let mut refused = 0;
    // Some may still fit into what the log has already.
    for n in 0..200 {
        let body = json!({"id_in_service": format!("{n}"), "phone_number": PHONE});
        let answer = client.send("POST", &format!("{service}/users"), body).await;
        if answer.status != 201 {
            is_unavailable(&answer);
            refused += 1;
        }
    }
    assert!(refused > 0);
    is_unavailable(&client.get("/readyz").await);
    assert_eq!(client.get(&service).await.status, 200, "reading goes on");
    let before = client.get(&format!("{service}/users")).await.json()["total"].clone();

    fs::remove_file(filler).unwrap();
    assert_eq!(client.get("/readyz").await.status, 200);
    assert_eq!(before, 1 + 200 - refused, "the refused did not happen");
    assert_eq!(client.verify(&user, &pin).await.json()["verified"], true);
    client.user(&service, "another").await;
    is_sound(folder);
}

/// 503 with a message, and when to come again.
fn is_unavailable(answer: &Answer) {
    assert_eq!(answer.error(), (503, "store_unavailable".to_owned()));
    assert!(!answer.json()["message"].as_str().unwrap().is_empty());
    assert_eq!(answer.headers["retry-after"], "1");
}

/// Nothing is to be repaired.
fn is_sound(folder: &Path) {
    let db = Connection::open(folder.join("db")).unwrap();
    let said: String = (db.query_row("PRAGMA integrity_check", (), |row| row.get(0))).unwrap();
    assert_eq!(said, "ok");
}

/// Makes the database and its log unwritable, though they are open, and writable again; false where
/// that is not allowed, or where the file system knows no such thing. The log's index is left: it is
/// memory that the processes share, and a file by name only.
#[cfg(target_os = "linux")]
fn freeze(folder: &Path, how: &str) -> bool {
    let files = ["db", "db-wal"].map(|name| folder.join(name));
    let mut chattr = std::process::Command::new("chattr");
    let frozen = chattr.arg(how).args(files).output();
    let is_frozen = frozen.is_ok_and(|it| it.status.success());
    let is_needed = std::env::var_os("CI").is_some();
    assert!(is_frozen || !is_needed, "CI may freeze files");
    is_frozen
}

/// Runs only where the test may freeze files.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_file_that_may_only_be_read_is_503_until_it_may_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let server = Server::start(&folder, &["01"]).await;
    let client = &server.client;
    let service = client.service("shop").await;
    let user = client.user(&service, "jo").await;
    client.initiate(&user, "sms").await;
    let pin = server.pin();
    if !freeze(at, "+i") {
        return;
    }
    let answers = [
        client.verify(&user, &pin).await,
        client.initiate(&user, "sms").await,
        client.get("/readyz").await,
    ];
    let read = client.get(&user).await;
    // Before anything can fail: nobody could remove the files.
    assert!(freeze(at, "-i"));
    answers.iter().for_each(is_unavailable);
    assert_eq!(read.status, 200, "reading goes on");
    assert_eq!(client.get("/readyz").await.status, 200);
    assert_eq!(client.verify(&user, &pin).await.json()["verified"], true);
    is_sound(at);
}

/// Another program that writes for too long: a shell that was left open in a transaction.
#[tokio::test]
async fn a_file_that_another_holds_is_503_until_it_lets_go() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder, &["01"]).await;
    let client = &server.client;
    let service = client.service("shop").await;
    let user = client.user(&service, "jo").await;
    client.initiate(&user, "sms").await;
    let other = Connection::open(folder.path().join("db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let pin = server.pin();
    is_unavailable(&client.verify(&user, &pin).await);
    assert_eq!(client.get(&user).await.status, 200, "reading goes on");
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(client.verify(&user, &pin).await.json()["verified"], true);
}

/// Runs only where the test may mount a file system.
#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_may_only_be_read_is_refused_and_nothing_is_harmed() {
    let Some(disk) = SmallDisk::new(2) else {
        return;
    };
    let open = || {
        let keys = Keys::parse(&"01".repeat(32)).unwrap();
        SqliteStore::open(&disk.0.path().join("db"), keys)
    };
    open().unwrap();
    disk.remount("ro");
    let error = open().err().unwrap().to_string();
    let said = ["readonly", "unable to open"]
        .iter()
        .any(|it| error.contains(it));
    assert!(said, "{error}");
    disk.remount("rw");
    open().unwrap();
}
