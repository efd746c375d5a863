//! Idempotency keys as this project's clients make them: in the order of their time.

use std::time::{SystemTime, UNIX_EPOCH};

use uuid::{Builder, Uuid, Version};

use crate::flows::Failure;

/// A new key: the time in milliseconds, and else random.
#[expect(
    clippy::disallowed_methods,
    reason = "nothing here is tested with another time"
)]
pub fn new_key() -> Result<Uuid, Failure> {
    let [_, _, _, _, _, _, random @ ..] = Uuid::new_v4().into_bytes();
    let millis = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
    let timed = Builder::from_unix_timestamp_millis(u64::try_from(millis)?, &random);
    Ok(timed.with_version(Version::Random).into_uuid())
}
