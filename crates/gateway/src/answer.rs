//! The body of an answer: whole bytes, or the pieces that a pump sends.
//!
//! Invariants: a stream is whole only if its pump said so by [`Piece::End`]; one that ends otherwise, by a cut or because its pump is gone,
//! leaves the caller's body unterminated, so that half an answer never looks whole. The caller's key is kept out of the logs until the
//! body is done.
//! Does not know: what the bytes mean.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use privacy::LiveSecret;
use tokio::sync::mpsc;

/// Why a streamed body breaks off. The caller sees a broken connection; the reason is in the event before it and in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the answer was cut before its end")]
pub struct Cut;

/// What a pump sends.
#[derive(Debug)]
pub(crate) enum Piece {
    /// Bytes for the caller.
    Data(Bytes),
    /// All was sent.
    End,
}

/// A body on its way to the caller.
#[derive(Debug)]
pub struct Body {
    content: Content,
    _live: Option<LiveSecret>,
}

#[derive(Debug)]
enum Content {
    /// All of it; `None` once taken.
    Whole(Option<Bytes>),
    /// As it comes from the stream pump.
    Stream(mpsc::Receiver<Piece>),
    /// A stream that came to its proper end.
    Ended,
    /// A stream that broke off; what was said before has its chance to be sent.
    Broken,
}

impl Body {
    /// A body of known bytes.
    pub fn whole(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let content = Content::Whole(if bytes.is_empty() { None } else { Some(bytes) });
        Self {
            content,
            _live: None,
        }
    }

    /// A body that a pump sends.
    pub(crate) fn stream(pieces: mpsc::Receiver<Piece>) -> Self {
        Self {
            content: Content::Stream(pieces),
            _live: None,
        }
    }

    /// Keeps a secret out of the logs until the body is done.
    pub(crate) fn hold(&mut self, live: Option<LiveSecret>) {
        self._live = live;
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let content = &mut self.get_mut().content;
        match content {
            Content::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Content::Stream(pieces) => match std::task::ready!(pieces.poll_recv(context)) {
                Some(Piece::Data(bytes)) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
                Some(Piece::End) => {
                    *content = Content::Ended;
                    Poll::Ready(None)
                }
                None => {
                    // An error makes hyper drop what it has not written yet; while the body waits, it writes.
                    *content = Content::Broken;
                    context.waker().wake_by_ref();
                    Poll::Pending
                }
            },
            Content::Ended => Poll::Ready(None),
            Content::Broken => Poll::Ready(Some(Err(Cut))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.content, Content::Whole(None) | Content::Ended)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Content::Ended => SizeHint::with_exact(0),
            Content::Stream(_) | Content::Broken => SizeHint::default(),
        }
    }
}
