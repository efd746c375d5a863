//! What a call gave, in the words of the vectors, and where it is not what it should be.

use std::{error::Error as _, fmt::Write};

use verigator::Error;
use verigator_tests::vector::{Case, Expected, Failure};

pub(crate) type Outcome = Result<Expected, Error>;

/// Where the outcome of a case is not what it should be.
pub(crate) fn difference(case: &Case, outcome: &Outcome) -> Option<String> {
    let result = match outcome {
        Ok(value) => value.clone(),
        Err(error) => {
            if let Some(why) = shown(case, error) {
                return Some(why);
            }
            Expected::Error(failure(case, error))
        }
    };
    (result != case.result).then(|| format!("came {result:?}\n    for  {:?}", case.result))
}

/// What the error prints must be its message, and no secret.
fn shown(case: &Case, error: &Error) -> Option<String> {
    if error.message().trim().is_empty() || error.to_string() != error.message() {
        return Some(format!(
            "it prints {error}, and its message is {:?}",
            error.message()
        ));
    }
    let mut all = format!("{error} {error:?}");
    let mut next = error.source();
    while let Some(source) = next {
        write!(all, " {source} {source:?}").ok()?;
        next = source.source();
    }
    let credentials = format!("{}:{}", case.client.username(), case.client.password());
    let secrets = [Some(credentials.as_str()), case.call.operation.token()];
    let is_shown = secrets
        .into_iter()
        .flatten()
        .any(|secret| all.contains(secret));
    is_shown.then(|| "the error shows a secret".to_owned())
}

/// The error in the words of the vectors. What the case does not compare is left out.
fn failure(case: &Case, error: &Error) -> Failure {
    let expected = match &case.result {
        Expected::Error(expected) => Some(expected),
        _ => None,
    };
    let compares = |part: fn(&Failure) -> bool| expected.is_none_or(part);
    Failure {
        kind: error.kind().word().to_owned(),
        class: error.kind().class_name().to_owned(),
        code: error.code(),
        message: compares(|it| it.message.is_some()).then(|| error.message().to_owned()),
        error_code: error.error_code().to_owned(),
        operation: error.operation().map(str::to_owned),
        attempts: error.attempts(),
        outcome: error.outcome().as_str().to_owned(),
        safe_to_retry: error.safe_to_retry(),
        retry_after: error.retry_after().map(|it| it.as_secs_f64()),
        request_id: error
            .request_id()
            .filter(|_| compares(|it| it.request_id.is_some()))
            .map(str::to_owned),
    }
}

/// The client's models in the words of the vectors.
pub(crate) mod from_client {
    use verigator_tests::vector::{self, Expected};

    pub(crate) fn service(it: &verigator::Service) -> Expected {
        Expected::Service(vector::Service {
            id: it.id.clone(),
            creation_time: it.creation_time.clone(),
            name: it.name.clone(),
        })
    }

    pub(crate) fn user(it: &verigator::User) -> vector::User {
        vector::User {
            id: it.id.clone(),
            creation_time: it.creation_time.clone(),
            username: it.username.clone(),
        }
    }

    pub(crate) fn users(users: &[verigator::User]) -> Expected {
        Expected::Users(users.iter().map(user).collect())
    }

    pub(crate) fn verification(it: &verigator::Verification) -> Expected {
        Expected::Verification(vector::Verification {
            verified: it.verified,
            method: it.method.as_ref().map(|it| it.as_str().to_owned()),
            status: it.status.as_ref().map(|it| vector::VerificationStatus {
                throttled: it.throttled,
                expired: it.expired,
                invalid: it.invalid,
                result: it.result.clone(),
            }),
        })
    }

    pub(crate) fn enrolment(it: &verigator::Enrolment) -> Expected {
        Expected::Enrolment(vector::Enrolment {
            uri: it.uri.clone(),
            secret: it.secret.clone(),
            qr: it.qr.clone(),
        })
    }
}
