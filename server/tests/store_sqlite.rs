//! The SQLite store does what every store must; and what only a file must.
#![cfg(feature = "sqlite")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod conformance;

use std::{sync::Arc, thread};

use rusqlite::Connection;
use tempfile::TempDir;
use verigator_server::{
    engine::keys::Keys,
    store::sqlite::{SqliteError, SqliteStore},
};

fn keys(numbers: &[u8]) -> Keys {
    let text: Vec<String> = numbers
        .iter()
        .map(|it| format!("{it:02x}").repeat(32))
        .collect();
    Keys::parse(&text.join(",")).unwrap()
}

fn open(folder: &TempDir, numbers: &[u8]) -> Result<SqliteStore, SqliteError> {
    SqliteStore::open(&folder.path().join("db"), keys(numbers))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn it_conforms() {
    let folder = tempfile::tempdir().unwrap();
    conformance::all(Arc::new(open(&folder, &[1]).unwrap())).await;
    drop(folder);
}

#[test]
fn many_that_start_at_once_make_the_tables_once() {
    for _ in 0..10 {
        let folder = tempfile::tempdir().unwrap();
        thread::scope(|scope| {
            let starts: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| open(&folder, &[1])))
                .collect();
            for start in starts {
                start.join().unwrap().unwrap();
            }
        });
    }
}

/// A file of a server that did not know whose a message is.
#[tokio::test]
async fn messages_from_before_an_update_are_still_sent() {
    let folder = tempfile::tempdir().unwrap();
    let pin = conformance::put_message(&(Arc::new(open(&folder, &[1]).unwrap()) as _)).await;
    let before = include_str!("../src/store/sqlite/migrations/0002_outbox.sql");
    let db = Connection::open(folder.path().join("db")).unwrap();
    db.execute_batch(&format!(
        "ALTER TABLE outbox RENAME TO newer; DROP INDEX outbox_by_due; {before};
         INSERT INTO outbox SELECT id, due, lease, failures, message FROM newer;
         DROP TABLE newer; PRAGMA user_version = 2;"
    ))
    .unwrap();
    drop(db);
    let store = Arc::new(open(&folder, &[1]).unwrap()) as _;
    assert_eq!(conformance::messages(&store).await, [pin]);
    let newer = conformance::put_message(&store).await;
    assert_eq!(conformance::messages(&store).await, [newer]);
}

/// With those who come, a little at a time: nobody waits for all of it.
#[tokio::test]
async fn what_piled_up_while_nobody_came_is_swept() {
    let folder = tempfile::tempdir().unwrap();
    let store: conformance::Shared = Arc::new(open(&folder, &[1]).unwrap());
    let user = conformance::some_user(&store).await;
    let db = Connection::open(folder.path().join("db")).unwrap();
    db.execute_batch(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
         INSERT INTO sent (what, at, id, until) SELECT randomblob(32), 0, randomblob(16), i FROM n;
         INSERT INTO idempotency_keys (key, claim, fingerprint, until)
         SELECT what, id, what, until FROM sent;",
    )
    .unwrap();
    let rows = || -> (i64, i64) {
        let sql = "SELECT (SELECT count(*) FROM sent), (SELECT count(*) FROM idempotency_keys)";
        db.query_row(sql, (), |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap()
    };
    for second in (0..).step_by(60) {
        let before = rows();
        if before == (0, 0) {
            break;
        }
        assert!(second < 60 * 300, "{before:?} are left");
        conformance::sent_pin(&store, user, second).await;
        let after = rows();
        assert!(
            before.0 - after.0 < 20 && before.1 - after.1 < 20,
            "{after:?}"
        );
    }
}

#[test]
fn a_wrong_key_and_a_later_version_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    open(&folder, &[1]).unwrap();
    let error = open(&folder, &[2]).err().unwrap();
    assert!(matches!(error, SqliteError::WrongKey(_)), "{error}");
    open(&folder, &[2, 1]).unwrap();
    open(&folder, &[2]).unwrap();
    assert!(matches!(open(&folder, &[1]), Err(SqliteError::WrongKey(_))));

    let db = Connection::open(folder.path().join("db")).unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    let error = open(&folder, &[2]).err().unwrap();
    assert!(
        matches!(error, SqliteError::Newer { found: 99, .. }),
        "{error}"
    );
}

#[cfg(unix)]
#[test]
fn only_its_owner_may_read_the_file() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let _store = open(&folder, &[1]).unwrap();
    let mut files = 0;
    for file in folder.path().read_dir().unwrap() {
        let mode = file.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{mode:o}");
        files += 1;
    }
    assert_eq!(files, 3, "the database, its log and that log's index");
}
