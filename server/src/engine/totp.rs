//! One-time codes of an authenticator: HOTP (RFC 4226) and TOTP (RFC 6238).
//!
//! Knows nothing of users or stores; which step was used last comes in as an argument.

use std::fmt;

use data_encoding::BASE32_NOPAD;
use hmac::{EagerHash, digest::OutputSizeUser};
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha1::Sha1;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use thiserror::Error;
use zeroize::Zeroizing;

use super::mac::hmac;

/// Seconds in a step: the default of RFC 6238 section 4.1, and the only one every app takes.
const STEP_SECONDS: i64 = 30;
/// Digits of a code.
const DIGITS: u32 = 6;
/// Steps on either side of the current one whose codes count too (RFC 6238 section 5.2).
const NEIGHBOUR: i64 = 1;
/// Labels are cut here, so that the URI of any service and user fits into a QR code.
const LABEL_CHARS: usize = 48;
/// RFC 3986 unreserved characters stay as they are.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'@');

/// A shared secret of 160 bits (RFC 4226 section 4, R6), wiped when dropped.
#[derive(Clone)]
pub struct TotpSecret(Zeroizing<[u8; 20]>);

/// A text that is not the BASE32 form of a 160-bit secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not the BASE32 form of a 160-bit secret")]
pub struct TotpSecretError;

impl TotpSecret {
    /// Draws a secret; `fill` must come from a cryptographic generator.
    pub fn generate<E>(mut fill: impl FnMut(&mut [u8]) -> Result<(), E>) -> Result<Self, E> {
        let mut bytes = Zeroizing::new([0; 20]);
        fill(bytes.as_mut_slice())?;
        Ok(Self(bytes))
    }

    /// Reads the BASE32 form, in either case and with spaces as apps show it.
    pub fn from_base32(text: &str) -> Result<Self, TotpSecretError> {
        let text: Zeroizing<String> = Zeroizing::new(
            text.chars()
                .filter(|c| !matches!(c, ' ' | '='))
                .map(|c| c.to_ascii_uppercase())
                .collect(),
        );
        let bytes = BASE32_NOPAD.decode(text.as_bytes()).map(Zeroizing::new);
        let bytes = bytes.map_err(|_| TotpSecretError)?;
        Ok(Self(Zeroizing::new(
            bytes.as_slice().try_into().map_err(|_| TotpSecretError)?,
        )))
    }

    /// The form a person types into an app.
    pub fn to_base32(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE32_NOPAD.encode(self.0.as_slice()))
    }

    /// The code of the step that `now` falls into.
    pub fn code_at(&self, now: Timestamp) -> String {
        code(&self.0, step_at(now))
    }

    /// The codes that may be used at `now`: that of the current step and of its neighbours.
    pub fn window_at(&self, now: Timestamp) -> Window {
        let current = step_at(now);
        Window([-NEIGHBOUR, 0, NEIGHBOUR].map(|offset| {
            let step = current + offset;
            (step, code(&self.0, step))
        }))
    }

    /// The `otpauth://` URI that authenticator apps read, usually from a QR code.
    ///
    /// `issuer` and `account` are shown by the app; each is cut after 48 characters.
    pub fn uri(&self, issuer: &str, account: &str) -> Zeroizing<String> {
        let (issuer, account) = (label(issuer), label(account));
        let secret = self.to_base32();
        Zeroizing::new(format!(
            "otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}&algorithm=SHA1\
             &digits={DIGITS}&period={STEP_SECONDS}",
            secret.as_str(),
        ))
    }
}

/// The codes that may be used at one moment, each with its step.
pub struct Window([(i64, String); 3]);

impl Window {
    /// The step whose code `guess` is, if it is later than `last_used`: no code counts twice
    /// (RFC 6238 section 5.2).
    ///
    /// The guess is compared with all codes, each in constant time.
    pub fn accept(&self, guess: &str, last_used: Option<i64>) -> Option<i64> {
        let mut found = Choice::from(0);
        let mut accepted = 0;
        for (step, code) in &self.0 {
            let fresh = Choice::from(u8::from(last_used.is_none_or(|last| *step > last)));
            let right = code.as_bytes().ct_eq(guess.as_bytes()) & fresh;
            accepted.conditional_assign(step, right);
            found |= right;
        }
        bool::from(found).then_some(accepted)
    }
}

impl fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpSecret(•••)")
    }
}

/// The colon separates issuer and account in a label, so neither may hold one.
fn label(text: &str) -> String {
    let cut: String = text
        .chars()
        .take(LABEL_CHARS)
        .map(|c| if c == ':' { ' ' } else { c })
        .collect();
    utf8_percent_encode(&cut, ESCAPED).to_string()
}

