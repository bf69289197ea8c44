//! The body of an answer: whole bytes, or the frames that a pump sends.
//!
//! Invariants: a stream that ends by [`Cut`] leaves the caller's body unterminated, so that half an answer never looks whole.
//! Does not know: what the bytes mean.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::mpsc;

/// Why a streamed body breaks off. The caller sees a broken connection; the reason is in the event before it and in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the answer was cut before its end")]
pub struct Cut;

/// A body on its way to the caller.
#[derive(Debug)]
pub enum Body {
    /// All of it; `None` once taken.
    Whole(Option<Bytes>),
    /// As it comes from the stream pump.
    Stream(mpsc::Receiver<Result<Bytes, Cut>>),
    /// A stream that broke off; what was said before has its chance to be sent.
    Broken,
}

impl Body {
    /// A body of known bytes.
    pub fn whole(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self::Whole(if bytes.is_empty() { None } else { Some(bytes) })
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let body = self.get_mut();
        match body {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Stream(receiver) => match std::task::ready!(receiver.poll_recv(context)) {
                None => Poll::Ready(None),
                Some(Ok(bytes)) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
                Some(Err(Cut)) => {
                    // An error makes hyper drop what it has not written yet; while the body waits, it writes.
                    *body = Self::Broken;
                    context.waker().wake_by_ref();
                    Poll::Pending
                }
            },
            Self::Broken => Poll::Ready(Some(Err(Cut))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Stream(_) | Self::Broken => SizeHint::default(),
        }
    }
}
