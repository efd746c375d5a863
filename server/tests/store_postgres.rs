//! The PostgreSQL store does what every store must; and what only many servers on one database
//! must.
#![cfg(feature = "postgres")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

#[path = "common/choosing.rs"]
mod choosing;
mod conformance;
#[path = "common/postgres.rs"]
mod postgres;

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use choosing::Choosing;
use conformance::{Shared, at, check, key, sent_pin, some_user, start, start_by, unlimited, user};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::JoinSet,
};
use tokio_postgres::Client;
use uuid::Uuid;
use verigator_server::{
    config::Rules,
    engine::{
        authentication::{Check, CheckRequest, Method},
        keys::Keys,
    },
    store::{
        Once, Started, Store, StoreError,
        postgres::{Database, PostgresError, PostgresStore},
    },
};

fn keys(numbers: &[u8]) -> Keys {
    let text: Vec<String> = numbers
        .iter()
        .map(|it| format!("{it:02x}").repeat(32))
        .collect();
    Keys::parse(&text.join(",")).unwrap()
}

async fn open(url: &str, numbers: &[u8]) -> Result<PostgresStore, PostgresError> {
    let database = Database::connect(&url.parse().unwrap()).await?;
    database.open(keys(numbers)).await
}

async fn store(url: &str) -> Shared {
    Arc::new(open(url, &[1]).await.unwrap())
}

/// Fails when it takes so long that something must hang.
async fn in_time<T>(working: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(Duration::from_mins(1), working).await;
    done.unwrap_or_else(|_| panic!("it hangs"))
}

/// Waits until something is so, which it will be soon.
async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < Duration::from_secs(30), "it never is so");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn number(client: &Client, sql: &str) -> i64 {
    client.query_one(sql, &[]).await.unwrap().get(0)
}

/// How many of the database's connections wait for a lock.
async fn waiting(client: &Client) -> i64 {
    let sql = "SELECT count(*) FROM pg_stat_activity
               WHERE datname = current_database() AND wait_event_type = 'Lock'";
    number(client, sql).await
}

/// As many servers as stores: each step is another's turn.
fn in_turn(stores: Vec<Shared>) -> Shared {
    let next = AtomicUsize::new(0);
    Arc::new(Choosing::new(move |_| {
        let turn = next.fetch_add(1, Ordering::Relaxed);
        Ok(Arc::clone(&stores[turn % stores.len()]))
    }))
}

fn is_unavailable<T>(done: &Result<T, StoreError>) -> bool {
    matches!(
        done,
        Err(StoreError::Unavailable(_) | StoreError::Unknown(_))
    )
}

