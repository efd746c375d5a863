//! What a login by phone asks of Verigator, and what to tell the person of what came of it.
//!
//! Knows no pages and no sessions.

use std::time::Duration;

use uuid::Uuid;
use verigator::{Api, Error, ErrorKind, Method, Outcome};

/// What came of a step, for the page.
pub(crate) struct Step {
    /// Whether the person goes on to the next one.
    pub(crate) done: bool,
    pub(crate) message: String,
}

impl Step {
    fn done(message: impl Into<String>) -> Self {
        Self {
            done: true,
            message: message.into(),
        }
    }

    fn stays(message: impl Into<String>) -> Self {
        Self {
            done: false,
            message: message.into(),
        }
    }
}

// --8<-- [start:sign-up]
/// Makes a user, whose id is to be kept with the account; or says why not.
pub(crate) async fn sign_up(api: &Api, service: &str, number: &str) -> Result<String, String> {
    // A name that is new each time: if it isn't known what came of it, a second try harms nobody.
    let name = Uuid::new_v4().to_string();
    match api.users.create(service, number, &name).await {
        Ok(user) => Ok(user.id),
        Err(error) if error.kind() == ErrorKind::InvalidData => {
            Err("This is no phone number. Begin with + and your country's prefix.".to_owned())
        }
        Err(_) => Err("We could not sign you up. Please try again.".to_owned()),
    }
}
// --8<-- [end:sign-up]

// --8<-- [start:send]
/// Sends a PIN. Done also means: perhaps it was sent.
pub(crate) async fn send_pin(api: &Api, service: &str, user: &str) -> Step {
    let Err(error) = api.auth.initiate(service, user, Method::Sms).await else {
        return Step::done("We have sent you a PIN.");
    };
    let wait = error
        .retry_after()
        .unwrap_or(Duration::from_secs(30))
        .as_secs();
    match error.kind() {
        ErrorKind::ResourceAlreadyExists => Step::done(format!(
            "We have just sent you a PIN. Another one can be had in {wait} s."
        )),
        ErrorKind::RateLimited => Step::stays(format!(
            "Too many PINs were sent. Please come back in {} minutes.",
            wait.div_ceil(60)
        )),
        _ if may_have_acted(&error) => {
            Step::done("If a PIN comes, type it here. If none does, ask for another.")
        }
        _ => Step::stays("No PIN was sent. Please try again."),
    }
}
// --8<-- [end:send]

// --8<-- [start:check]
/// Whether the PIN is right: then, and only then, the person is who they say.
pub(crate) async fn check_pin(api: &Api, service: &str, user: &str, pin: &str) -> Step {
    match api.auth.verify_detailed(service, user, pin).await {
        Ok(it) if it.verified => Step::done("Welcome."),
        Ok(it) if it.status.as_ref().is_some_and(|status| status.invalid) => {
            Step::stays("This PIN is wrong.")
        }
        // Throttled or expired: not even the right one is taken now.
        Ok(_) => Step::stays("This PIN is not valid any more. Please ask for a new one."),
        Err(error) => match error.kind() {
            ErrorKind::NoSuchResource => Step::stays("Please ask for a new PIN."),
            ErrorKind::RateLimited => Step::stays("Too many wrong PINs. Please ask us for help."),
            // It may be spent, or it may have cost a try.
            _ if may_have_acted(&error) => {
                Step::stays("We can't tell whether this PIN is right. Please ask for a new one.")
            }
            _ => Step::stays("This PIN was not checked. Please send it again."),
        },
    }
}
// --8<-- [end:check]

fn may_have_acted(error: &Error) -> bool {
    matches!(error.outcome(), Outcome::Unknown | Outcome::Accepted)
}
