//! What a finished call says to JavaScript: one property with the answer, or `error`.

use std::error::Error as _;

use napi_derive::napi;
use verigator::embed::Reply;
use verigator::{Enrolment, Error, Outcome, Service, User, Verification, VerificationStatus};
use verigator_server::sandbox::SentMessage;

/// A finished call. What it does not say is absent.
#[napi(object, object_from_js = false)]
#[derive(Default)]
pub struct Finished {
    /// The number that the call was started with.
    pub id: i64,
    /// Why it failed.
    pub error: Option<Failure>,
    /// A service.
    pub service: Option<ServiceFields>,
    /// A user.
    pub user: Option<UserFields>,
    /// Users.
    pub users: Option<Vec<UserFields>>,
    /// The method of an authentication.
    pub method: Option<String>,
    /// What was said of a PIN or a code.
    pub verification: Option<VerificationFields>,
    /// A new authenticator.
    pub enrolment: Option<EnrolmentFields>,
    /// Whether an authenticator was confirmed.
    pub confirmed: Option<bool>,
    /// A message that the sandbox took.
    pub message: Option<MessageFields>,
}

impl Finished {
    /// A call that has nothing to say but that it is done.
    pub(crate) fn done(id: i64) -> Self {
        Self {
            id,
            ..Self::default()
        }
    }

    pub(crate) fn failed(id: i64, error: impl Into<Failure>) -> Self {
        Self {
            error: Some(error.into()),
            ..Self::done(id)
        }
    }

    pub(crate) fn call(id: i64, result: verigator::Result<Reply>) -> Self {
        let mut finished = Self::done(id);
        match result {
            Ok(Reply::Service(service)) => finished.service = Some(service.into()),
            Ok(Reply::User(user)) => finished.user = Some(user.into()),
            Ok(Reply::Users(users)) => {
                finished.users = Some(users.into_iter().map(UserFields::from).collect());
            }
            Ok(Reply::Method(method)) => finished.method = Some(method.as_str().to_owned()),
            Ok(Reply::Verification(said)) => finished.verification = Some(said.into()),
            Ok(Reply::Enrolment(enrolment)) => finished.enrolment = Some(enrolment.into()),
            Ok(Reply::Confirmed(confirmed)) => finished.confirmed = Some(confirmed),
            Ok(Reply::Done) => {}
            Err(error) => finished.error = Some(Failure::from(&error)),
        }
        finished
    }
}

/// An error of the core.
#[napi(object, object_from_js = false)]
pub struct Failure {
    /// The stable word of its kind.
    pub kind: &'static str,
    /// The class that stands for it.
    pub class: &'static str,
    /// What happened.
    pub message: String,
    /// The HTTP status, 0 when there was no answer.
    pub status: u16,
    /// A stable word: the server's own, or else the kind's.
    pub error_code: String,
    /// The call that failed.
    pub operation: Option<&'static str>,
    /// How many times the request was tried.
    pub attempts: u32,
    /// How many milliseconds the server asks to wait.
    pub retry_after: Option<f64>,
    /// The server's name for the request.
    pub request_id: Option<String>,
    /// What the server may have done.
    pub outcome: &'static str,
    /// Whether the same call again cannot act twice.
    pub safe_to_retry: bool,
    /// What is behind it, nearest first.
    pub causes: Vec<String>,
}

impl Failure {
    /// A sandbox that did not start.
    pub(crate) fn sandbox(message: String) -> Self {
        Self {
            kind: "sandbox",
            error_code: "sandbox".to_owned(),
            outcome: Outcome::NotSent.as_str(),
            message,
            ..Error::bug("").into()
        }
    }
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        let causes = std::iter::successors(error.source(), |&cause| cause.source());
        Self {
            kind: error.kind().word(),
            class: error.kind().class_name(),
            message: error.message().to_owned(),
            status: error.code(),
            error_code: error.error_code().to_owned(),
            operation: error.operation(),
            attempts: error.attempts(),
            retry_after: error.retry_after().map(|wait| wait.as_secs_f64() * 1000.0),
            request_id: error.request_id().map(str::to_owned),
            outcome: error.outcome().as_str(),
            safe_to_retry: error.safe_to_retry(),
            causes: causes.map(ToString::to_string).collect(),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::from(&error)
    }
}

/// A service.
#[napi(object, object_from_js = false)]
pub struct ServiceFields {
    /// Its id.
    pub id: String,
    /// When it was created, as the server wrote it.
    pub creation_time: String,
    /// Its name.
    pub name: String,
}

impl From<Service> for ServiceFields {
    fn from(service: Service) -> Self {
        Self {
            id: service.id,
            creation_time: service.creation_time,
            name: service.name,
        }
    }
}

/// A user.
#[napi(object, object_from_js = false)]
pub struct UserFields {
    /// Its id.
    pub id: String,
    /// When it was created, as the server wrote it.
    pub creation_time: String,
    /// The username in the service.
    pub username: String,
}

impl From<User> for UserFields {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            creation_time: user.creation_time,
            username: user.username,
        }
    }
}

/// What was said of a PIN or a code.
#[napi(object, object_from_js = false)]
pub struct VerificationFields {
    /// Whether to let the user in.
    pub verified: bool,
    /// The method of the authentication.
    pub method: Option<String>,
    /// Why not.
    pub status: Option<StatusFields>,
}

/// Why a PIN or a code was not accepted.
#[napi(object, object_from_js = false)]
pub struct StatusFields {
    /// Too many wrong tries.
    pub throttled: bool,
    /// Too old.
    pub expired: bool,
    /// Not the one that was sent.
    pub invalid: bool,
    /// `INVALID`, `EXPIRED` or `THROTTLED`.
    pub result: String,
}

impl From<Verification> for VerificationFields {
    fn from(said: Verification) -> Self {
        Self {
            verified: said.verified,
            method: said.method.map(|method| method.as_str().to_owned()),
            status: said.status.map(StatusFields::from),
        }
    }
}

impl From<VerificationStatus> for StatusFields {
    fn from(status: VerificationStatus) -> Self {
        Self {
            throttled: status.throttled,
            expired: status.expired,
            invalid: status.invalid,
            result: status.result,
        }
    }
}

/// A new authenticator.
#[napi(object, object_from_js = false)]
pub struct EnrolmentFields {
    /// The address that an app takes.
    pub uri: String,
    /// The secret in Base32.
    pub secret: String,
    /// The address as a QR code.
    pub qr: String,
}

impl From<Enrolment> for EnrolmentFields {
    fn from(enrolment: Enrolment) -> Self {
        Self {
            uri: enrolment.uri,
            secret: enrolment.secret,
            qr: enrolment.qr,
        }
    }
}

/// A message that the sandbox took in place of a phone.
#[napi(object, object_from_js = false)]
pub struct MessageFields {
    /// The number.
    pub to: String,
    /// The whole text.
    pub text: String,
    /// The PIN in it.
    pub pin: String,
    /// When, in milliseconds since 1970 at the sandbox's clock.
    pub sent_at: i64,
}

impl From<SentMessage> for MessageFields {
    fn from(sent: SentMessage) -> Self {
        Self {
            to: sent.to,
            text: sent.text,
            pin: sent.pin,
            sent_at: sent.sent_at.as_millisecond(),
        }
    }
}
