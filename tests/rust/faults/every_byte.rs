//! Each operation, with its connection cut after every single byte of the request and of the answer.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{runtime::Handle, task::JoinSet};
use verigator::{Api, ErrorKind, Idempotency, Outcome, Result};
use verigator_tests::faults::{Cut, CuttingProxy, Direction, How};

use crate::deeds::{Client, Deed, Done, Stage, Task};

/// In flight at once. Most of them are waiting for their next attempt.
const AT_ONCE: usize = 160;
const BOTH: &[How] = &[How::Reset, How::Close];
/// Far above what an answer takes when nothing is wrong, so that only what hangs is late.
const PATIENCE: Duration = Duration::from_secs(1);

/// How a sweep goes.
#[derive(Clone, Copy)]
struct Sweep {
    idempotency: Idempotency,
    is_blocking: bool,
    /// The connection has carried another call before.
    is_reused: bool,
    hows: &'static [How],
    /// How many connections of a call are cut.
    times: usize,
    max_retries: u32,
    /// Every byte, or every nth.
    step: usize,
    timeout: Duration,
}

impl Sweep {
    fn with(idempotency: Idempotency) -> Self {
        Self {
            idempotency,
            is_blocking: false,
            is_reused: false,
            hows: BOTH,
            times: 1,
            max_retries: 2,
            step: 1,
            timeout: Duration::from_secs(30),
        }
    }
}

