//! The calls of one JavaScript environment: the main thread has one [`Calls`], each worker another.
//!
//! Finished calls wait in a queue; the first one in an empty queue wakes the environment, which
//! takes them all. The function that wakes it is weak: whether a process may end while calls run
//! is for JavaScript to say, which knows who still waits.

use std::collections::HashMap;
use std::sync::Arc;

use napi::bindgen_prelude::Function;
use napi::threadsafe_function::ThreadsafeFunctionCallMode;
use napi_derive::napi;
use verigator::embed::{Completions, InFlight, call_options};

use crate::client::{Client, seconds};
use crate::finished::{Failure, Finished};
use crate::operation;

/// What a call says for itself. Durations are milliseconds.
#[napi(object, object_to_js = false)]
#[derive(Default)]
pub struct CallSettings {
    /// How long one attempt may take.
    pub timeout: Option<f64>,
    /// How long the call may take with its attempts and waits.
    pub deadline: Option<f64>,
    /// How often the request may be sent again.
    pub max_retries: Option<i64>,
}

/// Calls that run or are finished, and the way back to JavaScript.
#[napi]
pub struct Calls {
    finished: Arc<Completions<Finished>>,
    /// From start until taken, to be aborted by number.
    in_flight: HashMap<i64, InFlight>,
}

#[napi]
impl Calls {
    /// `wake` is called on the JavaScript thread when there is something to take. It must not
    /// throw.
    #[napi(constructor, catch_unwind)]
    pub fn new(wake: Function<'_, (), ()>) -> napi::Result<Self> {
        let wake = wake
            .build_threadsafe_function()
            .weak::<true>()
            .callee_handled::<false>()
            .build()?;
        let finished = Completions::new(move || {
            // Refused only when the environment is ending, and then nobody waits for it.
            wake.call((), ThreadsafeFunctionCallMode::NonBlocking);
        });
        Ok(Self {
            finished: Arc::new(finished),
            in_flight: HashMap::new(),
        })
    }

    /// Starts a call. However it ends, unless it is aborted, it is taken exactly once.
    #[napi(catch_unwind)]
    pub fn start(
        &mut self,
        id: i64,
        client: &Client,
        operation: String,
        given: Vec<String>,
        settings: Option<CallSettings>,
    ) {
        let settings = settings.unwrap_or_default();
        let call = operation::call(&operation, given)
            .ok_or_else(|| verigator::Error::bug("no such operation, or not its arguments"));
        let options = call_options(
            settings.timeout.map(seconds),
            settings.deadline.map(seconds),
            settings.max_retries,
        );
        match call.and_then(|call| Ok((call, options?))) {
            Err(error) => self.finished.push(Finished::failed(id, error)),
            Ok((call, options)) => {
                let finished = Arc::clone(&self.finished);
                let running = client.0.start(call, options, move |result| {
                    finished.push(Finished::call(id, result));
                });
                self.in_flight.insert(id, running);
            }
        }
    }

    /// Ends a call that nobody waits for any more. One that is finished already is taken still.
    #[napi(catch_unwind)]
    pub fn abort(&mut self, id: i64) {
        if let Some(running) = self.in_flight.remove(&id) {
            running.abort();
        }
    }

    /// The calls that finished since the last time.
    #[napi(catch_unwind)]
    pub fn take(&mut self) -> Vec<Finished> {
        let finished = self.finished.take();
        for call in &finished {
            self.in_flight.remove(&call.id);
        }
        finished
    }
}

impl Calls {
    /// Does something that may wait on a thread of its own. It ends as a call does.
    pub(crate) fn off_thread(&self, id: i64, work: impl FnOnce() -> Finished + Send + 'static) {
        let finished = Arc::clone(&self.finished);
        let thread = std::thread::Builder::new().name("verigator-wait".to_owned());
        let started = thread.spawn(move || {
            // The panic's own text went to standard error.
            let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            finished.push(ended.unwrap_or_else(|_| {
                Finished::failed(
                    id,
                    verigator::Error::bug("a thread of the sandbox panicked"),
                )
            }));
        });
        if let Err(error) = started {
            let error = format!("the system gave no thread: {error}");
            self.finished
                .push(Finished::failed(id, Failure::sandbox(error)));
        }
    }
}

/// The environment ends: its calls are of no use to anybody.
impl Drop for Calls {
    fn drop(&mut self) {
        for running in self.in_flight.values() {
            running.abort();
        }
    }
}
