//! The person with the phone: reads messages and an authenticator app.
//!
//! A sandbox shows its messages at `/sandbox/messages`. The app's codes are those of RFC 6238.

use std::env;

use jiff::{SignedDuration, Timestamp};
use verigator_server::engine::totp::TotpSecret;
use verigator_server::sandbox::SentMessage;

use crate::Result;

const STEP: SignedDuration = SignedDuration::from_secs(30);

pub(crate) struct Person {
    number: String,
    secret: Option<TotpSecret>,
}

impl Person {
    pub(crate) fn new(number: &str) -> Self {
        Self {
            number: number.to_owned(),
            secret: None,
        }
    }

    pub(crate) fn number(&self) -> &str {
        &self.number
    }

    pub(crate) fn reads_the_message(&self) -> Result<String> {
        let url = format!("{}/sandbox/messages", env::var("VERIGATOR_ENDPOINT")?);
        let mut answer = ureq::get(url).query("to", &self.number).call()?;
        let mut messages: Vec<SentMessage> =
            serde_json::from_reader(answer.body_mut().as_reader())?;
        let message = messages.pop().ok_or("no message came")?;
        println!("  to {}: {}", message.to, message.text);
        Ok(message.pin)
    }

    pub(crate) fn mistypes(code: &str) -> String {
        let wrong = if code.starts_with('9') { '0' } else { '9' };
        code.chars()
            .enumerate()
            .map(|(n, digit)| if n == 0 { wrong } else { digit })
            .collect()
    }

    pub(crate) fn scans(&mut self, secret: &str) -> Result {
        self.secret = Some(TotpSecret::from_base32(secret)?);
        Ok(())
    }

    pub(crate) fn reads_the_code(&self) -> Result<String> {
        self.code_at(now())
    }

    /// The server takes a code up to one step early, so that nobody has to wait.
    pub(crate) fn waits_for_the_next_code(&self) -> Result<String> {
        self.code_at(now() + STEP)
    }

    fn code_at(&self, time: Timestamp) -> Result<String> {
        let secret = self.secret.as_ref().ok_or("no code was scanned")?;
        Ok(secret.code_at(time))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a person has a clock of their own"
)]
fn now() -> Timestamp {
    Timestamp::now()
}