/// Also in every race.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_servers_conform() {
    let url = postgres::database().await;
    let servers = vec![store(&url).await, store(&url).await];
    conformance::all(in_turn(servers)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_lost_while_servers_get_a_new_key_one_after_another() {
    let url = postgres::database().await;
    open(&url, &[1]).await.unwrap();
    let servers: Vec<Shared> = vec![
        Arc::new(open(&url, &[1, 2]).await.unwrap()),
        Arc::new(open(&url, &[2, 1]).await.unwrap()),
    ];
    conformance::while_keys_are_replaced(in_turn(servers)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_that_start_at_once_make_the_tables_once() {
    for _ in 0..5 {
        let url = postgres::database().await;
        let mut starts = JoinSet::new();
        for _ in 0..8 {
            let url = url.clone();
            starts.spawn(async move {
                let database = Database::connect(&url.parse().unwrap()).await.unwrap();
                let migrated = database.migrated();
                let store = database.open(keys(&[1])).await.unwrap();
                store.ready().await.unwrap();
                migrated
            });
        }
        let migrated = starts.join_all().await;
        assert_eq!(migrated.iter().filter(|it| it.from == 0).count(), 1);
        let latest = migrated[0].to;
        assert!(migrated.iter().all(|it| it.to == latest));
    }
}

/// A database of a server that looked for a user's message before it put another in its place.
#[tokio::test]
async fn messages_from_before_an_update_are_still_sent() {
    let url = postgres::database().await;
    let first = conformance::put_message(&store(&url).await).await;
    let client = postgres::client(&url).await;
    let before = "DROP INDEX outbox_of_user; CREATE INDEX outbox_by_user ON outbox (user_id);
                  UPDATE schema_version SET version = 1";
    client.batch_execute(before).await.unwrap();
    let database = Database::connect(&url.parse().unwrap()).await.unwrap();
    assert_eq!(database.migrated().from, 1);
    let updated: Shared = Arc::new(database.open(keys(&[1])).await.unwrap());
    assert_eq!(conformance::messages(&updated).await, [first]);
    let newer = conformance::put_message(&updated).await;
    assert_eq!(conformance::messages(&updated).await, [newer]);
}

#[tokio::test]
async fn a_wrong_key_and_a_later_version_are_refused() {
    let url = postgres::database().await;
    let database = Database::connect(&url.parse().unwrap()).await.unwrap();
    assert!(!database.has_key().await.unwrap());
    let first: Shared = Arc::new(database.open(keys(&[1])).await.unwrap());
    let jo = some_user(&first).await;
    let database = Database::connect(&url.parse().unwrap()).await.unwrap();
    assert!(database.has_key().await.unwrap());
    let error = database.open(keys(&[2])).await.err().unwrap();
    assert!(matches!(error, PostgresError::WrongKey(_)), "{error}");
    // With both, what was sealed with the old one is sealed anew, so that it may go.
    open(&url, &[2, 1]).await.unwrap();
    let second: Shared = Arc::new(open(&url, &[2]).await.unwrap());
    assert!(matches!(
        start(&second, jo, Method::Sms, 0).await,
        Started::Sms(_)
    ));
    let error = open(&url, &[1]).await.err().unwrap();
    assert!(matches!(error, PostgresError::WrongKey(_)), "{error}");

    let client = postgres::client(&url).await;
    let later = "UPDATE schema_version SET version = 99";
    client.batch_execute(later).await.unwrap();
    let error = open(&url, &[2]).await.err().unwrap();
    assert!(
        matches!(error, PostgresError::Newer { found: 99, .. }),
        "{error}"
    );
}

/// More than are sealed anew at once, and none of them twice.
#[tokio::test]
async fn many_users_are_sealed_anew() {
    let url = postgres::database().await;
    let first = store(&url).await;
    let jo = some_user(&first).await;
    let client = postgres::client(&url).await;
    let others = "INSERT INTO users (id, service, id_in_service, phone, created_at)
                  SELECT gen_random_uuid(), service, 'other' || n, phone, created_at
                  FROM users, generate_series(1, 2500) AS n";
    client.batch_execute(others).await.unwrap();
    // Only jo's opens in another row than the one it was sealed for.
    let error = open(&url, &[2, 1]).await.err().unwrap().to_string();
    assert!(error.contains("changed or belongs elsewhere"), "{error}");
    let delete = "DELETE FROM users WHERE id_in_service LIKE 'other%'";
    client.batch_execute(delete).await.unwrap();
    let mut users = vec![jo];
    for _ in 0..2100 {
        users.push(user(&first, jo.service).await);
    }
    open(&url, &[2, 1]).await.unwrap();
    let second: Shared = Arc::new(open(&url, &[2]).await.unwrap());
    for user in users.into_iter().step_by(100) {
        assert!(matches!(
            start(&second, user, Method::Sms, 0).await,
            Started::Sms(_)
        ));
    }
}

/// PostgreSQL takes one of two transactions back that wait for each other; the step is then run
/// again, and nobody hears of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_that_was_taken_back_is_run_again() {
    let url = postgres::database().await;
    let mut other = postgres::client(&url).await;
    // Time enough for both to wait before the first of them looks.
    postgres::set(&other, "deadlock_timeout = '2s'").await;
    other
        .batch_execute("SET deadlock_timeout = '1h'")
        .await
        .unwrap();
    let store = store(&url).await;
    let jo = some_user(&store).await;
    let rules = Rules::default();
    start_by(&store, jo, Method::Sms, 0, &rules).await;

    let observer = postgres::client(&url).await;
    let transaction = other.transaction().await.unwrap();
    let counted = "SELECT what FROM counted FOR UPDATE";
    assert_eq!(transaction.query(counted, &[]).await.unwrap().len(), 1);
    let starting = {
        let store = Arc::clone(&store);
        tokio::spawn(async move { start_by(&store, jo, Method::Sms, 60, &Rules::default()).await })
    };
    // It has the user and waits for what is counted; now the other way round.
    until(async || waiting(&observer).await == 1).await;
    let users = "SELECT id FROM users FOR UPDATE";
    assert_eq!(transaction.query(users, &[]).await.unwrap().len(), 1);
    transaction.commit().await.unwrap();
    let started = in_time(starting).await.unwrap();
    assert!(matches!(started, Started::Sms(_)), "{started:?}");
}

/// A database may be set up to take steps back that only had to wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn it_does_not_matter_which_isolation_is_the_default() {
    let url = postgres::database().await;
    let client = postgres::client(&url).await;
    postgres::set(&client, "default_transaction_isolation = 'serializable'").await;
    // Connections say what they did when they end; the first had no tables.
    let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()";
    drop(store(&url).await);
    until(async || number(&client, others).await == 1).await;
    let store = store(&url).await;
    let jo = some_user(&store).await;
    sent_pin(&store, jo, 0).await;
    let back = "SELECT xact_rollback FROM pg_stat_database WHERE datname = current_database()";
    let before = number(&client, back).await;
    let mut steps = JoinSet::new();
    for _ in 0..64 {
        let store = Arc::clone(&store);
        steps.spawn(async move {
            store.ready().await.unwrap();
            check(&store, jo, "wrong", 1).await
        });
    }
    let checks = steps.join_all().await;
    assert!(!checks.contains(&Check::NotStarted));
    drop(store);
    until(async || number(&client, others).await == 1).await;
    assert_eq!(number(&client, back).await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_ends_in_time_when_a_lock_is_never_given_back() {
    let url = postgres::database().await;
    let store = store(&url).await;
    let jo = some_user(&store).await;
    let zoe = user(&store, jo.service).await;
    let mut other = postgres::client(&url).await;
    let transaction = other.transaction().await.unwrap();
    let lock = "SELECT id FROM users WHERE id = $1 FOR UPDATE";
    transaction.query_one(lock, &[&jo.user]).await.unwrap();
    let begun = Instant::now();
    let done = store.remove_totp(jo).await;
    assert!(is_unavailable(&done), "{done:?}");
    assert!(begun.elapsed() < Duration::from_secs(20));
    assert!(matches!(
        start(&store, zoe, Method::Sms, 0).await,
        Started::Sms(_)
    ));
    drop(transaction);
    assert!(!in_time(store.remove_totp(jo)).await.unwrap());
}

/// Steps that are dropped half-way leave neither a lock nor an open transaction, and no answer
/// that the next step on the connection would take for its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_left_of_a_dropped_step_is_closed() {
    let url = postgres::database().await;
    let store = store(&url).await;
    let jo = some_user(&store).await;
    let zoe = user(&store, jo.service).await;
    let pin = sent_pin(&store, jo, 0).await;
    let observer = postgres::client(&url).await;
    let mut other = postgres::client(&url).await;
    let transaction = other.transaction().await.unwrap();
    let lock = "SELECT id FROM users WHERE id = $1 FOR UPDATE";
    transaction.query_one(lock, &[&jo.user]).await.unwrap();
    // More than there are connections.
    let mut steps = JoinSet::new();
    for _ in 0..40 {
        let (store, pin) = (Arc::clone(&store), pin.clone());
        steps.spawn(async move { check(&store, jo, &pin, 1).await });
    }
    until(async || waiting(&observer).await == 16).await;
    steps.shutdown().await;
    // The lock is there still, so a step on one of these connections would wait for it.
    assert!(matches!(
        start(&store, zoe, Method::Sms, 0).await,
        Started::Sms(_)
    ));
    drop(transaction);
    let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                AND pid <> pg_backend_pid() AND state LIKE 'idle in transaction%'";
    until(async || number(&observer, open).await == 0 && waiting(&observer).await == 0).await;
    // None of them was committed, and all connections may be had again.
    let mut steps = JoinSet::new();
    for _ in 0..40 {
        let (store, pin) = (Arc::clone(&store), pin.clone());
        steps.spawn(async move { check(&store, jo, &pin, 1).await });
    }
    let checks = in_time(steps.join_all()).await;
    let right = checks
        .iter()
        .filter(|it| matches!(it, Check::Verified(_)))
        .count();
    assert_eq!(right, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_the_database_ends_is_replaced() {
    let url = postgres::database().await;
    let store = store(&url).await;
    let jo = some_user(&store).await;
    let observer = postgres::client(&url).await;
    let mut other = postgres::client(&url).await;
    let transaction = other.transaction().await.unwrap();
    let lock = "SELECT id FROM users WHERE id = $1 FOR UPDATE";
    transaction.query_one(lock, &[&jo.user]).await.unwrap();
    let step = {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.remove_totp(jo).await })
    };
    until(async || waiting(&observer).await == 1).await;
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE datname = current_database() AND wait_event_type = 'Lock'";
    observer.query(end, &[]).await.unwrap();
    let done = in_time(step).await.unwrap();
    assert!(is_unavailable(&done), "{done:?}");
    drop(transaction);
    assert!(!store.remove_totp(jo).await.unwrap());
}

/// A database that was put back to follow another keeps its connections, in some places.
#[tokio::test]
async fn a_connection_that_nothing_may_be_written_on_is_replaced() {
    let url = postgres::database().await;
    let store = store(&url).await;
    let client = postgres::client(&url).await;
    postgres::set(&client, "default_transaction_read_only = on").await;
    let end = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    client.query(end, &[]).await.unwrap();
    // The connections that were ended, then new ones that may only read.
    until(async || is_unavailable(&store.ready().await)).await;
    assert!(is_unavailable(&store.ready().await));
    postgres::set(&client, "default_transaction_read_only = off").await;
    store.ready().await.unwrap();
}

/// How many bytes still pass, on all connections together, before one is cut. Then all do again.
struct Left(AtomicI64);

const PLENTY: i64 = 1 << 40;

impl Left {
    async fn pass(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
        let mut bytes = [0; 4096];
        while let Ok(read @ 1..) = from.read(&mut bytes).await {
            let size = i64::try_from(read).unwrap();
            let passes = self.0.fetch_sub(size, Ordering::Relaxed).clamp(0, size);
            let passes = usize::try_from(passes).unwrap();
            if to.write_all(&bytes[..passes]).await.is_err() {
                return;
            }
            if passes < read {
                self.0.store(PLENTY, Ordering::Relaxed);
                return;
            }
        }
    }
}

/// Passes everything on to the database and back, as much as is left of each.
async fn cutting(url: &str, asked: Arc<Left>, answered: Arc<Left>) -> String {
    let address = url.split(['@', '/']).nth(3).unwrap().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = url.replace(&address, &listener.local_addr().unwrap().to_string());
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let far = TcpStream::connect(&address).await.unwrap();
            let (from_near, to_near) = near.into_split();
            let (from_far, to_far) = far.into_split();
            let (asked, answered) = (Arc::clone(&asked), Arc::clone(&answered));
            tokio::spawn(async move {
                // What was asked before a cut is still answered.
                tokio::join!(
                    asked.pass(from_near, to_far),
                    answered.pass(from_far, to_near)
                )
            });
        }
    });
    url
}

