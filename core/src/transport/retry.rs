//! The retry table as data, and how long to wait. Sends nothing and looks at no clock.

use std::time::{Duration, SystemTime};

use http::header::{HeaderMap, RETRY_AFTER};

use crate::transport::request::Effect;

/// What an attempt that did not succeed says of its chances. The rows of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setback {
    /// The server can't have seen the request.
    NotSent,
    /// It may have seen it, or it failed while it acted.
    Ambiguous,
    /// It declined for now: 408, 425, 429, or 503 with `Retry-After`.
    Declined,
    /// It will say the same again.
    Final,
}

/// Rows: `NotSent`, `Ambiguous`, `Declined`, `Final`.
/// Columns: `Repeatable`, `Creates`, `Authenticates`.
const RETRIED: [[bool; 3]; 4] = [
    [true, true, true],
    [true, false, false],
    [true, true, false],
    [false, false, false],
];

impl Setback {
    /// Whether the table allows another attempt. A key that the server honours makes every request
    /// repeatable.
    pub(crate) fn is_retried(self, effect: Effect, key_in_force: bool) -> bool {
        let column = if key_in_force {
            Effect::Repeatable
        } else {
            effect
        };
        RETRIED
            .get(self as usize)
            .and_then(|row| row.get(column as usize))
            .copied()
            == Some(true)
    }
}

/// Longer waits are the caller's to decide.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_mins(1);
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_BACKOFF: Duration = Duration::from_secs(8);

/// The wait before retry `n` (from 0), shortened by up to a quarter so that clients which failed
/// together don't return together. `random` is uniform over all values.
pub(crate) fn backoff(n: u32, random: u32) -> Duration {
    let full = FIRST_WAIT
        .saturating_mul(2_u32.saturating_pow(n))
        .min(LONGEST_BACKOFF);
    full.mul_f64(0.75 + 0.25 * f64::from(random) / f64::from(u32::MAX))
}

/// The wait that an answer asks for: seconds or a date, RFC 9110, section 10.2.3. A date that has
/// passed is no wait; a text that is neither is ignored.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_table_is_the_contracts() {
        use Effect::{Authenticates, Creates, Repeatable};
        use Setback::{Ambiguous, Declined, Final, NotSent};
        let retried = |setback: Setback| {
            [Repeatable, Creates, Authenticates].map(|effect| setback.is_retried(effect, false))
        };
        assert_eq!(retried(NotSent), [true, true, true]);
        assert_eq!(retried(Ambiguous), [true, false, false]);
        assert_eq!(retried(Declined), [true, true, false]);
        assert_eq!(retried(Final), [false, false, false]);
        for effect in [Repeatable, Creates, Authenticates] {
            let with_key =
                [NotSent, Ambiguous, Declined, Final].map(|s| s.is_retried(effect, true));
            assert_eq!(with_key, [true, true, true, false]);
        }
    }

    #[test]
    fn the_backoff_doubles_up_to_its_limit() {
        assert_eq!(backoff(0, u32::MAX), Duration::from_millis(500));
        assert_eq!(backoff(0, 0), Duration::from_millis(375));
        assert_eq!(backoff(1, u32::MAX), Duration::from_secs(1));
        assert_eq!(backoff(60, u32::MAX), Duration::from_secs(8));
    }

    fn parsed(text: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_str(text).ok()?);
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        retry_after(&headers, now)
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(parsed("7"), Some(Duration::from_secs(7)));
        assert_eq!(parsed(" 0 "), Some(Duration::ZERO));
        assert_eq!(
            parsed("Sun, 06 Nov 1994 08:49:47 GMT"),
            Some(Duration::from_secs(10))
        );
        assert_eq!(
            parsed("Sun, 06 Nov 1994 08:49:27 GMT"),
            Some(Duration::ZERO)
        );
        assert_eq!(
            parsed("99999999999999999999999"),
            Some(Duration::from_secs(u64::MAX))
        );
        for text in ["", "soon", "-1", "1.5", "1e3"] {
            assert_eq!(parsed(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_header_text_is_read_without_panic(text in "[ -~]{0,40}") {
            parsed(&text);
        }

        #[test]
        fn any_backoff_is_within_its_bounds(n in any::<u32>(), random in any::<u32>()) {
            let wait = backoff(n, random);
            prop_assert!(wait >= Duration::from_millis(375) && wait <= LONGEST_BACKOFF);
        }
    }
}
