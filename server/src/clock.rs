//! Where the time comes from: the only module that reads the system's clock.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

use jiff::Timestamp;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Now, to the microsecond: what a store keeps of it is all there is, so that it is the same
    /// after a new start.
    fn now(&self) -> Timestamp;
}

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is where the time comes from"
    )]
    fn now(&self) -> Timestamp {
        // jiff's own `now` panics past the end of its time, and whatever panics with an error links
        // in the text of all errors.
        Timestamp::try_from(SystemTime::now())
            .and_then(|now| Timestamp::from_microsecond(now.as_microsecond()))
            .unwrap_or(Timestamp::MAX)
    }
}

/// The system's clock, set ahead by as much as a test asked for. It goes on by itself, too.
#[derive(Debug, Default)]
pub struct MovableClock {
    /// Milliseconds ahead; 64 bits last for half a billion years.
    ahead: AtomicU64,
}

impl MovableClock {
    /// Moves the clock ahead, by whole milliseconds. It stops at the end of the year 9999.
    pub fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        let added = |ahead: u64| Some(ahead.saturating_add(by));
        // The closure always gives a value, so there is no failure to look at.
        let _ = self
            .ahead
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, added);
    }
}

impl Clock for MovableClock {
    fn now(&self) -> Timestamp {
        let ahead = Duration::from_millis(self.ahead.load(Ordering::Relaxed));
        SystemClock
            .now()
            .saturating_add(ahead)
            .unwrap_or(Timestamp::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_tells_microseconds() {
        for _ in 0..100 {
            assert_eq!(SystemClock.now().subsec_nanosecond() % 1_000, 0);
        }
    }

    #[test]
    fn it_moves_ahead_and_never_overflows() {
        let clock = MovableClock::default();
        let before = clock.now();
        clock.advance(Duration::from_hours(1));
        let moved = clock.now().duration_since(before);
        assert!(
            moved.as_secs() >= 3600 && moved.as_secs() < 3660,
            "{moved:?}"
        );
        clock.advance(Duration::MAX);
        assert_eq!(clock.now(), Timestamp::MAX);
    }
}