fn step_at(now: Timestamp) -> i64 {
    now.as_second().div_euclid(STEP_SECONDS)
}

fn code(secret: &[u8; 20], step: i64) -> String {
    hotp::<Sha1>(secret, step, DIGITS)
}

/// HOTP of RFC 4226 section 5.3. The counter is signed, so that the window reaches below step 0.
fn hotp<D: EagerHash + OutputSizeUser>(secret: &[u8], counter: i64, digits: u32) -> String {
    let mac = hmac::<D>(secret, &[&counter.to_be_bytes()]);
    let offset = usize::from(mac.last().copied().unwrap_or_default() & 0x0f);
    let mut word = [0; 4];
    for (to, from) in word.iter_mut().zip(mac.iter().skip(offset)) {
        *to = *from;
    }
    let number = (u32::from_be_bytes(word) & 0x7fff_ffff) % 10_u32.pow(digits);
    format!("{number:0width$}", width = digits as usize)
}

#[cfg(test)]
mod tests {
    use sha2::{Sha256, Sha512};

    use super::*;

    const SECRET: &[u8; 20] = b"12345678901234567890";

    fn secret() -> TotpSecret {
        TotpSecret(Zeroizing::new(*SECRET))
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn rfc_4226_appendix_d() {
        let codes: Vec<String> = (0..10)
            .map(|counter| hotp::<Sha1>(SECRET, counter, 6))
            .collect();
        assert_eq!(
            codes,
            [
                "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583",
                "399871", "520489"
            ]
        );
    }

    #[test]
    fn rfc_6238_appendix_b() {
        let long: Vec<u8> = SECRET.iter().copied().cycle().take(64).collect();
        let table = [
            (59, ["94287082", "46119246", "90693936"]),
            (1_111_111_109, ["07081804", "68084774", "25091201"]),
            (1_111_111_111, ["14050471", "67062674", "99943326"]),
            (1_234_567_890, ["89005924", "91819424", "93441116"]),
            (2_000_000_000, ["69279037", "90698825", "38618901"]),
            (20_000_000_000, ["65353130", "77737706", "47863826"]),
        ];
        for (second, [sha1, sha256, sha512]) in table {
            let step = step_at(at(second));
            assert_eq!(hotp::<Sha1>(SECRET, step, 8), sha1, "{second}");
            assert_eq!(hotp::<Sha256>(&long[..32], step, 8), sha256, "{second}");
            assert_eq!(hotp::<Sha512>(&long, step, 8), sha512, "{second}");
        }
    }

    #[test]
    fn exactly_three_of_seventeen_steps_are_accepted() {
        for second in [0, 29, 30] {
            let now = at(second);
            let accepted: Vec<i64> = (-8..=8)
                .filter(|offset| {
                    let step = step_at(now) + offset;
                    let accepted = secret().window_at(now).accept(&code(SECRET, step), None);
                    accepted == Some(step)
                })
                .collect();
            assert_eq!(accepted, [-1, 0, 1], "t = {second}");
        }
    }

    #[test]
    fn a_step_counts_once() {
        let now = at(3_000);
        let code = secret().code_at(now);
        let accept = |second, last| secret().window_at(at(second)).accept(&code, last);
        assert_eq!(accept(3_000, None), Some(100));
        assert_eq!(accept(3_000, Some(99)), Some(100));
        assert_eq!(accept(3_000, Some(100)), None);
        assert_eq!(accept(3_030, Some(100)), None);
        assert_eq!(accept(3_000, Some(101)), None);
    }

    #[test]
    fn what_is_no_code_is_not_accepted() {
        for guess in ["", "0", "00000000000", "abcdef", "７５５２２４"] {
            assert_eq!(secret().window_at(at(0)).accept(guess, None), None);
        }
    }

    #[test]
    fn base32_goes_both_ways() {
        let text = secret().to_base32();
        assert_eq!(text.as_str(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        let read = TotpSecret::from_base32("gezd gnbv gy3t qojq GEZD GNBV GY3T QOJQ").unwrap();
        assert_eq!(*read.0, *SECRET);
        for wrong in ["", "GEZD", "0189", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZD"] {
            assert_eq!(TotpSecret::from_base32(wrong).unwrap_err(), TotpSecretError);
        }
    }

    #[test]
    fn the_uri_is_escaped_and_says_everything() {
        assert_eq!(
            secret().uri("Wü: & Co", "john.doe@verigator.com").as_str(),
            "otpauth://totp/W%C3%BC%20%20%26%20Co:john.doe@verigator.com\
             ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=W%C3%BC%20%20%26%20Co\
             &algorithm=SHA1&digits=6&period=30"
        );
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", secret()), "TotpSecret(•••)");
    }
}
