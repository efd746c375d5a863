//! What goes wrong beneath the SQLite store. No text here repeats a stored value.

use thiserror::Error;

use crate::{engine::keys::OpenError, random::RandomError, store::StoreError};

/// Why a step failed.
#[derive(Debug, Error)]
pub(super) enum Failure {
    #[error("SQLite: {0}")]
    Sql(#[from] rusqlite::Error),
    #[error(transparent)]
    Sealed(#[from] OpenError),
    #[error("a stored value of {0} is not one")]
    Row(&'static str),
    #[error(transparent)]
    Random(#[from] RandomError),
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
