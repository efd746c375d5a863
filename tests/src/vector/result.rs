//! What a caller gets.

use serde::Deserialize;

/// The result of a call.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    /// A service.
    Service(Service),
    /// A user.
    User(User),
    /// Users, in the order they came.
    Users(Vec<User>),
    /// The word of a method.
    Method(String),
    /// Verified or not.
    Verified(bool),
    /// The same with details.
    Verification(Verification),
    /// A new authenticator.
    Enrolment(Enrolment),
    /// Confirmed or not.
    Confirmed(bool),
    /// Nothing. The value is always `true`.
    None(Nothing),
    /// An error.
    Error(Failure),
}

/// `true`, in a place where nothing else makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "bool")]
pub struct Nothing;

impl TryFrom<bool> for Nothing {
    type Error = &'static str;

    fn try_from(value: bool) -> Result<Self, Self::Error> {
        if value {
            Ok(Self)
        } else {
            Err("none is true or left out")
        }
    }
}

/// A service.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the client's model, which is documented there")]
pub struct Service {
    pub id: String,
    pub creation_time: String,
    pub name: String,
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the client's model, which is documented there")]
pub struct User {
    pub id: String,
    pub creation_time: String,
    pub username: String,
}

/// What a server says of a PIN or a code.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the client's model, which is documented there")]
pub struct Verification {
    pub verified: bool,
    pub method: Option<String>,
    pub status: Option<VerificationStatus>,
}

/// Why it was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the client's model, which is documented there")]
pub struct VerificationStatus {
    pub throttled: bool,
    pub expired: bool,
    pub invalid: bool,
    pub result: String,
}

/// A new authenticator.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the client's model, which is documented there")]
pub struct Enrolment {
    pub uri: String,
    pub secret: String,
    pub qr: String,
}

/// An error.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// The word of the kind.
    pub kind: String,
    /// The class in Python and Node.
    pub class: String,
    /// The HTTP status, or 0.
    pub code: u16,
    /// The message, compared when given.
    pub message: Option<String>,
    /// The server's word, or the kind's.
    pub error_code: String,
    /// The call; none in an error of the constructor.
    pub operation: Option<String>,
    /// How many requests were tried.
    pub attempts: u32,
    /// What the server may have done.
    pub outcome: String,
    /// Whether the same call again is harmless.
    pub safe_to_retry: bool,
    /// Seconds.
    pub retry_after: Option<f64>,
    /// The server's name for the request, compared when given.
    pub request_id: Option<String>,
}
