//! PINs: how one is drawn, and how one is kept without being kept.
//!
//! Knows nothing of users, tries or time; `authentication` decides when a PIN may be compared.

use std::{convert::Infallible, fmt, iter, str::FromStr, sync::Arc};

use subtle::{Choice, ConstantTimeEq};
use thiserror::Error;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::mac::hmac_sha256;

/// Keep the uses of one key apart. None begins another, so that no two inputs are ever the same.
const MAC_DOMAIN: &[u8] = b"verigator:pin:1";
const DERIVE_DOMAIN: &[u8] = b"verigator:derived-pin:1";

/// How many digits a PIN has: 4 to 10, by default 6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PinLength(u8);

impl PinLength {
    /// Refuses anything but 4 to 10.
    pub fn new(digits: u8) -> Result<Self, PinLengthError> {
        if (4..=10).contains(&digits) {
            Ok(Self(digits))
        } else {
            Err(PinLengthError(digits))
        }
    }

    /// The number of digits.
    pub fn digits(self) -> u8 {
        self.0
    }
}

impl Default for PinLength {
    fn default() -> Self {
        Self(6)
    }
}

/// A PIN length outside 4 to 10.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a PIN has 4 to 10 digits, not {0}")]
pub struct PinLengthError(u8);

/// What is sent when an authentication is started again while its PIN is still valid.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Resend {
    /// A new PIN, which replaces the old one and is valid for the whole time again.
    #[default]
    New,
    /// The same PIN, for what is left of its time: whichever of several messages arrives is right.
    /// PINs are then derived from the server's key, so that none has to be kept to be sent again.
    Same,
}

/// A word that is neither `new` nor `same`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("what is sent again is new or same")]
pub struct UnknownResend;

impl FromStr for Resend {
    type Err = UnknownResend;

    fn from_str(text: &str) -> Result<Self, UnknownResend> {
        match text {
            "new" => Ok(Self::New),
            "same" => Ok(Self::Same),
            _ => Err(UnknownResend),
        }
    }
}

/// A PIN in clear. Its `Debug` shows nothing, its memory is wiped when it is dropped, and two are
/// compared in constant time.
#[derive(Clone)]
pub struct Pin(Zeroizing<String>);

impl Pin {
    /// The PIN of a new authentication `id`: drawn with `fill`, or derived when it may have to be
    /// sent again.
    pub fn new<E>(
        resend: Resend,
        length: PinLength,
        key: &MacKey,
        id: Uuid,
        fill: impl FnMut(&mut [u8]) -> Result<(), E>,
    ) -> Result<Self, E> {
        match resend {
            Resend::New => Self::generate(length, fill),
            Resend::Same => Ok(Self::derive(length, key, id)),
        }
    }

    /// The PIN that belongs to the authentication `id` under `key`, always the same. Without the
    /// key it is as good as drawn.
    pub fn derive(length: PinLength, key: &MacKey, id: Uuid) -> Self {
        Self::derive_with(&key.current, length, id)
    }

    /// [`derive`](Self::derive) with the key under which the PIN had this MAC; none when it was
    /// not derived so.
    pub(crate) fn derive_again(
        length: PinLength,
        key: &MacKey,
        id: Uuid,
        mac: &PinMac,
    ) -> Option<Self> {
        key.all().find_map(|key| {
            let pin = Self::derive_with(key, length, id);
            let is_it = mac.matches(&PinMac::with(key, id, pin.expose()));
            is_it.then_some(pin)
        })
    }

    fn derive_with(key: &[u8; 32], length: PinLength, id: Uuid) -> Self {
        let mut block = 0_u32;
        // Each call takes from a block of its own.
        let fill = |bytes: &mut [u8]| {
            let input = [DERIVE_DOMAIN, id.as_bytes(), &block.to_be_bytes()];
            let output = Zeroizing::new(hmac_sha256(key, &input));
            block += 1;
            for (to, from) in bytes.iter_mut().zip(output.iter()) {
                *to = *from;
            }
            Ok::<_, Infallible>(())
        };
        match Self::generate(length, fill) {
            Ok(pin) => pin,
            Err(never) => match never {},
        }
    }

