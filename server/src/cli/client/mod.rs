//! `verigator services …`, `users …`, `auth …` and `totp …`: the client of the API from a shell.
//!
//! Knows arguments, printing and exit statuses. What the environment says, what is sent and what is
//! sent again is the client's own business.

mod actions;
mod answer;

use std::{io::Write, process::ExitCode};

use clap::{Args, Subcommand};
use thiserror::Error;
use verigator::{ErrorKind, blocking::Api};

pub(super) use self::actions::{Auth, Services, Totp, Users};
use self::answer::{Answer, plain};
use super::{BAD_CONFIGURATION, FAILED};

/// The answer is no: not verified, or not confirmed.
const NO: u8 = 1;

/// What all of these commands share, for their help.
const HELP: &str = "\
Environment:
  VERIGATOR_ENDPOINT     Where the server is, such as https://verigator.example.com
  VERIGATOR_USERNAME     The account's name
  VERIGATOR_PASSWORD     Its password
  VERIGATOR_CA_BUNDLE    A PEM file with certificates to trust beside the system's own
  VERIGATOR_TIMEOUT      Seconds that an attempt may take [default: 30]
  VERIGATOR_MAX_RETRIES  How often a failed request may be sent again [default: 2]

Exit status:
  0  Done; the PIN or the code is right
  1  The PIN or the code is not right
  2  The arguments or the environment can't be used
  3  The server refused or failed, or can't be reached; standard error says why, and
     what the server may have done";

#[derive(Args)]
#[command(after_help = HELP)]
pub(super) struct Options<A: Subcommand> {
    #[command(subcommand)]
    pub(super) action: A,

    /// Print the answer as one line of JSON
    #[arg(long, global = true)]
    pub(super) json: bool,
}

/// Why there is no answer.
#[derive(Debug, Error)]
pub(super) enum Error {
    #[error(transparent)]
    Call(#[from] verigator::Error),
    #[error("cannot read standard input: {0}")]
    Input(std::io::Error),
    #[error("there is nothing on standard input")]
    NoInput,
    #[error("cannot write to standard output: {0}")]
    Output(std::io::Error),
}

/// Asks the server that the environment names, and prints what it says.
pub(super) fn run(json: bool, ask: impl FnOnce(&Api) -> Result<Answer, Error>) -> ExitCode {
    match Api::from_env()
        .map_err(Error::Call)
        .and_then(|api| print(&ask(&api)?, json))
    {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(NO),
        Err(error) => refuse(&error),
    }
}

/// Whether the answer is yes.
fn print(answer: &Answer, json: bool) -> Result<bool, Error> {
    let is_yes = answer.is_yes();
    let mut text = if json {
        serde_json::to_string(answer).map_err(|error| Error::Output(error.into()))?
    } else {
        answer.to_string()
    };
    if !text.is_empty() {
        text.push('\n');
    }
    let mut out = std::io::stdout();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(Error::Output)?;
    Ok(is_yes)
}

fn refuse(error: &Error) -> ExitCode {
    let status = match error {
        Error::Call(error) if was_sent(error) => FAILED,
        _ => BAD_CONFIGURATION,
    };
    let _ = writeln!(std::io::stderr(), "verigator: {}", line(error));
    ExitCode::from(status)
}

/// Whether it is not the arguments' or the environment's fault.
fn was_sent(error: &verigator::Error) -> bool {
    !matches!(
        error.kind(),
        ErrorKind::InvalidArgument | ErrorKind::Configuration
    )
}

/// What is at the bottom of a connection that failed.
fn reason(error: &verigator::Error) -> Option<String> {
    if !matches!(error.kind(), ErrorKind::Connection | ErrorKind::Timeout) {
        return None;
    }
    let first: Option<&dyn std::error::Error> = std::error::Error::source(error);
    let last = std::iter::successors(first, |it| it.source()).last();
    last.map(ToString::to_string)
}

/// One line, whatever the server wrote.
fn line(error: &Error) -> String {
    let mut message = error.to_string();
    if let Error::Call(error) = error
        && let Some(reason) = reason(error)
    {
        message = format!("{message}: {reason}");
    }
    let words: Vec<&str> = message.split_whitespace().collect();
    let message = plain(&words.join(" ")).to_string();
    match error {
        Error::Call(error) if was_sent(error) => {
            let mut known = vec![format!("outcome: {}", error.outcome().as_str())];
            let wait = error.retry_after();
            known.extend(wait.map(|it| format!("try again in {} s", it.as_secs_f64().ceil())));
            known.extend(
                error
                    .request_id()
                    .map(|it| format!("request {}", plain(it))),
            );
            format!("{message} ({})", known.join("; "))
        }
        _ => message,
    }
}
