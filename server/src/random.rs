//! Where chance comes from: the only module that asks the system's generator.

pub use getrandom::Error as RandomError;
use uuid::Uuid;

/// Fills `bytes` from the system's cryptographic generator.
pub fn fill(bytes: &mut [u8]) -> Result<(), RandomError> {
    getrandom::fill(bytes)
}

/// An array of random bytes, for a key.
pub fn array<const N: usize>() -> Result<[u8; N], RandomError> {
    let mut bytes = [0; N];
    fill(&mut bytes)?;
    Ok(bytes)
}

/// A new id (UUID version 4, RFC 9562 section 5.4).
pub fn uuid() -> Result<Uuid, RandomError> {
    Ok(uuid::Builder::from_random_bytes(array()?).into_uuid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_of_version_4_and_differ() {
        let (one, other) = (uuid().unwrap(), uuid().unwrap());
        assert_eq!(one.get_version(), Some(uuid::Version::Random));
        assert_ne!(one, other);
    }
}