    /// Draws a PIN, each digit uniform and leading zeros kept.
    ///
    /// `fill` must fill the slice with bytes of a cryptographic generator; its error is passed on.
    /// A byte of 250 or more is thrown away, since 256 is not a multiple of ten.
    pub fn generate<E>(
        length: PinLength,
        mut fill: impl FnMut(&mut [u8]) -> Result<(), E>,
    ) -> Result<Self, E> {
        let wanted = usize::from(length.digits());
        let mut pin = Zeroizing::new(String::with_capacity(wanted));
        let mut bytes = Zeroizing::new([0_u8; 16]);
        loop {
            fill(bytes.as_mut_slice())?;
            for byte in bytes.iter().filter(|byte| **byte < 250) {
                pin.push(char::from(b'0' + byte % 10));
                if pin.len() == wanted {
                    return Ok(Self(pin));
                }
            }
        }
    }

    /// A PIN that was kept; none when it is none.
    #[cfg(feature = "sqlite")]
    pub(crate) fn from_digits(digits: &str) -> Option<Self> {
        let is_pin = (4..=10).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        is_pin.then(|| Self(Zeroizing::new(digits.to_owned())))
    }

    /// The digits, for the text that is sent and for nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl PartialEq for Pin {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Pin {}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(•••)")
    }
}

/// The server's key for what it keeps of PINs: 32 bytes, wiped when dropped, never in a store; and
/// those it had before, under which PINs may still be on their way.
#[derive(Clone)]
pub struct MacKey {
    current: Arc<Zeroizing<[u8; 32]>>,
    old: Arc<[Zeroizing<[u8; 32]>]>,
}

impl MacKey {
    /// Takes a key of 32 random bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self::rotated(bytes, iter::empty())
    }

    /// Takes a key that has come in place of `old` ones.
    pub fn rotated(bytes: [u8; 32], old: impl Iterator<Item = [u8; 32]>) -> Self {
        Self {
            current: Arc::new(Zeroizing::new(bytes)),
            old: old.map(Zeroizing::new).collect(),
        }
    }

    fn all(&self) -> impl Iterator<Item = &[u8; 32]> {
        iter::once(&**self.current).chain(self.old.iter().map(|it| &**it))
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey(•••)")
    }
}

/// HMAC-SHA-256 of a PIN, bound to one authentication: what a store keeps in place of the PIN.
///
/// The binding makes a MAC copied to another row worthless there.
#[derive(Clone)]
pub struct PinMac([u8; 32]);

impl PinMac {
    /// The MAC of `pin` under `key` for the authentication `id`.
    pub fn of(key: &MacKey, id: Uuid, pin: &str) -> Self {
        Self::with(&key.current, id, pin)
    }

    /// The MACs of `pin` under the key and under each that it came in place of.
    pub fn under_each(key: &MacKey, id: Uuid, pin: &str) -> Vec<Self> {
        key.all().map(|key| Self::with(key, id, pin)).collect()
    }

    fn with(key: &[u8; 32], id: Uuid, pin: &str) -> Self {
        let input = [MAC_DOMAIN, id.as_bytes(), pin.as_bytes()];
        Self(hmac_sha256(key, &input))
    }

    /// Whether it is one of `others`; compares with all of them, each in constant time.
    pub fn is_among(&self, others: &[Self]) -> bool {
        let none = Choice::from(0);
        let found = others
            .iter()
            .fold(none, |found, other| found | self.0.ct_eq(&other.0));
        found.into()
    }

    /// Compares in constant time.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }

