//! The server's keys: how values are encrypted at rest, and found again without being readable.
//!
//! A key is 32 random bytes that never go into a store. From each, one key is derived for every
//! use, so that no two uses share one. There may be several: the first encrypts, all decrypt,
//! which is how a key is replaced while the server keeps what it has.
//!
//! Values are sealed with XChaCha20-Poly1305, whose nonces are long enough to be drawn at random
//! for ever, and bound to what they are and to the row they belong to: one that is copied to
//! another place does not open there. Knows no file, no environment and no store.

use std::fmt;

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use data_encoding::HEXLOWER_PERMISSIVE;
use thiserror::Error;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{mac::hmac_sha256, pin::MacKey};

/// The first byte of everything sealed: what follows it, and how it is sealed.
const VERSION: u8 = 1;
const ID_BYTES: usize = 4;
const NONCE_BYTES: usize = 24;
/// Each key costs one more hash a look-up. More than a few old ones are a mistake.
const MOST_KEYS: usize = 16;

/// The server's keys, the current one first. Wiped when dropped; `Debug` shows nothing.
#[derive(Clone)]
pub struct Keys {
    current: Key,
    old: Vec<Key>,
}

#[derive(Clone)]
struct Key {
    /// Says which key sealed a value. Derived from the key, and so known to nobody beforehand.
    id: [u8; ID_BYTES],
    seal: Zeroizing<[u8; 32]>,
    find: Zeroizing<[u8; 32]>,
    pin: Zeroizing<[u8; 32]>,
}

/// Why a text holds no keys. It never repeats any of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeysError {
    /// There is none.
    #[error("there is no key")]
    None,
    /// One is not 64 hexadecimal digits.
    #[error("a key is 64 hexadecimal digits")]
    Malformed,
    /// One is there twice.
    #[error("a key is given twice")]
    Twice,
    /// There are more than 16.
    #[error("there are more than 16 keys")]
    TooMany,
}

/// A value that these keys do not open here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum OpenError {
    /// It was sealed with a key that is not among them.
    #[error("a stored value was encrypted with a key that the server does not have")]
    UnknownKey,
    /// It was changed, moved to another place, or is not a sealed value at all.
    #[error("a stored value was changed or belongs elsewhere")]
    Changed,
}

/// What a sealed value is, and of which row.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// A word for the kind of value, such as `phone`.
    pub kind: &'static str,
    /// The row.
    pub row: Uuid,
}

impl Place {
    fn bytes(self) -> Vec<u8> {
        [self.kind.as_bytes(), b"\0", self.row.as_bytes()].concat()
    }
}

impl Key {
    fn new(bytes: &[u8; 32]) -> Self {
        let derive = |usage: &[u8]| Zeroizing::new(hmac_sha256(bytes, &[usage]));
        let mut id = [0; ID_BYTES];
        let named = derive(b"verigator:key-id:1");
        for (to, from) in id.iter_mut().zip(named.iter()) {
            *to = *from;
        }
        Self {
            id,
            seal: derive(b"verigator:seal:1"),
            find: derive(b"verigator:find:1"),
            pin: derive(b"verigator:pin-key:1"),
        }
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.seal).into())
    }

    #[expect(clippy::expect_used, reason = "a cipher takes up to 256 GiB")]
    fn encrypt(&self, place: Place, value: &[u8], nonce: [u8; NONCE_BYTES]) -> Vec<u8> {
        let payload = Payload {
            msg: value,
            aad: &place.bytes(),
        };
        let cipher = self.cipher().encrypt(&XNonce::from(nonce), payload);
        cipher.expect("a value fits into one encryption")
    }
}

impl Keys {
    /// One key of 32 random bytes.
    pub fn new(bytes: &Zeroizing<[u8; 32]>) -> Self {
        Self {
            current: Key::new(bytes),
            old: Vec::new(),
        }
    }

