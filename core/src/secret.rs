//! Values that must not be seen: they print as `[redacted]` and are wiped when dropped.
//! Knows nothing of what they are used for.

use std::fmt;

use bytes::Bytes;
use secrecy::zeroize::Zeroizing;

/// A request body. It may hold a PIN or a phone number, so it never prints and is wiped after use.
#[derive(Clone)]
pub(crate) struct SecretBody(Bytes);

impl SecretBody {
    pub(crate) fn new(text: Vec<u8>) -> Self {
        Self(Bytes::from_owner(Zeroizing::new(text)))
    }

    pub(crate) fn bytes(&self) -> Bytes {
        self.0.clone()
    }
}

impl fmt::Debug for SecretBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// The first two characters of a username and dots for the rest: enough to tell accounts apart.
pub(crate) fn masked_username(username: &str) -> String {
    let shown: String = username.chars().take(2).collect();
    format!("{shown}•••")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_does_not_print() {
        assert_eq!(
            format!("{:?}", SecretBody::new(b"907182".to_vec())),
            "[redacted]"
        );
    }

    #[test]
    fn a_username_is_masked_by_characters() {
        assert_eq!(masked_username("john_doe"), "jo•••");
        assert_eq!(masked_username("ü"), "ü•••");
    }
}
