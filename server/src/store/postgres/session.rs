//! One step on one connection: statements go out together where they may, and what is not
//! committed is rolled back.
//!
//! A connection whose step did not come to a known end, because it was cut, took too long or was
//! dropped half-way, is closed and never used again: its answers, or a transaction that is open on
//! it, would be another's.

use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
    time::Duration,
};

use bytes::BytesMut;
use deadpool_postgres::{Object, Pool};
use tokio::time::{sleep, timeout};
use tokio_postgres::{
    Error, Row,
    error::SqlState,
    types::{IsNull, ToSql, Type},
};

use super::failure::Failure;
use crate::store::StoreError;

/// The longest a step takes, with waiting for a connection: well below the time a client waits.
pub(super) const STEP: Duration = Duration::from_secs(5);
/// How often a step is run again that the database took back because of another.
const AGAIN: u32 = 8;
/// How long to wait before; doubled each time.
const PAUSE: Duration = Duration::from_millis(2);

/// A value of a statement.
pub(super) type Value<'a> = &'a (dyn ToSql + Sync);

/// A statement and its values. It is prepared once on each connection.
pub(super) struct Call<'a> {
    sql: &'a str,
    values: &'a [Value<'a>],
}

impl Call<'_> {
    /// Whether it may change something, as far as its first word tells.
    fn writes(&self) -> bool {
        !self.sql.trim_start().starts_with("SELECT")
    }
}

/// A [`Call`].
pub(super) fn call<'a>(sql: &'a str, values: &'a [Value<'a>]) -> Call<'a> {
    Call { sql, values }
}

/// A connection, for the length of a step.
pub(super) struct Session {
    /// None only while it is dropped.
    connection: Option<Object>,
    /// A transaction was begun, and its end was not answered.
    is_open: AtomicBool,
    /// Its commit was asked for.
    is_ending: AtomicBool,
    /// What it is left in is known, so that it may be used again.
    is_clean: AtomicBool,
    /// Something was sent that is in force once it is done, and its answer has not come.
    is_in_doubt: Arc<AtomicBool>,
}

/// Runs `step`, again when the database took it back because of another, and in bounded time. What
/// the step does not commit is rolled back.
pub(super) async fn run<T, F>(
    pool: &Pool,
    step: impl Fn(Arc<Session>) -> F,
) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, Failure>>,
{
    run_within(STEP, pool, step).await
}

/// [`run`] with another bound.
pub(super) async fn run_within<T, F>(
    bound: Duration,
    pool: &Pool,
    step: impl Fn(Arc<Session>) -> F,
) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, Failure>>,
{
    let doubt = Arc::default();
    let done = timeout(bound, run_in_doubt(pool, &doubt, step)).await;
    let failure = match done {
        Ok(Ok(done)) => return Ok(done),
        Ok(Err(failure)) => failure,
        Err(_) => {
            // What made one connection fall silent has done so to those that nobody uses: better
            // none than one that costs the next step as much.
            pool.retain(|_, _| false);
            Failure::TooLong
        }
    };
    Err(failure.told(doubt.load(Ordering::Relaxed)))
}

/// [`run`] without a bound.
pub(super) async fn run_for_as_long_as_it_takes<T, F>(
    pool: &Pool,
    step: impl Fn(Arc<Session>) -> F,
) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    run_in_doubt(pool, &Arc::default(), step).await
}

/// Notes in `doubt` whether the step may have happened when it comes to no end.
async fn run_in_doubt<T, F>(
    pool: &Pool,
    doubt: &Arc<AtomicBool>,
    step: impl Fn(Arc<Session>) -> F,
) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    let mut times = 0;
    loop {
        let session = Arc::new(Session::new(pool.get().await?, Arc::clone(doubt)));
        let done = step(Arc::clone(&session)).await;
        session.end(done.as_ref().err()).await;
        match done {
            Err(failure) if failure.is_conflict() && times < AGAIN => {
                drop(session);
                sleep(PAUSE * 2_u32.saturating_pow(times)).await;
                times += 1;
            }
            done => return done,
        }
    }
}

impl Session {
    fn new(connection: Object, is_in_doubt: Arc<AtomicBool>) -> Self {
        Self {
            connection: Some(connection),
            is_open: AtomicBool::new(false),
            is_ending: AtomicBool::new(false),
            is_clean: AtomicBool::new(false),
            is_in_doubt,
        }
    }

    fn connection(&self) -> Result<&Object, Failure> {
        self.connection.as_ref().ok_or(Failure::Ended)
    }

