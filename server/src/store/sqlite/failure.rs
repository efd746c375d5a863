//! What goes wrong beneath the SQLite store. No text here repeats a stored value.

use thiserror::Error;

use crate::store::StoreError;

/// Why a step failed.
#[derive(Debug, Error)]
pub(super) enum Failure {
    #[error("SQLite: {0}")]
    Sql(#[from] rusqlite::Error),
    #[error("not committed: {0}")]
    NotCommitted(String),
    #[error("the database's thread has ended")]
    Ended,
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        Self::Unavailable(Box::new(failure))
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Failure::Sql(error).into()
    }
}
