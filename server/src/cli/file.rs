//! `--config FILE`: options from a file, as if they were given on the command line.
//!
//! An option that is given there or in the environment is left out of the file, so both win.

use std::ffi::OsString;

use thiserror::Error;
use toml::{Table, Value};

const OPTION: &str = "--config";
const VARIABLE: &str = "VERIGATOR_CONFIG";

/// Why the file is not taken.
#[derive(Debug, Error)]
pub(super) enum Error {
    #[error("cannot read {0}: {1}")]
    Read(String, std::io::Error),
    #[error("{0}: {1}")]
    Form(String, String),
    #[error("a value is required for '--config <FILE>'")]
    NoFile,
}

/// Which of its options a command takes from the file: one file serves them all, so what is meant
/// for another is no mistake. The client's commands take none.
fn takes(command: &[String]) -> Option<fn(&str) -> bool> {
    let mut words = command.iter().filter(|it| !it.starts_with('-'));
    let mut word = || words.next().map(String::as_str);
    match (word(), word()) {
        (Some("serve"), _) => Some(|_| true),
        (Some("account" | "migrate"), _) | (Some("users"), Some("unlock")) => {
            Some(|key| matches!(key, "store" | "key-file"))
        }
        (Some("sandbox"), _) => Some(|key| matches!(key, "listen" | "quiet")),
        _ => None,
    }
}

/// The arguments with those of the file behind them, and without `--config` itself.
pub(super) fn expand(arguments: Vec<OsString>) -> Result<Vec<OsString>, Error> {
    let mut rest = arguments.clone();
    let place = (rest.iter()).position(|it| it.to_string_lossy().split('=').next() == Some(OPTION));
    let path = match place {
        Some(place) => {
            let argument = rest.remove(place).to_string_lossy().into_owned();
            match argument.split_once('=') {
                Some((_, path)) => Some(path.to_owned()),
                None if place < rest.len() => {
                    Some(rest.remove(place).to_string_lossy().into_owned())
                }
                None => return Err(Error::NoFile),
            }
        }
        None => std::env::var(VARIABLE).ok(),
    };
    let given: Vec<String> = (rest.iter())
        .map(|it| it.to_string_lossy().into_owned())
        .collect();
    let takes = takes(given.get(1..).unwrap_or_default());
    let (Some(path), Some(takes)) = (path, takes) else {
        // A file that nobody reads is refused with all other options that are none.
        return Ok(arguments);
    };
    let mut arguments = rest;
    let text = std::fs::read_to_string(&path).map_err(|error| Error::Read(path.clone(), error))?;
    // Only the first line says what is wrong; the rest shows what is there, which may be secret.
    let first = |error: toml::de::Error| {
        error
            .message()
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    let table: Table = text
        .parse()
        .map_err(|error| Error::Form(path.clone(), first(error)))?;
    for (key, value) in table {
        if !takes(&key) {
            continue;
        }
        let option = format!("--{key}");
        let variable = match key.as_str() {
            "log" => "VERIGATOR_LOG_FORMAT".to_owned(),
            key => format!("VERIGATOR_{}", key.replace('-', "_").to_uppercase()),
        };
        let is_given = given
            .iter()
            .any(|it| it.split('=').next() == Some(option.as_str()));
        if is_given || std::env::var_os(variable).is_some() {
            continue;
        }
        let values = match value {
            Value::Array(values) => values,
            value => vec![value],
        };
        for value in values {
            match value {
                Value::Boolean(true) => arguments.push(option.clone().into()),
                Value::Boolean(false) => {}
                Value::String(text) => arguments.push(format!("{option}={text}").into()),
                Value::Integer(number) => arguments.push(format!("{option}={number}").into()),
                _ => {
                    let wrong = format!("{key} is neither a text, a number, a boolean nor a list");
                    return Err(Error::Form(path, wrong));
                }
            }
        }
    }
    Ok(arguments)
}