/// A request without a body carries no key, so keys change nothing for those deeds.
fn keyed() -> Vec<Deed> {
    let mut deeds = Deed::ALL.to_vec();
    deeds.retain(|it| !it.is_repeatable());
    deeds
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_keys_everything_succeeds_and_happens_once() {
    Sweep::with(Idempotency::On).over(&keyed()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_keys_nothing_happens_twice() {
    Sweep::with(Idempotency::Off).over(&Deed::ALL).await;
}

/// Each call of the blocking client takes a thread here, so this is every fifth byte.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_blocking_client_takes_it_the_same_way() {
    let sweep = |idempotency| Sweep {
        is_blocking: true,
        step: 5,
        ..Sweep::with(idempotency)
    };
    sweep(Idempotency::On).over(&keyed()).await;
    sweep(Idempotency::Off).over(&Deed::ALL).await;
}

/// HTTP libraries send by themselves again what met the end of a connection that was kept.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_was_kept_is_cut_like_a_new_one() {
    for is_blocking in [false, true] {
        let sweep = |idempotency| Sweep {
            is_blocking,
            is_reused: true,
            step: if is_blocking { 11 } else { 2 },
            ..Sweep::with(idempotency)
        };
        let deeds = [Deed::UsersCreate, Deed::Initiate, Deed::VerifyWrong];
        sweep(Idempotency::On).over(&deeds).await;
        sweep(Idempotency::Off).over(&deeds).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_every_attempt_is_cut_the_outcome_is_unknown() {
    let sweep = |idempotency| Sweep {
        times: 3,
        step: 13,
        ..Sweep::with(idempotency)
    };
    sweep(Idempotency::On).over(&keyed()).await;
    sweep(Idempotency::Off).over(&Deed::ALL).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_retries_there_is_one_send() {
    let sweep = |idempotency| Sweep {
        hows: &[How::Reset, How::Close, How::Hang],
        max_retries: 0,
        step: 17,
        timeout: PATIENCE,
        ..Sweep::with(idempotency)
    };
    sweep(Idempotency::On).over(&keyed()).await;
    sweep(Idempotency::Off).over(&Deed::ALL).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_goes_silent_is_no_other_than_one_that_breaks() {
    let sweep = |idempotency| Sweep {
        hows: &[How::Hang],
        step: 11,
        timeout: PATIENCE,
        ..Sweep::with(idempotency)
    };
    sweep(Idempotency::On).over(&keyed()).await;
    sweep(Idempotency::Off).over(&Deed::ALL).await;
}

/// One cut, and whose it is.
#[derive(Clone, Copy, Debug)]
struct Shot {
    deed: Deed,
    cut: Cut,
}

/// What came of a shot.
struct Trial {
    shot: Shot,
    place: Place,
    task: Task,
    result: Result<Done>,
    connections: usize,
    was_cut: bool,
}

/// Where an operation is among the bytes of its connection, in one direction.
#[derive(Clone, Copy, Debug)]
struct Place {
    begin: usize,
    end: usize,
    /// The end of the shortest there can be: not all are of the same length.
    surely: usize,
}

impl Sweep {
    /// All of them at the same time: most calls are waiting for their next attempt.
    async fn over(self, deeds: &[Deed]) {
        let gunners = AT_ONCE.div_ceil(deeds.len());
        let mut sweeps = JoinSet::new();
        for &deed in deeds {
            sweeps.spawn(self.over_one(deed, gunners));
        }
        sweeps.join_all().await;
    }

    async fn over_one(self, deed: Deed, gunners: usize) {
        let stage = Arc::new(Stage::set().await);
        let [request, answer] = self.measure(&stage, deed).await;
        let mut shots = self.shots(deed, Direction::Request, request);
        shots.extend(self.shots(deed, Direction::Answer, answer));
        let trials = self.fire_all(&stage, gunners, shots).await;
        let messages = stage.messages();
        let mut missed = 0;
        for trial in &trials {
            let done = trial.result.as_ref().ok();
            let acted = stage.acts(&trial.task, done, &messages).await;
            missed += usize::from(trial.was_missed());
            self.judge(trial, acted);
        }
        // A kept connection may be back in the pool too late for the next call.
        let allowed = if self.is_reused { trials.len() / 10 } else { 0 };
        assert!(missed <= allowed, "{deed:?}: {missed} were never cut");
    }

    fn shots(self, deed: Deed, direction: Direction, place: Place) -> Vec<(Shot, Place)> {
        let mut shots = Vec::new();
        for after in place.bytes().step_by(self.step) {
            for &how in self.hows {
                let cut = Cut {
                    direction,
                    after,
                    how,
                    times: self.times,
                };
                shots.push((Shot { deed, cut }, place));
            }
        }
        shots
    }

    /// The same without a fault, to see how long it is.
    async fn measure(self, stage: &Stage, deed: Deed) -> [Place; 2] {
        let passed = |proxy: &CuttingProxy| {
            [Direction::Request, Direction::Answer].map(|direction| proxy.passed(direction))
        };
        let proxy = CuttingProxy::start(&Handle::current(), stage.address(), None).unwrap();
        let mut begin = [0, 0];
        if self.is_reused {
            let warm_up = stage.prepare(Deed::ServicesGet).await;
            self.client(&proxy).perform(&warm_up).await.unwrap();
            begin = passed(&proxy);
            proxy.set(None);
        }
        let task = stage.prepare(deed).await;
        self.client(&proxy).perform(&task).await.unwrap();
        let [request, answer] = passed(&proxy);
        // The picture of an enrolment is different in each.
        let surely = if deed == Deed::TotpEnrol {
            answer / 2
        } else {
            answer
        };
        let place = |begin, length, surely| Place {
            begin,
            end: begin + length,
            surely: begin + surely,
        };
        [
            place(begin[0], request, request),
            place(begin[1], answer, surely),
        ]
    }

    /// Fires them all. Each gunner has a proxy of its own: a listener for each shot would use up the
    /// system's ports.
    async fn fire_all(
        self,
        stage: &Arc<Stage>,
        gunners: usize,
        shots: Vec<(Shot, Place)>,
    ) -> Vec<Trial> {
        let shots = Arc::new(Mutex::new(shots.into_iter()));
        let mut firing = JoinSet::new();
        for _ in 0..gunners {
            let (stage, shots) = (Arc::clone(stage), Arc::clone(&shots));
            firing.spawn(async move {
                let proxy = CuttingProxy::start(&Handle::current(), stage.address(), None);
                let proxy = proxy.unwrap();
                let mut trials = Vec::new();
                loop {
                    let shot = shots.lock().unwrap().next();
                    let Some((shot, place)) = shot else {
                        break trials;
                    };
                    trials.push(self.fire(&stage, &proxy, shot, place).await);
                }
            });
        }
        firing.join_all().await.into_iter().flatten().collect()
    }

    async fn fire(self, stage: &Stage, proxy: &CuttingProxy, shot: Shot, place: Place) -> Trial {
        let task = stage.prepare(shot.deed).await;
        proxy.set(Some(shot.cut));
        let client = self.client(proxy);
        if self.is_reused {
            let warm_up = stage.prepare(Deed::ServicesGet).await;
            client.perform(&warm_up).await.unwrap();
            // The pool takes the connection back in its own time.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let result = client.perform(&task).await;
        Trial {
            shot,
            place,
            task,
            result,
            connections: proxy.connections(),
            was_cut: proxy.cuts() > 0,
        }
    }

    fn client(self, proxy: &CuttingProxy) -> Client {
        let builder = Api::builder("test", "test")
            .endpoint(proxy.url())
            .idempotency(self.idempotency)
            .max_retries(self.max_retries)
            .timeout(self.timeout);
        Client::of(builder, self.is_blocking)
    }

    fn judge(self, trial: &Trial, acted: usize) {
        let Shot { deed, cut } = trial.shot;
        let in_force = self.idempotency == Idempotency::On || deed.is_repeatable();
        let shown = format!("{deed:?} {cut:?}, acted {acted}: {:?}", trial.result);
        assert!(acted <= 1, "twice: {shown}");
        let attempts = self.max_retries as usize + 1;
        // What was kept may be gone already, which is no attempt.
        let most = attempts + usize::from(self.is_reused);
        assert!(trial.connections <= most, "too often: {shown}");
        let error = match &trial.result {
            Ok(done) => {
                if let Some(expected) = trial.task.success() {
                    assert_eq!(*done, expected, "{shown}");
                }
                assert_eq!(acted, usize::from(deed.acts()), "{shown}");
                return;
            }
            Err(error) => error,
        };
        let is_over = self.times < attempts;
        assert!(!in_force || !is_over, "the fault was over: {shown}");
        let kind = match cut.how {
            How::Hang => ErrorKind::Timeout,
            How::Reset | How::Close => ErrorKind::Connection,
        };
        assert_eq!(error.kind(), kind, "{shown}");
        if error.outcome() == Outcome::NotSent {
            assert_eq!(acted, 0, "{shown}");
            assert!(!is_over, "the fault was over: {shown}");
        } else {
            assert_eq!(error.outcome(), Outcome::Unknown, "{shown}");
            assert!(deed.is_repeatable() || !error.safe_to_retry(), "{shown}");
        }
        let before_the_end = cut.after < trial.place.surely;
        match cut.direction {
            Direction::Request if before_the_end => assert_eq!(acted, 0, "{shown}"),
            Direction::Request => {}
            Direction::Answer => assert_eq!(acted, usize::from(deed.acts()), "{shown}"),
        }
        assert_eq!(error.attempts() as usize, trial.connections, "{shown}");
        if in_force {
            assert_eq!(error.attempts() as usize, attempts, "{shown}");
        } else if self.times == 1 {
            assert_eq!(error.attempts(), 1, "{shown}");
        }
    }
}

impl Trial {
    /// Whether the cut never came about, and should have.
    fn was_missed(&self) -> bool {
        !self.was_cut && self.shot.cut.after < self.place.surely
    }
}

impl Place {
    /// From nothing of it to all of it. Of what is long, which only an enrolment's picture is, every
    /// byte of the head and of the end, and some between.
    fn bytes(self) -> impl Iterator<Item = usize> {
        const HEAD: usize = 500;
        const END: usize = 20;
        const BETWEEN: usize = 101;
        let Self { begin, end, .. } = self;
        let is_taken =
            move |it: &usize| *it < begin + HEAD || *it + END >= end || it.is_multiple_of(BETWEEN);
        (begin..=end).filter(is_taken)
    }
}
