//! What makes a key of a call. Knows no HTTP and looks at no clock.

use std::time::{SystemTime, UNIX_EPOCH};

use uuid::{Builder, Uuid, Version};

/// A new `Idempotency-Key`: a UUID of version 4 (RFC 9562 section 5.4) by its form, whose first 48
/// bits are the time in milliseconds, as in version 7. What a server keeps for keys then grows at
/// one end of its index, and not all over it. The other 74 bits are random.
pub(super) fn new_key(now: SystemTime) -> Uuid {
    let [_, _, _, _, _, _, random @ ..] = Uuid::new_v4().into_bytes();
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let millis = u64::try_from(since.as_millis()).unwrap_or_default();
    Builder::from_unix_timestamp_millis(millis, &random)
        .with_version(Version::Random)
        .into_uuid()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn keys_are_of_version_4_in_the_order_of_their_time_and_differ() {
        let at = |millis| UNIX_EPOCH + Duration::from_millis(millis);
        let key = new_key(at(0x0123_4567_89ab));
        assert!(key.to_string().starts_with("01234567-89ab-4"), "{key}");
        assert_eq!(key.get_variant(), uuid::Variant::RFC4122);
        assert!(key < new_key(at(0x0123_4567_89ac)));
        assert_ne!(key, new_key(at(0x0123_4567_89ab)));
        // A clock that stands before 1970.
        let before = [0, 1].map(|_| new_key(UNIX_EPOCH - Duration::from_secs(1)));
        assert_ne!(before[0], before[1]);
    }
}