    /// The bytes a store writes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// What [`as_bytes`](Self::as_bytes) gave.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for PinMac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PinMac(•••)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_4_to_10() {
        let accepted: Vec<u8> = (0..=255).filter(|n| PinLength::new(*n).is_ok()).collect();
        assert_eq!(accepted, [4, 5, 6, 7, 8, 9, 10]);
        assert_eq!(PinLength::default().digits(), 6);
        assert_eq!(
            PinLength::new(11).unwrap_err().to_string(),
            "a PIN has 4 to 10 digits, not 11"
        );
    }

    #[test]
    fn bytes_of_250_and_more_are_thrown_away_and_leading_zeros_kept() {
        let mut supply = [255, 250, 0, 10, 20, 251, 249, 7, 252, 123]
            .into_iter()
            .cycle();
        let pin = Pin::generate(PinLength::default(), |bytes| {
            bytes.fill_with(|| supply.next().unwrap());
            Ok::<_, Infallible>(())
        });
        assert_eq!(pin.unwrap().expose(), "000973");
    }

    #[test]
    fn a_derived_pin_is_always_the_same_and_depends_on_key_id_and_length() {
        let pin = |digits, key, id| {
            let length = PinLength::new(digits).unwrap();
            let pin = Pin::derive(length, &MacKey::new([key; 32]), Uuid::from_u128(id));
            pin.expose().to_owned()
        };
        assert_eq!(pin(10, 7, 1), pin(10, 7, 1));
        assert_eq!(pin(10, 7, 1).len(), 10);
        assert_eq!(pin(10, 7, 1)[..4], pin(4, 7, 1));
        assert_ne!(pin(10, 7, 1), pin(10, 7, 2));
        assert_ne!(pin(10, 7, 1), pin(10, 8, 1));
    }

    #[test]
    fn only_the_same_pin_is_derived() {
        let (key, id) = (MacKey::new([7; 32]), Uuid::from_u128(1));
        let new = |resend| {
            let fill = |bytes: &mut [u8]| {
                bytes.fill(4);
                Ok::<_, Infallible>(())
            };
            Pin::new(resend, PinLength::default(), &key, id, fill).unwrap()
        };
        assert_eq!(new(Resend::New).expose(), "444444");
        assert_eq!(
            new(Resend::Same),
            Pin::derive(PinLength::default(), &key, id)
        );
        assert_ne!(new(Resend::Same), new(Resend::New));
        assert_eq!(
            ("new".parse(), "same".parse()),
            (Ok(Resend::New), Ok(Resend::Same))
        );
        assert_eq!("Same".parse::<Resend>(), Err(UnknownResend));
    }

    #[test]
    fn a_failing_generator_is_reported() {
        let error = Pin::generate(PinLength::default(), |_| Err("no entropy")).unwrap_err();
        assert_eq!(error, "no entropy");
    }

    /// How far the digits of 10⁶ PINs are from uniform in each position: chi-square with nine
    /// degrees of freedom.
    fn statistics(mut pin: impl FnMut(u32) -> Pin) -> [f64; 6] {
        let mut counts = [[0_u32; 10]; 6];
        for n in 0..1_000_000 {
            for (position, digit) in pin(n).expose().bytes().enumerate() {
                counts[position][usize::from(digit - b'0')] += 1;
            }
        }
        counts.map(|counts| {
            let deviation = |n: &u32| (f64::from(*n) - 100_000.0).powi(2) / 100_000.0;
            counts.iter().map(deviation).sum()
        })
    }

    /// A perfect generator exceeds 42 with probability 3·10⁻⁶ a position, so a false alarm comes
    /// once in 50 000 runs; rejecting nothing (bytes modulo ten) gives a statistic of about 900.
    #[test]
    fn digits_are_uniform_in_each_position() {
        let mut pool = vec![0_u8; 1 << 16];
        let mut used = pool.len();
        let drawn = statistics(|_| {
            let fill = |bytes: &mut [u8]| {
                if used + bytes.len() > pool.len() {
                    getrandom::fill(&mut pool)?;
                    used = 0;
                }
                bytes.copy_from_slice(&pool[used..used + bytes.len()]);
                used += bytes.len();
                Ok::<_, getrandom::Error>(())
            };
            Pin::generate(PinLength::default(), fill).unwrap()
        });
        assert!(drawn.iter().all(|it| *it < 42.0), "{drawn:?}");
    }

    /// The same of derived PINs, which are the same in every run.
    #[test]
    fn derived_digits_are_uniform_in_each_position() {
        let key = MacKey::new([7; 32]);
        let derived =
            statistics(|n| Pin::derive(PinLength::default(), &key, Uuid::from_u128(u128::from(n))));
        assert!(derived.iter().all(|it| *it < 42.0), "{derived:?}");
    }

    #[test]
    fn a_mac_depends_on_key_authentication_and_pin() {
        let (key, id) = (MacKey::new([7; 32]), Uuid::from_u128(1));
        let mac = PinMac::of(&key, id, "012345");
        assert!(mac.matches(&PinMac::of(&key, id, "012345")));
        assert!(!mac.matches(&PinMac::of(&key, id, "012346")));
        assert!(!mac.matches(&PinMac::of(&key, id, "12345")));
        assert!(!mac.matches(&PinMac::of(&key, Uuid::from_u128(2), "012345")));
        assert!(!mac.matches(&PinMac::of(&MacKey::new([8; 32]), id, "012345")));
        assert!(mac.matches(&PinMac::from_bytes(*mac.as_bytes())));
    }

    #[test]
    fn debug_shows_nothing() {
        let pin = Pin::generate(PinLength::default(), |bytes| {
            bytes.fill(7);
            Ok::<_, Infallible>(())
        })
        .unwrap();
        assert_eq!(format!("{pin:?}"), "Pin(•••)");
        assert_eq!(format!("{:?}", MacKey::new([7; 32])), "MacKey(•••)");
        assert_eq!(format!("{:?}", PinMac::from_bytes([7; 32])), "PinMac(•••)");
    }
}
