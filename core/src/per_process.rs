//! A value that is made anew in a forked child. Threads, sockets and an epoll descriptor that a
//! child inherits belong to its parent: using them hangs, dropping them disturbs the parent, so
//! they are left alone.

use std::mem;
use std::process;
use std::sync::Arc;

use arc_swap::{ArcSwapOption, Guard};

use crate::error::Result;

/// Made on first use and kept until the process ends, forks, or [`take`](Self::take) is called.
/// No lock is held while it is made: a lock that is held at a fork stays locked in the child.
pub(crate) struct PerProcess<T> {
    slot: ArcSwapOption<Owned<T>>,
}

struct Owned<T> {
    pid: u32,
    value: Arc<T>,
}

impl<T> PerProcess<T> {
    pub(crate) const fn new() -> Self {
        Self {
            slot: ArcSwapOption::const_empty(),
        }
    }

    /// This process's value. Two threads that come first both make one, and one of them is dropped.
    pub(crate) fn get_or_make(&self, make: impl Fn() -> Result<T>) -> Result<Arc<T>> {
        let pid = process::id();
        loop {
            let current = self.slot.load();
            if let Some(ours) = current.as_ref()
                && ours.pid == pid
            {
                return Ok(ours.value.clone());
            }
            let value = Arc::new(make()?);
            let owned = Arc::new(Owned {
                pid,
                value: value.clone(),
            });
            let before = self.slot.compare_and_swap(&current, Some(owned));
            if before.as_ref().map(Arc::as_ptr) == current.as_ref().map(Arc::as_ptr) {
                // None, or inherited.
                mem::forget(Guard::into_inner(before));
                return Ok(value);
            }
        }
    }

    /// Takes this process's value out, when it has one.
    pub(crate) fn take(&self) -> Option<Arc<T>> {
        let owned = self.slot.swap(None)?;
        if owned.pid == process::id() {
            return Some(owned.value.clone());
        }
        mem::forget(owned);
        None
    }
}

impl<T> Drop for PerProcess<T> {
    /// What a forked child inherited is left alone here, too.
    fn drop(&mut self) {
        drop(self.take());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;

    use super::*;

    #[test]
    fn threads_share_one_value() {
        let slot = PerProcess::new();
        let barrier = Barrier::new(8);
        let made: Vec<Arc<String>> = thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|n| {
                    let (slot, barrier) = (&slot, &barrier);
                    scope.spawn(move || {
                        barrier.wait();
                        slot.get_or_make(|| Ok(format!("thread {n}"))).unwrap()
                    })
                })
                .collect();
            threads.into_iter().map(|it| it.join().unwrap()).collect()
        });
        assert!(made.iter().all(|it| Arc::ptr_eq(it, &made[0])));
        assert!(Arc::ptr_eq(&slot.take().unwrap(), &made[0]));
        assert!(slot.take().is_none());
    }
}
