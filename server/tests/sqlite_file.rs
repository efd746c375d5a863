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

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use common::{Client, PHONE, parts, serve};
use data_encoding::BASE32_NOPAD;
use rusqlite::Connection;
use serde_json::json;
use verigator_server::{
    clock::MovableClock,
    config::Rules,
    delivery::{Deliver, DeliveryError, Message},
    engine::{keys::Keys, pin::PinLength},
    store::sqlite::SqliteStore,
};

/// Keeps the last PIN.
#[derive(Default)]
struct Phone(Mutex<String>);

#[async_trait]
impl Deliver for Phone {
    fn provider(&self) -> &'static str {
        "phone"
    }

    async fn deliver(&self, message: &Message) -> Result<(), DeliveryError> {
        message.pin.expose().clone_into(&mut self.0.lock().unwrap());
        Ok(())
    }
}

struct Server {
    client: Client,
    phone: Arc<Phone>,
    clock: Arc<MovableClock>,
}

impl Server {
    /// A server over the file in `folder`; the first key encrypts.
    async fn start(folder: &Path, keys: &[&str]) -> Self {
        let text: Vec<String> = keys.iter().map(|it| it.repeat(32)).collect();
        let keys = Keys::parse(&text.join("\n")).unwrap();
        let key = keys.mac_key();
        let store = Arc::new(SqliteStore::open(&folder.join("db"), keys).unwrap());
        let (phone, clock) = (
            Arc::new(Phone::default()),
            Arc::new(MovableClock::default()),
        );
        let mut parts = parts(store, Arc::clone(&phone) as _);
        parts.clock = Arc::clone(&clock) as _;
        parts.key = key;
        parts.rules = Rules {
            // Six digits would turn up in some hash by chance.
            pin_length: PinLength::new(10).unwrap(),
            resend_delay: Duration::ZERO,
            ..Rules::default()
        };
        let client = Client::to(&serve(parts).await);
        Self {
            client,
            phone,
            clock,
        }
    }

    fn pin(&self) -> String {
        self.phone.0.lock().unwrap().clone()
    }
}

/// All bytes of the database and its log.
fn dump(folder: &Path) -> Vec<u8> {
    let files = folder.read_dir().unwrap();
    let bytes = files.map(|file| fs::read(file.unwrap().path()).unwrap());
    bytes.flatten().collect()
}

fn holds(dump: &[u8], wanted: &[u8]) -> bool {
    dump.windows(wanted.len()).any(|it| it == wanted)
}

#[tokio::test]
async fn a_thief_of_the_file_finds_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["ab"]).await;
    let client = &server.client;
    let user = client
        .user(&client.service("shop-in-clear").await, "jo")
        .await;
    let mut secrets = Vec::new();
    // One that was right, one that runs, and guesses with a key, whose requests are remembered.
    for n in 0..2 {
        assert_eq!(client.initiate(&user, "sms").await.status, 201);
        secrets.push(server.pin().into_bytes());
        if n == 0 {
            let keyed = client.with_key("key-in-clear");
            let verified = keyed.verify(&user, &server.pin()).await.json();
            assert_eq!(verified["verified"], true);
        }
    }
    let totp = format!("{user}/totp");
    let enrolled = client
        .with_key("k")
        .send("POST", &totp, json!({}))
        .await
        .json();
    let secret = enrolled["secret"].as_str().unwrap();
    let qr = enrolled["qr"].as_str().unwrap();
    secrets.push(secret.as_bytes().to_vec());
    secrets.push(BASE32_NOPAD.decode(secret.as_bytes()).unwrap());
    secrets.push(qr.as_bytes()[40..80].to_vec());
    secrets.push(PHONE.as_bytes()[1..].to_vec());
    secrets.push(b"test:test".to_vec());
    secrets.push(b"key-in-clear".to_vec());
    secrets.push([0xab; 32].to_vec());
    secrets.push("ab".repeat(32).into_bytes());

    let dump = dump(folder.path());
    assert!(
        holds(&dump, b"shop-in-clear"),
        "the search finds what is there"
    );
    assert!(holds(&dump, b"$argon2id$"));
    for secret in secrets {
        assert!(
            !holds(&dump, &secret),
            "{}",
            String::from_utf8_lossy(&secret)
        );
    }
}

#[tokio::test]
async fn everything_is_there_after_a_new_start_also_with_a_new_key() {
    let folder = tempfile::tempdir().unwrap();
    let first = Server::start(folder.path(), &["01"]).await;
    let client = &first.client;
    let service = client.service("shop").await;
    let user = client.user(&service, "jo").await;
    for _ in 0..5 {
        assert_eq!(client.initiate(&user, "sms").await.status, 201);
    }
    let pin = first.pin();
    let auth = format!("{user}/auth");
    let guess = json!({"token": "wrong"});
    let kept = client.with_key("k").send("PUT", &auth, guess.clone()).await;

    let second = Server::start(folder.path(), &["02", "01"]).await;
    let client = &second.client;
    let replayed = client.with_key("k").send("PUT", &auth, guess).await;
    assert_eq!(replayed.bytes, kept.bytes, "an answer");
    let keyed = client.with_key("k");
    let reused = keyed.send("PUT", &auth, json!({"token": "x"})).await;
    assert_eq!(reused.code(), "idempotency_key_reused");
    let sixth = client.initiate(&user, "sms").await;
    assert_eq!(sixth.code(), "too_many_messages", "what was sent");
    // The same number as another user: found by its hash alone.
    let other = client.user(&service, "zoe").await;
    let sixth = client.initiate(&other, "sms").await;
    assert_eq!(
        sixth.code(),
        "too_many_messages",
        "what was sent to the number"
    );
    assert_eq!(client.verify(&user, &pin).await.json()["verified"], true);

    // Numbers were sealed anew, so the old key may go.
    let third = Server::start(folder.path(), &["02"]).await;
    third.clock.advance(Duration::from_hours(2));
    assert_eq!(third.client.initiate(&user, "sms").await.status, 201);
    let verified = third.client.verify(&user, &third.pin()).await.json();
    assert_eq!(verified["verified"], true);
}

#[tokio::test]
async fn what_is_over_is_swept() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["01"]).await;
    let client = &server.client;
    let service = client.service("shop").await;
    let db = Connection::open(folder.path().join("db")).unwrap();
    let rows = |table: &str| -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        db.query_row(&sql, (), |row| row.get(0)).unwrap()
    };
    let user = client.user(&service, "jo").await;
    for n in 0..5 {
        let keyed = client.with_key(&format!("k{n}"));
        assert_eq!(keyed.initiate(&user, "sms").await.status, 201);
    }
    assert_eq!((rows("sent"), rows("idempotency_keys")), (10, 5));
    server.clock.advance(Duration::from_hours(25));
    let keyed = client.with_key("new");
    assert_eq!(keyed.initiate(&user, "sms").await.status, 201);
    assert_eq!((rows("sent"), rows("idempotency_keys")), (2, 1));
}

/// A file system of so many MiB that the test may fill; none where mounting is not allowed, which
/// it is in CI.
#[cfg(target_os = "linux")]
struct SmallDisk(tempfile::TempDir);

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
    let server = Server::start(folder, &["01"]).await;
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