    /// Makes statements, each on its own, and gives what each says.
    pub(super) async fn ask<const N: usize>(
        &self,
        calls: [Call<'_>; N],
    ) -> Result<[Vec<Row>; N], Failure> {
        array(self.send(false, &calls, false).await?)
    }

    /// [`ask`](Self::ask) for any number of statements.
    pub(super) async fn ask_all(&self, calls: &[Call<'_>]) -> Result<Vec<Vec<Row>>, Failure> {
        self.send(false, calls, false).await
    }

    /// Begins a transaction and makes its first statements.
    pub(super) async fn begin<const N: usize>(
        &self,
        calls: [Call<'_>; N],
    ) -> Result<[Vec<Row>; N], Failure> {
        array(self.send(true, &calls, false).await?)
    }

    /// Makes the last statements of a transaction, and commits.
    pub(super) async fn commit(&self, calls: &[Call<'_>]) -> Result<(), Failure> {
        self.send(false, calls, true).await.map(drop)
    }

    /// Runs statements that take no values.
    pub(super) async fn script(&self, sql: &str) -> Result<(), Failure> {
        Ok(self.connection()?.batch_execute(sql).await?)
    }

    /// Sends all at once and waits for all the answers. An error of any comes before the answers
    /// of those behind it.
    async fn send(
        &self,
        begin: bool,
        calls: &[Call<'_>],
        commit: bool,
    ) -> Result<Vec<Vec<Row>>, Failure> {
        let connection = self.connection()?;
        let mut statements = Vec::with_capacity(calls.len());
        for call in calls {
            // Of one that the connection knows already, this is a look into a map.
            statements.push(connection.prepare_cached(call.sql).await?);
        }
        let values: Vec<Vec<Unshown<'_>>> = calls
            .iter()
            .map(|call| call.values.iter().map(|value| Unshown(*value)).collect())
            .collect();
        let values: Vec<Vec<Value<'_>>> = values
            .iter()
            .map(|values| values.iter().map(|value| value as Value<'_>).collect())
            .collect();
        let mut sent: Vec<Sent<'_>> = Vec::with_capacity(calls.len() + 2);
        if begin {
            self.is_open.store(true, Ordering::Relaxed);
        } else if !self.is_open.load(Ordering::Relaxed) && calls.iter().any(Call::writes) {
            self.is_in_doubt.store(true, Ordering::Relaxed);
        }
        if begin {
            sent.push(Box::pin(async {
                let answer = connection.batch_execute("BEGIN").await;
                answer.map(|()| Vec::new())
            }));
        }
        for (statement, values) in statements.iter().zip(&values) {
            sent.push(Box::pin(connection.query(statement, values)));
        }
        if commit {
            sent.push(Box::pin(async {
                self.is_ending.store(true, Ordering::Relaxed);
                self.is_in_doubt.store(true, Ordering::Relaxed);
                let answer = connection.batch_execute("COMMIT").await;
                answer.map(|()| Vec::new())
            }));
        }
        let answers = in_order(sent).await;
        if answers.as_ref().err().is_none_or(is_answer) {
            self.is_in_doubt.store(false, Ordering::Relaxed);
        }
        let mut answers = answers?;
        if begin {
            answers.remove(0);
        }
        if commit {
            self.is_open.store(false, Ordering::Relaxed);
        }
        Ok(answers)
    }

    /// Rolls back what is open, so that the connection may be used again, if it may: an error that
    /// did not come from the database tells nothing of what it is left in, and one that says that
    /// nothing may be written here comes from a database that was put back to follow another.
    async fn end(&self, failure: Option<&Failure>) {
        if failure.is_some_and(Failure::spoils_connection) {
            return;
        }
        let is_open = self.is_open.load(Ordering::Relaxed);
        // A commit that was asked for ends the transaction, also when it has failed before.
        let is_over = !is_open || self.is_ending.load(Ordering::Relaxed);
        let is_clean = is_over || self.script("ROLLBACK").await.is_ok();
        self.is_clean.store(is_clean, Ordering::Relaxed);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if !self.is_clean.load(Ordering::Relaxed)
            && let Some(connection) = self.connection.take()
        {
            drop(Object::take(connection));
        }
    }
}

type Sent<'a> = Pin<Box<dyn Future<Output = Result<Vec<Row>, Error>> + Send + 'a>>;

/// Polls futures in their order until all are done or one has failed. A statement goes out when
/// its future is polled first, so none goes out behind one that could not: above all no commit.
async fn in_order(mut sent: Vec<Sent<'_>>) -> Result<Vec<Vec<Row>>, Error> {
    let mut answers: Vec<Option<Vec<Row>>> = sent.iter().map(|_| None).collect();
    poll_fn(move |context| {
        let mut all = true;
        for (sent, answer) in sent.iter_mut().zip(&mut answers) {
            if answer.is_some() {
                continue;
            }
            match sent.as_mut().poll(context) {
                Poll::Ready(Ok(rows)) => *answer = Some(rows),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => all = false,
            }
        }
        if all {
            let answers = std::mem::take(&mut answers);
            Poll::Ready(Ok(answers.into_iter().flatten().collect()))
        } else {
            Poll::Pending
        }
    })
    .await
}

/// Whether it is what the database says of a statement, and not that it is about to go.
fn is_answer(error: &Error) -> bool {
    let goes = [SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN];
    error.code().is_some_and(|code| !goes.contains(code))
}

fn array<const N: usize>(answers: Vec<Vec<Row>>) -> Result<[Vec<Row>; N], Failure> {
    answers.try_into().map_err(|_| Failure::Ended)
}

/// A value that no log of the library beneath shows.
struct Unshown<'a>(Value<'a>);

impl fmt::Debug for Unshown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("•••")
    }
}

impl ToSql for Unshown<'_> {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        self.0.to_sql_checked(kind, out)
    }

    /// The value itself says so when it is written.
    fn accepts(_: &Type) -> bool {
        true
    }

    fn to_sql_checked(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        self.0.to_sql_checked(kind, out)
    }
}
