//! What a broken exchange says: what happened, and whether the request may have arrived.

use std::error::Error as StdError;
use std::io;

use http::StatusCode;
use tokio::time::error::Elapsed;

use crate::error::ErrorKind;
use crate::transport::exchange::Broken;

/// An exchange without a whole answer.
pub(crate) struct Failure {
    pub(crate) kind: ErrorKind,
    pub(crate) message: &'static str,
    /// Whether the request may have reached the server.
    pub(crate) may_have_arrived: bool,
    /// Whether another attempt can end differently. A refused certificate will be refused again.
    pub(crate) may_pass: bool,
    /// The status of an answer whose body was refused, else 0.
    pub(crate) code: u16,
    pub(crate) source: Option<Source>,
}

type Source = Box<dyn StdError + Send + Sync>;

impl Broken {
    pub(super) fn into_failure(self, status: StatusCode, may_have_arrived: bool) -> Failure {
        match self {
            Self::Transport(error) => Failure::broken(error, true, may_have_arrived),
            Self::TooLarge => Failure::too_large(status),
            Self::Late => Failure::late(may_have_arrived),
        }
    }
}

impl Failure {
    pub(super) fn broken(error: Source, connected: bool, may_have_arrived: bool) -> Self {
        let refused_certificate = matches!(
            cause::<rustls::Error>(&*error),
            Some(rustls::Error::InvalidCertificate(_))
        );
        let refused_stream = cause::<h2::Error>(&*error).is_some_and(was_not_processed);
        let timed_out = cause::<Elapsed>(&*error).is_some()
            || cause::<io::Error>(&*error).is_some_and(|it| it.kind() == io::ErrorKind::TimedOut);
        let (kind, message) = if refused_certificate {
            (
                ErrorKind::Connection,
                "the server's certificate was refused",
            )
        } else if timed_out {
            (
                ErrorKind::Timeout,
                "the server could not be reached in time",
            )
        } else if !connected {
            (ErrorKind::Connection, "the server could not be reached")
        } else {
            (
                ErrorKind::Connection,
                "the connection broke before the answer was complete",
            )
        };
        Self {
            kind,
            message,
            may_have_arrived: may_have_arrived && !refused_certificate && !refused_stream,
            may_pass: !refused_certificate,
            code: 0,
            source: Some(error),
        }
    }

    pub(super) fn late(may_have_arrived: bool) -> Self {
        Self {
            kind: ErrorKind::Timeout,
            message: "the server did not answer in time",
            may_have_arrived,
            may_pass: true,
            code: 0,
            source: None,
        }
    }

    fn too_large(status: StatusCode) -> Self {
        Self {
            kind: ErrorKind::InvalidResponse,
            message: "the answer is larger than 1 MiB",
            may_have_arrived: true,
            may_pass: false,
            code: status.as_u16(),
            source: None,
        }
    }
}

/// Whether an HTTP/2 server said that it did nothing with the request: it refused the stream, or is
/// about to stop and had not begun with it. RFC 9113, section 8.7.
fn was_not_processed(error: &h2::Error) -> bool {
    error.is_remote()
        && match error.reason() {
            Some(h2::Reason::REFUSED_STREAM) => error.is_reset(),
            Some(h2::Reason::NO_ERROR) => error.is_go_away(),
            _ => false,
        }
}

/// What is at the bottom of an error, when it is of this type. TLS errors arrive wrapped in I/O
/// errors, whose payload is not among their sources.
fn cause<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = match error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref)
        {
            Some(payload) => Some(payload as &(dyn StdError + 'static)),
            None => error.source(),
        };
    }
    None
}
