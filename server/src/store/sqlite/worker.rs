//! A thread with a connection of its own, which runs steps one after another.
//!
//! The writer's commits wait for the disk, so it takes all steps that came in the meantime into
//! one transaction and answers them together, after the commit: the busier it is, the fewer
//! commits a step costs. A step that fails before it has written leaves the others alone. One that
//! fails later, which none does by design, takes the transaction with it, and each of its steps is
//! run again in one of its own: a savepoint around each would say the same, and copy every page
//! that a step writes. Knows SQL transactions, and nothing of what the steps do.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::failure::Failure;
use crate::store::StoreError;

/// Steps that wait for the thread; more wait to get here.
const QUEUE: usize = 1024;

/// How a thread runs its steps.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// Many steps in one transaction, which has the only right to write.
    Writer,
    /// Each step in a transaction of its own: a snapshot that is older than the step would hide
    /// what its caller was told is written.
    Reader,
}

impl Kind {
    fn behavior(self) -> TransactionBehavior {
        match self {
            Self::Writer => TransactionBehavior::Immediate,
            Self::Reader => TransactionBehavior::Deferred,
        }
    }

    /// The most steps in one transaction: what one failed commit can fail.
    fn at_once(self) -> usize {
        match self {
            Self::Writer => 256,
            Self::Reader => 1,
        }
    }
}

/// The way to a thread. It ends when this is dropped, after the steps that wait.
pub(super) struct Worker {
    steps: Option<mpsc::Sender<Box<dyn Step>>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Worker {
    pub(super) fn start(db: Connection, kind: Kind) -> io::Result<Self> {
        let (steps, mut waiting) = mpsc::channel::<Box<dyn Step>>(QUEUE);
        let thread = thread::Builder::new()
            .name("verigator-sqlite".to_owned())
            .spawn(move || {
                while let Some(first) = waiting.blocking_recv() {
                    transaction(&db, kind, first, &mut waiting);
                }
            })?;
        Ok(Self {
            steps: Some(steps),
            thread: Some(thread),
        })
    }

    /// Runs a step and gives what came of it, once that is committed. What it did before may be
    /// taken back, and it is run again then.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        step: impl Fn(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let step = Box::new(Waiting {
            step,
            done: None,
            answer,
        });
        let steps = self.steps.as_ref().ok_or(Failure::Ended)?;
        steps.send(step).await.map_err(|_| Failure::Ended)?;
        answered.await.map_err(|_| Failure::Ended)?
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.steps.take();
        if let Some(thread) = self.thread.take() {
            // It caught what its steps threw, so there is nothing to hear from it.
            let _ = thread.join();
        }
    }
}

/// A step whose caller waits.
trait Step: Send {
    /// Whether it did what it should.
    fn run(&mut self, db: &Connection) -> bool;
    /// Answers its caller, also when all of it was lost.
    fn settle(self: Box<Self>, lost: Option<&str>);
}

struct Waiting<F, T> {
    step: F,
    /// None also when it panicked.
    done: Option<Result<T, StoreError>>,
    answer: oneshot::Sender<Result<T, StoreError>>,
}

impl<T: Send, F: Fn(&Connection) -> Result<T, StoreError> + Send> Step for Waiting<F, T> {
    fn run(&mut self, db: &Connection) -> bool {
        self.done = catch_unwind(AssertUnwindSafe(|| (self.step)(db))).ok();
        matches!(self.done, Some(Ok(_)))
    }

    fn settle(self: Box<Self>, lost: Option<&str>) {
        // A refusal may rest on what another step of the transaction wrote, so it counts no more
        // than the transaction.
        let answer = match lost {
            None => self.done.unwrap_or_else(|| Err(Failure::Ended.into())),
            Some(why) => Err(Failure::NotCommitted(why.to_owned()).into()),
        };
        // Nobody waits any more when the caller was stopped; the step has happened all the same.
        let _ = self.answer.send(answer);
    }
}

/// Why a transaction was taken back.
enum TakenBack {
    /// A step failed and left something behind.
    Torn,
    /// The database failed.
    Lost(String),
}

impl From<rusqlite::Error> for TakenBack {
    fn from(error: rusqlite::Error) -> Self {
        Self::Lost(error.to_string())
    }
}

