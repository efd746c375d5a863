//! HMAC over several parts: the one place that touches the `hmac` crate.
//!
//! Knows nothing of what is being authenticated; callers choose the key and the parts, and see to
//! it that only the last part has a variable length.

use hmac::{
    EagerHash, Hmac, KeyInit, Mac,
    digest::{Output, OutputSizeUser},
};
use sha2::Sha256;

/// HMAC (RFC 2104) of the concatenated `parts` with hash `D`.
#[expect(clippy::expect_used, reason = "RFC 2104 takes keys of any length")]
pub(crate) fn hmac<D: EagerHash + OutputSizeUser>(key: &[u8], parts: &[&[u8]]) -> Output<Hmac<D>> {
    #[cfg(test)]
    runs::count();
    let mut mac = Hmac::<D>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes()
}

/// [`hmac`] with SHA-256, which is what everything but the codes of an authenticator uses.
pub(crate) fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    hmac::<Sha256>(key, parts).into()
}

/// What a step costs, without a clock: nearly all of it are these.
#[cfg(test)]
pub(crate) mod runs {
    use std::cell::Cell;

    thread_local! {
        static RUNS: Cell<u32> = const { Cell::new(0) };
    }

    pub(super) fn count() {
        RUNS.set(RUNS.get() + 1);
    }

    /// How many MACs this thread computes in `step`.
    pub(crate) fn during(step: impl FnOnce()) -> u32 {
        let before = RUNS.get();
        step();
        RUNS.get() - before
    }
}
