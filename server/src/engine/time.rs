//! Arithmetic with moments that never overflows and bears a clock that was set back.

use std::time::Duration;

use jiff::Timestamp;

/// `now` plus `period`, or the end of time.
pub(crate) fn after(now: Timestamp, period: Duration) -> Timestamp {
    now.saturating_add(period).unwrap_or(Timestamp::MAX)
}

/// What is left at `now` of `period` after `since`; none when it is over. A clock that was set
/// back makes nobody wait longer than the whole period.
pub(crate) fn remaining(since: Timestamp, period: Duration, now: Timestamp) -> Option<Duration> {
    let passed = Duration::try_from(now.duration_since(since)).unwrap_or_default();
    period.checked_sub(passed).filter(|left| !left.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_of_a_period() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let seconds = Duration::from_secs;
        for (now, left) in [
            (0, Some(30)),
            (29, Some(1)),
            (30, None),
            (99, None),
            (-9, Some(30)),
        ] {
            assert_eq!(
                remaining(at(0), seconds(30), at(now)),
                left.map(seconds),
                "{now}"
            );
        }
        assert_eq!(after(at(1), seconds(2)), at(3));
        assert_eq!(after(at(0), Duration::MAX), Timestamp::MAX);
    }
}
