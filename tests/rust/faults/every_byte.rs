//! Each operation, with its connection cut after every single byte of the request and of the answer.

use std::sync::Arc;

use tokio::{
    runtime::Handle,
    sync::{Semaphore, oneshot},
    task::JoinSet,
};
use verigator::{ErrorKind, Idempotency, Outcome, Result};
use verigator_tests::faults::{Cut, CuttingProxy, Direction, How};

use crate::deeds::{Deed, Done, Stage, Task, awaited, blocking};

/// Most of them are waiting for their next attempt.
const AT_ONCE: usize = 256;

/// One cut connection, and whose it is.
#[derive(Clone, Copy, Debug)]
struct Shot {
    deed: Deed,
    cut: Cut,
    idempotency: Idempotency,
    client: Client,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Client {
    Async,
    Blocking,
}

/// What came of a shot.
struct Trial {
    shot: Shot,
    task: Task,
    result: Result<Done>,
    connections: usize,
    was_cut: bool,
}

/// How many bytes an operation is, each way.
#[derive(Clone, Copy, Debug)]
struct Length {
    request: usize,
    answer: usize,
}

impl Length {
    fn of(self, direction: Direction) -> usize {
        match direction {
            Direction::Request => self.request,
            Direction::Answer => self.answer,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_keys_everything_succeeds_and_happens_once() {
    sweep(Idempotency::On, Client::Async, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_keys_nothing_happens_twice() {
    sweep(Idempotency::Off, Client::Async, 1).await;
}

async fn sweep(idempotency: Idempotency, client: Client, step: usize) {
    let began = std::time::Instant::now();
    let mut total = 0;
    for deed in Deed::ALL {
        let stage = Arc::new(Stage::set().await);
        let length = measure(&stage, deed, idempotency, client).await;
        let mut shots = Vec::new();
        for (direction, length) in [
            (Direction::Request, length.request),
            (Direction::Answer, length.answer),
        ] {
            for after in (0..=length).step_by(step) {
                for how in [How::Reset, How::Close] {
                    let cut = Cut {
                        direction,
                        after,
                        how,
                        times: 1,
                    };
                    shots.push(Shot {
                        deed,
                        cut,
                        idempotency,
                        client,
                    });
                }
            }
        }
        total += shots.len();
        let n = shots.len();
        let trials = fire_all(&stage, shots).await;
        let t1 = began.elapsed();
        judge_all(&stage, trials, length).await;
        eprintln!("{deed:?} {idempotency:?} {length:?} {n} shots {t1:?} {:?}", began.elapsed());
    }
    eprintln!("{total} shots {:?}", began.elapsed());
}

/// The same without a fault, to see how long it is.
async fn measure(stage: &Stage, deed: Deed, idempotency: Idempotency, client: Client) -> Length {
    let task = stage.prepare(deed).await;
    let proxy = CuttingProxy::start(&Handle::current(), address(stage), None).unwrap();
    perform(&proxy, idempotency, client, task).await.1.unwrap();
    Length {
        request: proxy.passed(Direction::Request),
        answer: proxy.passed(Direction::Answer),
    }
}

async fn fire_all(stage: &Arc<Stage>, shots: Vec<Shot>) -> Vec<Trial> {
    let slots = Arc::new(Semaphore::new(AT_ONCE));
    let mut running = JoinSet::new();
    for shot in shots {
        let slot = Arc::clone(&slots).acquire_owned().await.unwrap();
        let stage = Arc::clone(stage);
        running.spawn(async move {
            let trial = fire(&stage, shot).await;
            drop(slot);
            trial
        });
    }
    running.join_all().await
}

async fn fire(stage: &Stage, shot: Shot) -> Trial {
    let task = stage.prepare(shot.deed).await;
    let proxy = CuttingProxy::start(&Handle::current(), address(stage), Some(shot.cut)).unwrap();
    let (task, result) = perform(&proxy, shot.idempotency, shot.client, task).await;
    Trial {
        shot,
        task,
        result,
        connections: proxy.connections(),
        was_cut: proxy.cut() > 0,
    }
}

async fn perform(
    proxy: &CuttingProxy,
    idempotency: Idempotency,
    client: Client,
    task: Task,
) -> (Task, Result<Done>) {
    let builder = verigator::Api::builder("test", "test")
        .endpoint(proxy.url())
        .idempotency(idempotency);
    match client {
        Client::Async => {
            let result = awaited(&builder.build().unwrap(), &task).await;
            (task, result)
        }
        Client::Blocking => {
            // It refuses to wait on a thread of an async runtime.
            let (ready, done) = oneshot::channel();
            std::thread::spawn(move || {
                let result = blocking(&builder.build_blocking().unwrap(), &task);
                ready.send((task, result)).ok();
            });
            done.await.unwrap()
        }
    }
}

fn address(stage: &Stage) -> std::net::SocketAddr {
    let url = stage.sandbox.url();
    url.strip_prefix("http://").unwrap().parse().unwrap()
}

async fn judge_all(stage: &Stage, trials: Vec<Trial>, length: Length) {
    let messages = stage.messages();
    for trial in trials {
        let acted = stage
            .acts(&trial.task, trial.result.as_ref().ok(), &messages)
            .await;
        trial.judge(stage, acted, length);
    }
}

impl Trial {
    fn judge(&self, stage: &Stage, acted: usize, length: Length) {
        let Shot {
            deed,
            cut,
            idempotency,
            ..
        } = self.shot;
        let shown = format!("{:?}, acted {acted}: {:?}", self.shot, self.result);
        assert!(acted <= 1, "twice: {shown}");
        let length = length.of(cut.direction);
        assert!(self.was_cut || cut.after >= length, "not cut: {shown}");
        match &self.result {
            Ok(done) => {
                if let Some(expected) = stage.success(&self.task) {
                    assert_eq!(*done, expected, "{shown}");
                }
                assert_eq!(acted, usize::from(deed.acts()), "{shown}");
            }
            Err(error) => {
                assert!(
                    idempotency == Idempotency::Off && !deed.is_repeatable(),
                    "the fault was over: {shown}"
                );
                assert_eq!(error.kind(), ErrorKind::Connection, "{shown}");
                assert_eq!(error.outcome(), Outcome::Unknown, "{shown}");
                assert_eq!((error.attempts(), self.connections), (1, 1), "{shown}");
                assert!(!error.safe_to_retry(), "{shown}");
            }
        }
    }
}
