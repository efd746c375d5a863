//! What a client remembers of the authentications it started: the method the server chose, which
//! some servers want back with the token. Forgetting is harmless; it holds no PIN and no number.

use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lru::LruCache;

use crate::models::Method;

/// Enough for the logins under way in one process; each takes about 250 bytes.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(4096).unwrap();

/// By the path of the authentication, which names its service and its user.
type Methods = LruCache<Box<str>, Method>;

pub(crate) struct Started(Mutex<Methods>);

impl Default for Started {
    fn default() -> Self {
        // Grows with use: most clients start few.
        let mut methods = LruCache::unbounded();
        methods.resize(REMEMBERED);
        Self(Mutex::new(methods))
    }
}

impl Started {
    pub(crate) fn remember(&self, path: &str, method: Method) {
        self.methods().put(path.into(), method);
    }

    pub(crate) fn method_of(&self, path: &str) -> Option<Method> {
        self.methods().get(path).cloned()
    }

    pub(crate) fn forget(&self, path: &str) {
        self.methods().pop(path);
    }

    fn methods(&self) -> MutexGuard<'_, Methods> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_remembers_the_latest_users_only() {
        let started = Started::default();
        for n in 0..=REMEMBERED.get() {
            started.remember(&format!("/{n}"), Method::Totp);
        }
        assert_eq!(started.method_of("/0"), None);
        assert_eq!(started.method_of("/1"), Some(Method::Totp));
        started.forget("/1");
        assert_eq!(started.method_of("/1"), None);
    }
}
