//! What was done to a database's tables.

use std::fmt;

/// From which version of the tables to which. `Display` says so to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migrated {
    /// What was found; 0 in an empty database.
    pub from: i64,
    /// What there is now: the latest version that this program knows.
    pub to: i64,
}

impl fmt::Display for Migrated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self { from: 0, to } => write!(f, "the tables were made, version {to}"),
            Self { from, to } if from == to => write!(f, "the tables are up to date, version {to}"),
            Self { from, to } => write!(f, "the tables were brought from version {from} to {to}"),
        }
    }
}
