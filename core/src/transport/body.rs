//! The body of a request, which notes when the connection takes it.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// Notes when the connection takes the body. That moment, not any error's kind, separates "the
/// server can't have seen it" from "it may have".
pub(super) struct WatchedBody {
    rest: Option<Bytes>,
    handed_over: Arc<AtomicBool>,
}

impl WatchedBody {
    pub(super) fn new(bytes: Option<Bytes>, handed_over: Arc<AtomicBool>) -> Self {
        Self {
            rest: bytes,
            handed_over,
        }
    }
}

impl Body for WatchedBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.handed_over.store(true, Ordering::Release);
        Poll::Ready(self.rest.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}
