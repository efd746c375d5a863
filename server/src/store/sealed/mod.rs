//! What the stores that write things down keep in their columns, and how: what is sealed, what is
//! hashed, and for which place. One text for all of them, so that a value means the same in each.
//! Knows the server's keys, and no SQL.

pub(super) mod key;
pub(super) mod message;
pub(super) mod sent;
pub(super) mod state;

use jiff::Timestamp;
use thiserror::Error;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::StoreError;
use crate::{
    engine::{
        keys::{Keys, OpenError, Place},
        phone::Phone,
        template::Template,
        totp::TotpSecret,
    },
    random::{self, RandomError},
};

/// What a phone number is sealed as.
const PHONE: &str = "phone";
/// What an authenticator's secret is sealed as.
const TOTP: &str = "totp";
/// What the check for the right key is sealed for.
const KEY_CHECK: Place = Place {
    kind: "key-check",
    row: Uuid::nil(),
};

/// Why a value cannot be sealed or read. No text here repeats one.
#[derive(Debug, Error)]
pub(super) enum SealedError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("a stored value of {0} is not one")]
    Value(&'static str),
    #[error(transparent)]
    Random(#[from] RandomError),
}

impl From<SealedError> for StoreError {
    fn from(error: SealedError) -> Self {
        Self::Unavailable(Box::new(error))
    }
}

/// What a column keeps of a moment: microseconds since 1970.
pub(super) fn micros(time: Timestamp) -> i64 {
    time.as_microsecond()
}

/// What [`micros`] kept.
pub(super) fn moment(micros: i64) -> Result<Timestamp, SealedError> {
    Timestamp::from_microsecond(micros).map_err(|_| SealedError::Value("a moment"))
}

/// A service's own text, as it was kept.
pub(super) fn template(text: Option<&str>) -> Result<Option<Template>, SealedError> {
    let read = text.map(str::parse).transpose();
    read.map_err(|_| SealedError::Value("a template"))
}

/// Seals where a user's messages go.
pub(super) fn seal_phone(keys: &Keys, user: Uuid, phone: &Phone) -> Result<Vec<u8>, SealedError> {
    seal(keys, PHONE, user, phone.expose())
}

/// Reads where a user's messages go.
pub(super) fn open_phone(keys: &Keys, user: Uuid, sealed: &[u8]) -> Result<Phone, SealedError> {
    let text = open(keys, PHONE, user, sealed)?;
    Phone::parse(&text).map_err(|_| SealedError::Value("a phone number"))
}

/// Seals the secret of a user's authenticator.
pub(super) fn seal_secret(
    keys: &Keys,
    user: Uuid,
    secret: &TotpSecret,
) -> Result<Vec<u8>, SealedError> {
    seal(keys, TOTP, user, &secret.to_base32())
}

/// Reads the secret of a user's authenticator.
fn open_secret(keys: &Keys, user: Uuid, sealed: &[u8]) -> Result<TotpSecret, SealedError> {
    let text = open(keys, TOTP, user, sealed)?;
    TotpSecret::from_base32(&text).map_err(|_| SealedError::Value("an authenticator's secret"))
}

/// A user's phone number and secret, sealed with the current key whatever sealed them before.
pub(super) fn anew(
    keys: &Keys,
    user: Uuid,
    phone: &[u8],
    secret: Option<&[u8]>,
) -> Result<(Vec<u8>, Option<Vec<u8>>), SealedError> {
    let phone = seal_phone(keys, user, &open_phone(keys, user, phone)?)?;
    let secret = secret
        .map(|sealed| seal_secret(keys, user, &open_secret(keys, user, sealed)?))
        .transpose()?;
    Ok((phone, secret))
}

/// Opens what an earlier start sealed, if there was one: a wrong key is found before anything is
/// written with it. Gives what the next start finds.
pub(super) fn check_key(keys: &Keys, found: Option<&[u8]>) -> Result<Vec<u8>, SealedError> {
    if let Some(sealed) = found {
        keys.open(KEY_CHECK, sealed)?;
    }
    Ok(keys.seal(KEY_CHECK, b"", random::fill)?)
}

fn seal(keys: &Keys, kind: &'static str, row: Uuid, text: &str) -> Result<Vec<u8>, SealedError> {
    Ok(keys.seal(Place { kind, row }, text.as_bytes(), random::fill)?)
}

fn open(
    keys: &Keys,
    kind: &'static str,
    row: Uuid,
    sealed: &[u8],
) -> Result<Zeroizing<String>, SealedError> {
    let opened = keys.open(Place { kind, row }, sealed)?;
    let text = str::from_utf8(&opened).map_err(|_| SealedError::Value(kind))?;
    Ok(Zeroizing::new(text.to_owned()))
}
