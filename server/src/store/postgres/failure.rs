//! What goes wrong beneath the PostgreSQL store. No text here repeats a stored value, and none the
//! password of the database.

use std::{error::Error as _, fmt::Write, io};

use deadpool_postgres::{HookError, PoolError};
use thiserror::Error;
use tokio_postgres::error::SqlState;

use crate::store::{Refusal, StoreError, sealed::SealedError};

/// Why a step failed.
#[derive(Debug, Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("PostgreSQL: {0}")]
    Sql(SqlFailure),
    #[error(transparent)]
    Sealed(#[from] SealedError),
    #[error("no connection to PostgreSQL: {0}")]
    NoConnection(SqlFailure),
    #[error("PostgreSQL did not answer in time")]
    TooLong,
    #[error("a connection was used after its end")]
    Ended,
}

/// What the database or the connection to it said.
#[derive(Debug, Error)]
#[error("{text}")]
pub(super) struct SqlFailure {
    /// None when it was not the database that said so.
    code: Option<SqlState>,
    text: String,
    /// See [`Failure::may_pass`].
    may_pass: bool,
}

impl Failure {
    /// What the database said, if it was the database.
    pub(super) fn code(&self) -> Option<&SqlState> {
        match self {
            Self::Sql(failure) => failure.code.as_ref(),
            _ => None,
        }
    }

    /// Whether a new connection is better than the one that this happened on.
    pub(super) fn spoils_connection(&self) -> bool {
        match self {
            Self::Sql(failure) => failure
                .code
                .as_ref()
                .is_none_or(|code| *code == SqlState::READ_ONLY_SQL_TRANSACTION),
            _ => false,
        }
    }

    /// Whether the database took the whole step back because of another that ran beside it, and
    /// perhaps has written first what may be there once.
    pub(super) fn is_conflict(&self) -> bool {
        let conflicts = [
            SqlState::UNIQUE_VIOLATION,
            SqlState::T_R_SERIALIZATION_FAILURE,
            SqlState::T_R_DEADLOCK_DETECTED,
        ];
        self.code().is_some_and(|code| conflicts.contains(code))
    }

    /// Whether the database is away, or has no room, as far as can be told: the same may go well
    /// later, and nothing is wrong with what it was asked.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Sql(failure) | Self::NoConnection(failure) => failure.may_pass,
            Self::TooLong => true,
            Self::Refused(_) | Self::Sealed(_) | Self::Ended => false,
        }
    }

    /// What the store says of it. `in_doubt`: something was asked for that is in force once it is
    /// done, and an answer to that has not come.
    pub(super) fn told(self, in_doubt: bool) -> StoreError {
        match self {
            Self::Refused(refusal) => StoreError::Refused(refusal),
            other if in_doubt => StoreError::Unknown(Box::new(other)),
            other => StoreError::Unavailable(Box::new(other)),
        }
    }
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        // Not the details, which show rows.
        let text = match error.as_db_error() {
            Some(said) => format!("{} ({})", said.message(), said.code().code()),
            None => chain(&error),
        };
        Self::Sql(SqlFailure {
            code: error.code().cloned(),
            text,
            may_pass: may_pass(&error),
        })
    }
}

impl From<PoolError> for Failure {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => {
                let failure = Self::from(error);
                match failure {
                    Self::Sql(said) => Self::NoConnection(said),
                    other => other,
                }
            }
            PoolError::Timeout(_) => Self::TooLong,
            other => Self::NoConnection(SqlFailure {
                code: None,
                text: other.to_string(),
                may_pass: false,
            }),
        }
    }
}

/// See [`Failure::may_pass`].
fn may_pass(error: &tokio_postgres::Error) -> bool {
    if let Some(code) = error.code() {
        // No connection, no room, and an operator's doing, such as a start or an end.
        return ["08", "53", "57"]
            .iter()
            .any(|class| code.code().starts_with(class));
    }
    let io = error.source().and_then(|it| it.downcast_ref::<io::Error>());
    // A certificate that is not taken comes as data that is not valid.
    error.is_closed() || io.is_some_and(|it| it.kind() != io::ErrorKind::InvalidData)
}

/// An error with what caused it, in one line.
fn chain(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Writing to a string does not fail.
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}