/// Runs `first`, and what else waits if there may be more, in one transaction, or in one each when
/// that fails because of one of them.
fn transaction(
    db: &Connection,
    kind: Kind,
    first: Box<dyn Step>,
    waiting: &mut mpsc::Receiver<Box<dyn Step>>,
) {
    let mut steps = vec![first];
    let mut more = || waiting.try_recv().ok();
    let done = together(db, kind, &mut steps, &mut more);
    if steps.len() > 1 && matches!(done, Err(TakenBack::Torn)) {
        for step in steps {
            let mut alone = vec![step];
            let done = together(db, kind, &mut alone, &mut || None);
            settle(alone, done);
        }
        return;
    }
    settle(steps, done);
}

/// Answers the callers of a transaction's steps.
fn settle(steps: Vec<Box<dyn Step>>, done: Result<(), TakenBack>) {
    let lost = match done {
        // One that is alone and tore its transaction has said why.
        Ok(()) | Err(TakenBack::Torn) => None,
        Err(TakenBack::Lost(why)) => Some(why),
    };
    for step in steps {
        step.settle(lost.as_deref());
    }
}

/// Runs steps, and those of `more` behind them, in one transaction, or takes all of it back.
fn together(
    db: &Connection,
    kind: Kind,
    steps: &mut Vec<Box<dyn Step>>,
    more: &mut dyn FnMut() -> Option<Box<dyn Step>>,
) -> Result<(), TakenBack> {
    // Rolls back when it is dropped.
    let transaction = Transaction::new_unchecked(db, kind.behavior())?;
    let mut next = 0;
    while let Some(step) = steps.get_mut(next) {
        let before = db.total_changes();
        let is_whole = step.run(db) || db.total_changes() == before;
        if db.is_autocommit() {
            // As it does on some errors, such as a full disk.
            return Err(TakenBack::Lost("SQLite rolled back by itself".to_owned()));
        }
        if !is_whole {
            return Err(TakenBack::Torn);
        }
        next += 1;
        if next == steps.len() && next < kind.at_once() {
            steps.extend(more());
        }
    }
    Ok(transaction.commit()?)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::store::Refusal;

    fn worker() -> (Arc<Worker>, Connection, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        let db = Connection::open(&path).unwrap();
        db.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (n INTEGER PRIMARY KEY)")
            .unwrap();
        let worker = Arc::new(Worker::start(db, Kind::Writer).unwrap());
        (worker, Connection::open(&path).unwrap(), folder)
    }

    fn rows(db: &Connection) -> i64 {
        db.query_row("SELECT count(*) FROM t", (), |row| row.get(0))
            .unwrap()
    }

    fn insert(db: &Connection, n: i64) -> Result<(), StoreError> {
        db.execute("INSERT INTO t VALUES (?1)", [n])?;
        Ok(())
    }

    /// Holds the worker until `go` is dropped, so that what follows shares one transaction.
    fn hold(worker: &Arc<Worker>) -> (std::sync::mpsc::Sender<()>, tokio::task::JoinHandle<()>) {
        let (go, gone) = std::sync::mpsc::channel::<()>();
        let worker = Arc::clone(worker);
        let holding = tokio::spawn(async move {
            let wait = move |_: &Connection| {
                let _ = gone.recv();
                Ok(())
            };
            // It shares the transaction, and so its end.
            let _ = worker.run(wait).await;
        });
        (go, holding)
    }

    type AnyStep = Box<dyn Fn(&Connection) -> Result<(), StoreError> + Send>;

    async fn together(worker: &Arc<Worker>, steps: Vec<AnyStep>) -> Vec<Result<(), StoreError>> {
        let (go, holding) = hold(worker);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        let mut running = Vec::new();
        for step in steps {
            let worker = Arc::clone(worker);
            running.push(tokio::spawn(async move { worker.run(step).await }));
            tokio::task::yield_now().await;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        drop(go);
        holding.await.unwrap();
        let mut done = Vec::new();
        for step in running {
            done.push(step.await.unwrap());
        }
        done
    }

    #[tokio::test]
    async fn many_steps_are_one_commit_also_when_some_of_them_do_not_happen() {
        let (worker, other, _folder) = worker();
        let version = |db: &Connection| -> i64 {
            db.query_row("PRAGMA data_version", (), |row| row.get(0))
                .unwrap()
        };
        let before = version(&other);
        let done = together(
            &worker,
            vec![
                Box::new(|db| insert(db, 1)),
                Box::new(|_| Err(Refusal::UserExists.into())),
                Box::new(|db| insert(db, 1)),
                Box::new(|_| panic!("on purpose")),
                Box::new(|db| insert(db, 2)),
            ],
        )
        .await;
        assert!(matches!(done[0], Ok(())));
        assert!(matches!(done[1], Err(StoreError::Refused(_))));
        assert!(matches!(done[2], Err(StoreError::Unavailable(_))));
        assert!(matches!(done[3], Err(StoreError::Unavailable(_))));
        assert!(matches!(done[4], Ok(())));
        assert_eq!(rows(&other), 2);
        assert_eq!(version(&other), before + 1, "one commit");
    }

    #[tokio::test]
    async fn a_step_that_fails_after_it_has_written_takes_back_its_own_and_nothing_else() {
        let (worker, other, _folder) = worker();
        let done = together(
            &worker,
            vec![
                Box::new(|db| insert(db, 1)),
                Box::new(|db| insert(db, 2).and(Err(Refusal::UserExists.into()))),
                Box::new(|db| insert(db, 3).and_then(|()| insert(db, 3))),
                Box::new(|db| insert(db, 4).map(|()| panic!("on purpose"))),
                // Nor does another see anything of it.
                Box::new(|db| match rows(db) {
                    1 => insert(db, 5),
                    _ => Err(Refusal::UserExists.into()),
                }),
            ],
        )
        .await;
        assert!(matches!(done[0], Ok(())));
        assert!(matches!(done[1], Err(StoreError::Refused(_))));
        assert!(matches!(done[2], Err(StoreError::Unavailable(_))));
        assert!(matches!(done[3], Err(StoreError::Unavailable(_))));
        assert!(matches!(done[4], Ok(())), "{:?}", done[4]);
        assert_eq!(rows(&other), 2);
    }

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Fate {
        Happens,
        Refuses,
        Tears,
        Panics,
    }

    fn fated(fate: Fate, n: i64) -> AnyStep {
        Box::new(move |db| {
            if fate != Fate::Refuses {
                insert(db, n)?;
            }
            match fate {
                Fate::Happens => Ok(()),
                Fate::Refuses | Fate::Tears => Err(Refusal::UserExists.into()),
                Fate::Panics => panic!("on purpose"),
            }
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

        /// Whatever happens to others, a step has happened once if it was said to, and otherwise
        /// not at all.
        #[test]
        fn what_is_there_is_what_was_answered(fates in proptest::collection::vec(
            prop_oneof![
                6 => Just(Fate::Happens),
                2 => Just(Fate::Refuses),
                1 => Just(Fate::Tears),
                1 => Just(Fate::Panics),
            ],
            1..40,
        )) {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            let (worker, other, _folder) = worker();
            let steps = (0..).zip(&fates).map(|(n, fate)| fated(*fate, n)).collect();
            let done = runtime.block_on(together(&worker, steps));
            let mut expected = Vec::new();
            for ((n, fate), done) in (0_i64..).zip(&fates).zip(done) {
                prop_assert_eq!(done.is_ok(), *fate == Fate::Happens, "{:?}", done);
                if *fate == Fate::Happens {
                    expected.push(n);
                }
            }
            let mut rows = other.prepare("SELECT n FROM t ORDER BY n").unwrap();
            let rows = rows.query_map((), |row| row.get(0)).unwrap();
            let rows: Vec<i64> = rows.collect::<Result<_, _>>().unwrap();
            prop_assert_eq!(rows, expected);
        }
    }

    #[tokio::test]
    async fn nothing_is_answered_as_done_when_the_transaction_is_lost() {
        let (worker, other, _folder) = worker();
        // What one step sees of another's is void, too: so is a refusal.
        let mut done = together(
            &worker,
            vec![
                Box::new(|db| insert(db, 1)),
                Box::new(|_| Err(Refusal::UserExists.into())),
                Box::new(|db| Ok(db.execute_batch("ROLLBACK")?)),
                Box::new(|db| insert(db, 2)),
            ],
        )
        .await;
        // This one came too late for the transaction that was lost, and has one of its own.
        assert!(matches!(done.pop(), Some(Ok(()))));
        for done in done {
            assert!(matches!(done, Err(StoreError::Unavailable(_))), "{done:?}");
        }
        assert_eq!(rows(&other), 1);
        worker.run(|db| insert(db, 1)).await.unwrap();
        assert_eq!(rows(&other), 2);
    }
}
