//! The body of a request that goes out while it still comes in, such as an upload.
//!
//! Invariants: at most one piece is held; a source that fails breaks the request off, so that the upstream never takes a part for the
//! whole; an announced length is sent as it is.
//! Does not know: what the bytes are.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;

use crate::transport::TransportError;

/// Pieces of a body as they come; the end of the channel is the end of the body.
pub type Pieces = mpsc::Receiver<Result<Bytes, TransportError>>;

/// A body that is sent: whole, or piece by piece.
pub struct StreamedBody {
    state: State,
}

enum State {
    Whole(Option<Bytes>),
    Pieces { pieces: Pieces, left: Option<u64> },
}

impl StreamedBody {
    /// A body of `length` bytes, where that is known, that comes in pieces.
    pub fn new(pieces: Pieces, length: Option<u64>) -> Self {
        Self {
            state: State::Pieces {
                pieces,
                left: length,
            },
        }
    }

    pub(crate) fn whole(bytes: Bytes) -> Self {
        Self {
            state: State::Whole((!bytes.is_empty()).then_some(bytes)),
        }
    }
}

impl std::fmt::Debug for StreamedBody {
    /// Without the bytes: they hold what callers sent.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let hint = self.size_hint();
        formatter
            .debug_struct("StreamedBody")
            .field("bytes", &hint.exact())
            .finish_non_exhaustive()
    }
}

impl Body for StreamedBody {
    type Data = Bytes;
    type Error = TransportError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, TransportError>>> {
        match &mut self.state {
            State::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            State::Pieces { pieces, left } => {
                let piece = ready!(pieces.poll_recv(context));
                if let (Some(Ok(piece)), Some(left)) = (&piece, left) {
                    *left = left.saturating_sub(piece.len() as u64);
                }
                Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.state, State::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match &self.state {
            State::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64)
            }
            State::Pieces { left, .. } => left.map_or_else(SizeHint::default, SizeHint::with_exact),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    fn body(pieces: Vec<Result<Bytes, TransportError>>, length: Option<u64>) -> StreamedBody {
        let (sender, receiver) = mpsc::channel(8);
        for piece in pieces {
            sender.try_send(piece).unwrap();
        }
        StreamedBody::new(receiver, length)
    }

    #[tokio::test]
    async fn pieces_pass_in_order_and_the_length_is_told() {
        let pieces = ["ab", "", "c"].map(|piece| Ok(Bytes::from_static(piece.as_bytes())));
        let body = body(pieces.into(), Some(3));
        assert_eq!(body.size_hint().exact(), Some(3));
        assert_eq!(body.collect().await.unwrap().to_bytes(), "abc");
        assert!(StreamedBody::whole(Bytes::new()).is_end_stream());
        let whole = StreamedBody::whole(Bytes::from_static(b"abc"));
        assert_eq!(whole.size_hint().exact(), Some(3));
        assert_eq!(whole.collect().await.unwrap().to_bytes(), "abc");
    }

    #[tokio::test]
    async fn a_source_that_fails_is_no_end() {
        let cut = TransportError::new(crate::TransportErrorKind::Cut);
        let body = body(vec![Ok(Bytes::from_static(b"a")), Err(cut)], None);
        assert_eq!(body.size_hint().exact(), None);
        assert!(body.collect().await.is_err());
    }
}