    /// Reads keys of 64 hexadecimal digits, separated by white space or commas, the current one
    /// first. On a line, what follows a `#` is left out.
    pub fn parse(text: &str) -> Result<Self, KeysError> {
        let words = text
            .lines()
            .filter_map(|line| line.split('#').next())
            .flat_map(|line| line.split(|c: char| c.is_whitespace() || c == ','))
            .filter(|word| !word.is_empty());
        let mut keys: Vec<Key> = Vec::new();
        for word in words {
            let bytes = HEXLOWER_PERMISSIVE.decode(word.as_bytes());
            let bytes = Zeroizing::new(bytes.map_err(|_| KeysError::Malformed)?);
            let bytes: &[u8; 32] =
                (bytes.as_slice().try_into()).map_err(|_| KeysError::Malformed)?;
            let key = Key::new(bytes);
            if keys.iter().any(|it| it.id == key.id) {
                return Err(KeysError::Twice);
            }
            keys.push(key);
        }
        if keys.len() > MOST_KEYS {
            return Err(KeysError::TooMany);
        }
        let mut keys = keys.into_iter();
        Ok(Self {
            current: keys.next().ok_or(KeysError::None)?,
            old: keys.collect(),
        })
    }

    /// The text of a key, which [`parse`](Self::parse) reads.
    pub fn text(bytes: &Zeroizing<[u8; 32]>) -> Zeroizing<String> {
        Zeroizing::new(HEXLOWER_PERMISSIVE.encode(bytes.as_slice()))
    }

