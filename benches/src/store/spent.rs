//! What spent authentications leave behind: an answer to each start and each check, kept for a day,
//! and for an hour what each message counts with.
//!
//! Written with SQL and not with the store's own steps, which would take an hour for ten million:
//! without the indexes, which are made afterwards, and without waiting for the disk until the end.
//! What the store hashes or seals is random bytes of the same length, which to an index is the same:
//! those of keys behind the time that the keys began with.

use rusqlite::Connection;
use tokio_postgres::Client;
use verigator_benches::flows::Failure;
use verigator_server::clock::{Clock, SystemClock};

use crate::place::Place;

/// In microseconds, as long as the server keeps an answer unless told otherwise.
const DAY: i64 = 24 * HOUR;
/// In microseconds, as long as it counts a message.
const HOUR: i64 = 3_600_000_000;

/// Leaves in a store what so many authentications leave that came evenly over the last day.
pub(crate) async fn leave(place: &Place, spent: u32) -> Result<(), Failure> {
    let now = SystemClock.now().as_microsecond();
    match place.sqlite() {
        Some(file) => sqlite(Connection::open(file)?, now, spent),
        None => postgres(&place.connect().await?, now, spent).await,
    }
}

fn sqlite(db: Connection, now: i64, spent: u32) -> Result<(), Failure> {
    // The server that opens it next turns the log on again.
    db.execute_batch("PRAGMA journal_mode = DELETE; PRAGMA synchronous = OFF")?;
    let index: String = db.query_row(
        "SELECT sql FROM sqlite_master WHERE name = 'idempotency_keys_by_until'",
        (),
        |row| row.get(0),
    )?;
    let (answers, counts) = (spent * 2, spent / 24 * 2);
    db.execute_batch(&format!(
        "BEGIN;
        DROP INDEX idempotency_keys_by_until;
        INSERT INTO idempotency_keys (key, claim, fingerprint, until, status, body)
        WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {answers})
        SELECT unhex(format('%012x', ({now} - {DAY} + i * {DAY} / {answers}) / 1000)
                     || hex(randomblob(26))),
               randomblob(16), randomblob(32), {now} + i * {DAY} / {answers}, 200, randomblob(80)
        FROM n;
        {index};
        INSERT INTO sent (what, at, id, until)
        WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {counts}),
                       moments (until) AS (SELECT {now} + abs(random() % {HOUR}) FROM n)
        SELECT randomblob(32), until - {HOUR}, randomblob(16), until FROM moments;
        COMMIT;
        ANALYZE"
    ))?;
    let file = db.path().ok_or("no file")?.to_owned();
    drop(db);
    Ok(std::fs::File::open(file)?.sync_all()?)
}

async fn postgres(db: &Client, now: i64, spent: u32) -> Result<(), Failure> {
    let (answers, counts) = (spent * 2, spent / 24 * 2);
    db.batch_execute(&format!(
        "SET maintenance_work_mem = '1GB';
        ALTER TABLE idempotency_keys DROP CONSTRAINT idempotency_keys_pkey;
        DROP INDEX idempotency_keys_by_until;
        INSERT INTO idempotency_keys (key, claim, fingerprint, until, status, body)
        SELECT decode(lpad(to_hex(({now} - {DAY} + i * {DAY} / {answers}) / 1000), 12, '0'), 'hex')
                   || substr(sha256(int8send(i)), 1, 26),
               md5(i::text)::uuid, sha256(int8send(-i)), {now} + i * {DAY} / {answers}, 200,
               sha256(int8send(i)) || sha256(int8send(i)) || substr(sha256(int8send(i)), 1, 16)
        FROM generate_series(1, {answers}::bigint) AS i;
        ALTER TABLE idempotency_keys ADD PRIMARY KEY (key);
        CREATE INDEX idempotency_keys_by_until ON idempotency_keys (until);
        INSERT INTO sent (what, sent_at, id, until)
        SELECT sha256(int8send(i)), until - {HOUR}, md5(i::text)::uuid, until
        FROM (SELECT i, {now} + floor(random() * {HOUR})::bigint AS until
              FROM generate_series(1, {counts}) AS i) AS moments;"
    ))
    .await?;
    // Otherwise it would do so by itself, while it is measured.
    db.batch_execute("VACUUM (ANALYZE)").await?;
    Ok(db.batch_execute("CHECKPOINT").await?)
}

/// Whether a database answers before what it answers is on the disk. Only for who connects later.
pub(crate) async fn hurry(place: &Place, on: bool) -> Result<(), Failure> {
    if place.sqlite().is_some() {
        return Ok(());
    }
    let sql = if on {
        "ALTER ROLE CURRENT_USER SET synchronous_commit = off"
    } else {
        "ALTER ROLE CURRENT_USER RESET synchronous_commit"
    };
    Ok(place.connect().await?.batch_execute(sql).await?)
}