/// Wherever the connection breaks: a right PIN is accepted once, and when that is not known, it
/// is said so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_that_was_cut_is_unknown_and_never_right_twice() {
    let url = postgres::database().await;
    let store = store(&url).await;
    let service = some_user(&store).await.service;
    let [asked, answered] = [(); 2].map(|()| Arc::new(Left(AtomicI64::new(PLENTY))));
    let proxy = cutting(&url, Arc::clone(&asked), Arc::clone(&answered)).await;
    let cut: Shared = Arc::new(open(&proxy, &[1]).await.unwrap());
    let (key, rules) = (key(), unlimited());
    for (left, may_be_lost) in [(asked, false), (answered, true)] {
        let (mut known, mut happened, mut did_not) = (0, 0, 0);
        for bytes in (0..900).step_by(9) {
            let jo = user(&store, service).await;
            let pin = sent_pin(&store, jo, 0).await;
            // On a connection that knows all statements already.
            assert!(matches!(
                check(&cut, jo, "wrong", 0).await,
                Check::Invalid { .. }
            ));
            left.0.store(bytes, Ordering::Relaxed);
            let request = CheckRequest {
                guess: &pin,
                key: &key,
                now: at(0),
                rules: &rules,
            };
            let done = in_time(cut.check(jo, &request, None)).await;
            left.0.store(PLENTY, Ordering::Relaxed);
            match (done, check(&store, jo, &pin, 0).await) {
                (Ok(Once::Done(Check::Verified(_))), Check::NotStarted) => known += 1,
                (Err(StoreError::Unknown(_)), Check::NotStarted) => happened += 1,
                (done, Check::Verified(_)) if is_unavailable(&done) => did_not += 1,
                other => panic!("after {bytes} bytes: {other:?}"),
            }
        }
        assert!(
            known > 0 && did_not > 0 && (happened > 0) == may_be_lost,
            "{known}, {happened}, {did_not}"
        );
    }
}

