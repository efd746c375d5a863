//! What a client remembers of the authentications it started: the method the server chose, which
//! some servers want back with the token. Forgetting is harmless; it holds no PIN and no number.

use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lru::LruCache;

use crate::models::Method;

/// Enough for the logins under way in one process; each takes about 150 bytes.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(4096).unwrap();

type Users = LruCache<(Box<str>, Box<str>), Method>;

pub(crate) struct Started(Mutex<Users>);

impl Default for Started {
    fn default() -> Self {
        // Grows with use: most clients start few.
        let mut users = LruCache::unbounded();
        users.resize(REMEMBERED);
        Self(Mutex::new(users))
    }
}

impl Started {
    pub(crate) fn remember(&self, service_id: &str, user_id: &str, method: Method) {
        self.users().put(key(service_id, user_id), method);
    }

    pub(crate) fn method_of(&self, service_id: &str, user_id: &str) -> Option<Method> {
        self.users().get(&key(service_id, user_id)).cloned()
    }

    pub(crate) fn forget(&self, service_id: &str, user_id: &str) {
        self.users().pop(&key(service_id, user_id));
    }

    fn users(&self) -> MutexGuard<'_, Users> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(service_id: &str, user_id: &str) -> (Box<str>, Box<str>) {
    (service_id.into(), user_id.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_remembers_the_latest_users_only() {
        let started = Started::default();
        for n in 0..=REMEMBERED.get() {
            started.remember("s", &n.to_string(), Method::Totp);
        }
        assert_eq!(started.method_of("s", "0"), None);
        assert_eq!(started.method_of("s", "1"), Some(Method::Totp));
        started.forget("s", "1");
        assert_eq!(started.method_of("s", "1"), None);
    }
}
