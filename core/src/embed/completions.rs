//! Finished calls on their way to a language's own thread, in batches: one wake-up brings all that
//! have finished by then.

use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A queue that calls `wake` when it stops being empty.
pub struct Completions<T> {
    queue: Mutex<Vec<T>>,
    wake: Box<dyn Fn() + Send + Sync>,
}

impl<T> Completions<T> {
    /// `wake` makes the other side call [`take`](Self::take). It must not block.
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            queue: Mutex::default(),
            wake: Box::new(wake),
        }
    }

    /// Adds a finished call.
    pub fn push(&self, item: T) {
        let was_empty = {
            let mut queue = self.queue();
            queue.push(item);
            queue.len() == 1
        };
        if was_empty {
            (self.wake)();
        }
    }

    /// All that have finished since the last time, in that order.
    pub fn take(&self) -> Vec<T> {
        mem::take(&mut *self.queue())
    }

    fn queue(&self) -> MutexGuard<'_, Vec<T>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn a_batch_wakes_once() {
        let woken = Arc::new(AtomicUsize::new(0));
        let counter = woken.clone();
        let completions = Completions::new(move || {
            counter.fetch_add(1, Ordering::Relaxed);
        });
        for n in 0..3 {
            completions.push(n);
        }
        assert_eq!(woken.load(Ordering::Relaxed), 1);
        assert_eq!(completions.take(), [0, 1, 2]);
        completions.push(3);
        assert_eq!(woken.load(Ordering::Relaxed), 2);
    }
}
