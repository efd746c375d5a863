//! What the server said, as text for people and as JSON with the names of the wire.

use std::fmt;

use serde::Serialize;
use verigator::{Enrolment, Method, Service, User, Verification};

#[derive(Serialize)]
#[serde(untagged)]
pub(in crate::cli) enum Answer {
    Service(Service),
    User(User),
    Users(Vec<User>),
    Started {
        method: Method,
    },
    Verification(Verification),
    Enrolment(Enrolment),
    Confirmed {
        confirmed: bool,
    },
    /// An empty object, as on the wire.
    Done {},
}

impl Answer {
    pub(super) const DONE: Self = Self::Done {};

    /// Whether a question that it answers is answered with yes.
    pub(super) fn is_yes(&self) -> bool {
        match self {
            Self::Verification(verification) => verification.verified,
            Self::Confirmed { confirmed } => *confirmed,
            _ => true,
        }
    }
}

impl fmt::Display for Answer {
    /// Without a line's end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(it) => fields(
                f,
                &[
                    ("id", &it.id),
                    ("created", &it.creation_time),
                    ("name", &it.name),
                ],
            ),
            Self::User(it) => fields(
                f,
                &[
                    ("id", &it.id),
                    ("created", &it.creation_time),
                    ("username", &it.username),
                ],
            ),
            Self::Users(users) => {
                for (n, it) in users.iter().enumerate() {
                    let end = if n == 0 { "" } else { "\n" };
                    let (id, created) = (plain(&it.id), plain(&it.creation_time));
                    write!(f, "{end}{id}  {created}  {}", plain(&it.username))?;
                }
                Ok(())
            }
            Self::Started { method } => plain(method.as_str()).fmt(f),
            Self::Verification(it) if it.verified => f.write_str("verified"),
            Self::Verification(it) => {
                f.write_str("not verified")?;
                match &it.status {
                    Some(status) => write!(f, ": {}", plain(&status.result)),
                    None => Ok(()),
                }
            }
            Self::Enrolment(it) => fields(f, &[("uri", &it.uri), ("secret", &it.secret)]),
            Self::Confirmed { confirmed: true } => f.write_str("confirmed"),
            Self::Confirmed { confirmed: false } => f.write_str("not confirmed"),
            Self::Done {} => f.write_str("done"),
        }
    }
}

fn fields(f: &mut fmt::Formatter<'_>, fields: &[(&str, &String)]) -> fmt::Result {
    let width = fields.iter().map(|(name, _)| name.len()).max();
    let width = width.unwrap_or_default();
    for (n, (name, value)) in fields.iter().enumerate() {
        let end = if n == 0 { "" } else { "\n" };
        write!(f, "{end}{name:width$}  {}", plain(value))?;
    }
    Ok(())
}

/// A text of the server's, with what would move a terminal's cursor or begin a line written out.
pub(super) fn plain(text: &str) -> impl fmt::Display {
    fmt::from_fn(move |f| {
        text.chars().try_for_each(|c| {
            if c.is_control() {
                write!(f, "{}", c.escape_default())
            } else {
                fmt::Write::write_char(f, c)
            }
        })
    })
}
