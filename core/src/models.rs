//! What the server's answers mean to a caller. Knows the JSON names of the contract and nothing of
//! how an answer was fetched.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::Error;
use crate::secret::masked_username;

/// A site or app whose users are verified.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Service {
    /// The id to pass to every other call.
    pub id: String,
    /// When it was created, as the server wrote it. See [`created_at`](Self::created_at).
    #[serde(rename = "ctime")]
    pub creation_time: String,
    /// The name that its users see in their messages.
    pub name: String,
}

impl Service {
    /// When it was created; `None` when the server's text is not a time. Without a zone it is UTC.
    pub fn created_at(&self) -> Option<Timestamp> {
        parse_time(&self.creation_time)
    }
}

/// Somebody who can be verified. The phone number stays on the server; `Debug` masks the username.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct User {
    /// The id to store beside your own user.
    pub id: String,
    /// When it was created, as the server wrote it. See [`created_at`](Self::created_at).
    #[serde(rename = "ctime")]
    pub creation_time: String,
    /// The username in your service.
    #[serde(rename = "id_in_service")]
    pub username: String,
}

impl User {
    /// When it was created; `None` when the server's text is not a time. Without a zone it is UTC.
    pub fn created_at(&self) -> Option<Timestamp> {
        parse_time(&self.creation_time)
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("id", &self.id)
            .field("creation_time", &self.creation_time)
            .field("username", &masked_username(&self.username))
            .finish()
    }
}

fn parse_time(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| {
        let civil: DateTime = text.parse().ok()?;
        TimeZone::UTC.to_timestamp(civil).ok()
    })
}

/// How somebody proves that the phone is theirs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Method {
    /// A PIN in a text message.
    Sms,
    /// A code from an authenticator app.
    Totp,
    /// A word this version does not know. It comes only from a server; none can be asked for.
    Other(Box<str>),
}

impl Method {
    /// The word of the contract: `sms` or `totp`.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Sms => "sms",
            Self::Totp => "totp",
            Self::Other(word) => word,
        }
    }

    pub(crate) fn not_known() -> Error {
        Error::invalid_argument("method must be \"sms\" or \"totp\"")
    }

    fn from_word(word: &str) -> Self {
        match word {
            "sms" => Self::Sms,
            "totp" => Self::Totp,
            other => Self::Other(other.into()),
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Method {
    type Err = Error;

    /// Takes `sms` and `totp`; anything else is an invalid argument.
    fn from_str(word: &str) -> Result<Self, Error> {
        match Self::from_word(word) {
            Self::Other(_) => Err(Self::not_known()),
            method => Ok(method),
        }
    }
}

impl Serialize for Method {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Method {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|word| Self::from_word(&word))
    }
}

/// What the server says of a PIN or a code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Verification {
    /// Whether to let the user in.
    pub verified: bool,
    /// The method of the authentication, when the server names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<Method>,
    /// Why not, when the server says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<VerificationStatus>,
}

impl Verification {
    /// Whether to let the user in.
    pub fn is_verified(&self) -> bool {
        self.verified
    }
}

/// Why a PIN or a code was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct VerificationStatus {
    /// Too many wrong tries: nothing is accepted until a new PIN is sent.
    #[serde(default)]
    pub throttled: bool,
    /// The PIN is too old.
    #[serde(default)]
    pub expired: bool,
    /// It is not the PIN that was sent.
    #[serde(default)]
    pub invalid: bool,
    /// `INVALID`, `EXPIRED` or `THROTTLED`.
    #[serde(default)]
    pub result: String,
}

/// A new authenticator's secret. It is shown this once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Enrolment {
    /// The `otpauth://totp/…` address that an authenticator app takes.
    pub uri: String,
    /// The secret in Base32, for typing.
    pub secret: String,
    /// The address as a QR code: a `data:image/svg+xml;base64,…` URL.
    pub qr: String,
}

impl fmt::Debug for Enrolment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Enrolment([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_with_and_without_a_zone() {
        let expected: Timestamp = "2017-09-15T06:44:15.274438Z".parse().unwrap();
        for text in [
            "2017-09-15T06:44:15.274438",
            "2017-09-15T06:44:15.274438Z",
            "2017-09-15T08:44:15.274438+02:00",
        ] {
            assert_eq!(parse_time(text), Some(expected), "{text}");
        }
        assert_eq!(
            parse_time("2017-09-15T06:44:15.274"),
            "2017-09-15T06:44:15.274Z".parse().ok()
        );
        assert_eq!(parse_time("yesterday"), None);
    }

    #[test]
    fn only_known_methods_can_be_asked_for() {
        assert_eq!("sms".parse::<Method>().unwrap(), Method::Sms);
        assert!("SMS".parse::<Method>().is_err());
        let answered: Method = serde_json::from_str("\"push\"").unwrap();
        assert_eq!(answered.as_str(), "push");
    }

    #[test]
    fn a_user_does_not_print_the_username() {
        let text = r#"{"id":"u","ctime":"","id_in_service":"john.doe@example.com"}"#;
        let user: User = serde_json::from_str(text).unwrap();
        let shown = format!("{user:?}");
        assert!(shown.contains("jo•••") && !shown.contains("doe"), "{shown}");
    }

    #[test]
    fn an_enrolment_does_not_print_its_secret() {
        let enrolment: Enrolment =
            serde_json::from_str(r#"{"uri":"otpauth://x","secret":"JBSWY3DP","qr":"data:"}"#)
                .unwrap();
        assert_eq!(format!("{enrolment:?}"), "Enrolment([redacted])");
    }
}
