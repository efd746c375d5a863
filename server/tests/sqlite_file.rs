//! What the SQLite store leaves on the disk, with a whole server above it: what is there after a
//! new start, what a thief finds, and what happens when the disk is full.
#![cfg(feature = "sqlite")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod common;
mod kept;

use std::{fs, sync::Arc};

use common::PHONE;
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

    /// All bytes of the database and its log.
    async fn dump(&self) -> Vec<u8> {
        let files = self.path().read_dir().unwrap();
        let bytes = files.map(|file| fs::read(file.unwrap().path()).unwrap());
        bytes.flatten().collect()
    }

    async fn rows(&self, table: &str) -> i64 {
        let db = Connection::open(self.path().join("db")).unwrap();
        let sql = format!("SELECT count(*) FROM {table}");
        db.query_row(&sql, (), |row| row.get(0)).unwrap()
    }
}

#[tokio::test]
async fn a_thief_of_the_file_finds_no_secret() {
    kept::a_thief_finds_no_secret(&tempfile::tempdir().unwrap()).await;
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
            assert_eq!(answer.error(), (503, "store_unavailable".to_owned()));
            refused += 1;
        }
    }
    assert!(refused > 0);
    assert_eq!(client.get("/readyz").await.status, 503);
    assert_eq!(client.get(&service).await.status, 200, "reading goes on");
    let before = client.get(&format!("{service}/users")).await.json()["total"].clone();

    fs::remove_file(filler).unwrap();
    assert_eq!(client.get("/readyz").await.status, 200);
    assert_eq!(before, 1 + 200 - refused, "the refused did not happen");
    assert_eq!(client.verify(&user, &pin).await.json()["verified"], true);
    client.user(&service, "another").await;
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