/// More than one statement takes away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_over_is_swept_in_the_end() {
    let url = postgres::database().await;
    let store = store(&url).await;
    let client = postgres::client(&url).await;
    let old = "
        INSERT INTO sent SELECT sha256(n::TEXT::BYTEA), n, gen_random_uuid(), n
            FROM generate_series(1, 2500) AS n;
        INSERT INTO counted SELECT sha256(n::TEXT::BYTEA), n FROM generate_series(1, 2500) AS n;
        INSERT INTO idempotency_keys SELECT sha256(n::TEXT::BYTEA), gen_random_uuid(), '', n
            FROM generate_series(1, 2500) AS n";
    client.batch_execute(old).await.unwrap();
    let jo = some_user(&store).await;
    start_by(&store, jo, Method::Sms, 0, &Rules::default()).await;
    // That of the user and that of the number are there still.
    let left = "SELECT (SELECT count(*) FROM sent) * 10000 + (SELECT count(*) FROM counted) * 100
                + (SELECT count(*) FROM idempotency_keys)";
    until(async || number(&client, left).await == 20100).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_reached_is_unavailable_until_it_is_back() {
    let mut server = tokio::task::spawn_blocking(postgres::Postgres::start)
        .await
        .unwrap();
    let url = server.database().await;
    let store = store(&url).await;
    let jo = some_user(&store).await;
    let pin = sent_pin(&store, jo, 0).await;
    for _ in 0..2 {
        server = tokio::task::spawn_blocking(move || {
            server.stop_now();
            server
        })
        .await
        .unwrap();
        let mut steps = JoinSet::new();
        for _ in 0..40 {
            let store = Arc::clone(&store);
            steps.spawn(async move { (store.ready().await, store.user(jo).await) });
        }
        let begun = Instant::now();
        for (ready, user) in in_time(steps.join_all()).await {
            assert!(is_unavailable(&ready) && is_unavailable(&user));
        }
        assert!(begun.elapsed() < Duration::from_secs(20));
        let error = open(&url, &[1]).await.err().unwrap();
        assert!(matches!(error, PostgresError::Away(_)), "{error}");
        server = tokio::task::spawn_blocking(move || {
            server.start_again();
            server
        })
        .await
        .unwrap();
        // At once, on every connection there may have been.
        let mut steps = JoinSet::new();
        for _ in 0..40 {
            let store = Arc::clone(&store);
            steps.spawn(async move { store.ready().await });
        }
        for ready in in_time(steps.join_all()).await {
            ready.unwrap();
        }
    }
    assert_eq!(
        check(&store, jo, &pin, 1).await,
        Check::Verified(Method::Sms)
    );
    let nobody = store.unlock_user(Uuid::new_v4()).await;
    assert!(matches!(nobody, Err(StoreError::Refused(_))));
}