    fn all(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.current).chain(&self.old)
    }

    /// What PINs are kept with.
    pub fn mac_key(&self) -> MacKey {
        MacKey::rotated(*self.current.pin, self.old.iter().map(|it| *it.pin))
    }

    /// How everything begins that the current key seals, and nothing that another one does.
    pub fn head(&self) -> Vec<u8> {
        let mut head = vec![VERSION];
        head.extend_from_slice(&self.current.id);
        head
    }

    /// Encrypts a value for its place, with the current key. `fill` must come from a cryptographic
    /// generator; its error is passed on.
    pub fn seal<E>(
        &self,
        place: Place,
        value: &[u8],
        fill: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Result<Vec<u8>, E> {
        let mut nonce = [0; NONCE_BYTES];
        fill(&mut nonce)?;
        let mut sealed = self.head();
        sealed.extend_from_slice(&nonce);
        let cipher = self.current.encrypt(place, value, nonce);
        sealed.extend_from_slice(&cipher);
        Ok(sealed)
    }

    /// Decrypts a value that was sealed for this place with any of the keys.
    pub fn open(&self, place: Place, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let rest = sealed.strip_prefix(&[VERSION]).ok_or(OpenError::Changed)?;
        let (id, rest) = rest.split_first_chunk().ok_or(OpenError::Changed)?;
        let (nonce, cipher) =
            (rest.split_first_chunk::<NONCE_BYTES>()).ok_or(OpenError::Changed)?;
        let key = self.all().find(|it| it.id == *id);
        let payload = Payload {
            msg: cipher,
            aad: &place.bytes(),
        };
        let opened = (key.ok_or(OpenError::UnknownKey)?.cipher())
            .decrypt(&XNonce::from(*nonce), payload)
            .map_err(|_| OpenError::Changed)?;
        Ok(Zeroizing::new(opened))
    }

    /// What stands for `value` in an index, under each key and the current one first: whoever has
    /// the store but no key can neither read it nor try values out. `kind` keeps uses apart.
    pub fn find(&self, kind: &'static str, value: &[u8]) -> Vec<[u8; 32]> {
        let hash = |key: &Key| hmac_sha256(&*key.find, &[kind.as_bytes(), b"\0", value]);
        self.all().map(hash).collect()
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(•••)")
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::engine::pin::PinMac;

    fn key(byte: u8) -> Zeroizing<[u8; 32]> {
        Zeroizing::new([byte; 32])
    }

    fn keys(bytes: &[u8]) -> Keys {
        let texts: Vec<String> = bytes
            .iter()
            .map(|it| Keys::text(&key(*it)).to_string())
            .collect();
        Keys::parse(&texts.join("\n")).unwrap()
    }

    fn place(kind: &'static str, row: u128) -> Place {
        let row = Uuid::from_u128(row);
        Place { kind, row }
    }

    fn seal(keys: &Keys, place: Place, nonce: u8) -> Vec<u8> {
        let fill = |bytes: &mut [u8]| {
            bytes.fill(nonce);
            Ok::<_, Infallible>(())
        };
        keys.seal(place, b"+37255555555", fill).unwrap()
    }

    #[test]
    fn a_value_opens_in_its_place_and_in_no_other() {
        let (keys, here) = (keys(&[1]), place("phone", 1));
        let sealed = seal(&keys, here, 9);
        assert_eq!(
            keys.open(here, &sealed).unwrap().as_slice(),
            b"+37255555555"
        );
        for elsewhere in [place("phone", 2), place("totp", 1), place("", 1)] {
            assert_eq!(keys.open(elsewhere, &sealed), Err(OpenError::Changed));
        }
        assert!(!sealed.windows(4).any(|it| it == b"5555"));
        assert_ne!(sealed, seal(&keys, here, 10), "the nonce is used");
    }

    #[test]
    fn no_byte_can_be_changed_and_none_left_out() {
        let (keys, here) = (keys(&[1]), place("phone", 1));
        let sealed = seal(&keys, here, 9);
        for n in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[n] ^= 1;
            assert!(keys.open(here, &changed).is_err(), "{n}");
            assert!(keys.open(here, &sealed[..n]).is_err(), "{n}");
        }
    }

    #[test]
    fn the_first_encrypts_and_all_decrypt() {
        let here = place("phone", 1);
        let old = seal(&keys(&[1]), here, 9);
        let rotated = keys(&[2, 1]);
        assert!(rotated.open(here, &old).is_ok());
        let new = seal(&rotated, here, 9);
        assert!(keys(&[2]).open(here, &new).is_ok());
        assert_eq!(keys(&[1]).open(here, &new), Err(OpenError::UnknownKey));
        assert_eq!(keys(&[2]).open(here, &old), Err(OpenError::UnknownKey));
        assert_eq!(rotated.find("a", b"x")[0], keys(&[2]).find("a", b"x")[0]);
        assert_eq!(rotated.find("a", b"x")[1], keys(&[1]).find("a", b"x")[0]);
    }

    #[test]
    fn a_pin_sent_before_a_rotation_is_right_after_it() {
        let id = Uuid::from_u128(1);
        let sent = PinMac::of(&keys(&[1]).mac_key(), id, "123456");
        for (now, right) in [(&[1][..], true), (&[2, 1], true), (&[2], false)] {
            let guessed = PinMac::under_each(&keys(now).mac_key(), id, "123456");
            assert_eq!(sent.is_among(&guessed), right, "{now:?}");
        }
    }

    #[test]
    fn what_is_found_depends_on_key_kind_and_value() {
        let one = keys(&[1]).find("a", b"bc");
        assert_eq!(one, keys(&[1]).find("a", b"bc"));
        for other in [
            keys(&[2]).find("a", b"bc"),
            keys(&[1]).find("b", b"bc"),
            keys(&[1]).find("ab", b"c"),
            keys(&[1]).find("a", b"bd"),
        ] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn what_is_a_key_and_what_is_none() {
        let text = Keys::text(&key(0xab));
        assert_eq!(text.as_str(), "ab".repeat(32));
        let several = format!(
            "# new\n{} # today\n\n{},{}\n",
            "AB".repeat(32),
            "01".repeat(32),
            "02".repeat(32)
        );
        assert_eq!(Keys::parse(&several).unwrap().old.len(), 2);
        let many: Vec<String> = (0..17).map(|it| Keys::text(&key(it)).to_string()).collect();
        for (text, error) in [
            (String::new(), KeysError::None),
            ("# nothing".to_owned(), KeysError::None),
            ("ab".repeat(31), KeysError::Malformed),
            ("ab".repeat(33), KeysError::Malformed),
            ("xy".repeat(32), KeysError::Malformed),
            (
                format!("{} {}", text.as_str(), text.as_str()),
                KeysError::Twice,
            ),
            (many.join(" "), KeysError::TooMany),
        ] {
            assert_eq!(Keys::parse(&text).unwrap_err(), error, "{text}");
        }
        assert_eq!(format!("{:?}", keys(&[1])), "Keys(•••)");
    }
}
