//! The seam between one attempt and the network: sends one HTTP request, gives back head and body.
//!
//! Invariants: a transport follows no redirect, decodes no content, repeats nothing; a body that ends before the length or the
//! terminator that its head announced yields an error, never a clean end.
//! Does not know: OpenAI, keys, time limits other than its own for connecting.

use std::error::Error;
use std::io;
use std::pin::Pin;

use bytes::Bytes;
use futures_util::Stream;

use crate::streamed_body::StreamedBody;

/// The body of an answer: chunks as they came from the network.
pub type TransportBody = Pin<Box<dyn Stream<Item = Result<Bytes, TransportError>> + Send>>;

/// One request under way.
pub type TransportFuture =
    Pin<Box<dyn Future<Output = Result<http::Response<TransportBody>, TransportError>> + Send>>;

/// Sends one HTTP request. [`HyperTransport`](crate::HyperTransport) and
/// [`ReqwestTransport`](crate::ReqwestTransport) are the real ones; tests script their own.
pub trait Transport: Send + Sync + 'static {
    /// Sends `request`, whose URI is absolute, and resolves when the head of the answer is complete.
    ///
    /// Dropping the future or the body ends the exchange.
    /// Errors: those of [`TransportErrorKind`]; a status of any kind is not an error.
    fn send(&self, request: http::Request<Bytes>) -> TransportFuture;

    /// The same for a body that still comes in. It is not read faster than the upstream takes it.
    ///
    /// Errors: [`TransportErrorKind::Unsendable`] where a transport can't.
    fn send_streamed(&self, request: http::Request<StreamedBody>) -> TransportFuture {
        drop(request);
        let error = TransportError::new(TransportErrorKind::Unsendable);
        Box::pin(std::future::ready(Err(error)))
    }
}

/// Why a request got no answer, or a body no end.
#[derive(Debug, thiserror::Error)]
#[error("{kind}")]
pub struct TransportError {
    /// What went wrong.
    pub kind: TransportErrorKind,
    /// The error below; a transport strips URLs and header values from it.
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

/// What went wrong below HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TransportErrorKind {
    /// The request could not be written; nothing was sent.
    #[error("the request cannot be written")]
    Unsendable,
    /// No connection (name, TCP or TLS); nothing was sent.
    #[error("no connection could be made")]
    Connect,
    /// No connection in time; nothing was sent.
    #[error("no connection could be made in time")]
    ConnectTimeout,
    /// The connection broke after sending began, before the head of the answer was complete.
    #[error("the connection broke before an answer came")]
    Unanswered,
    /// The body broke off.
    #[error("the body broke off")]
    Cut,
    /// The bytes that came are not HTTP.
    #[error("the answer is not HTTP")]
    Malformed,
}

impl TransportError {
    /// An error without a source.
    pub fn new(kind: TransportErrorKind) -> Self {
        Self { kind, source: None }
    }

    /// An error of `kind` that came from `source`.
    pub fn with_source(
        kind: TransportErrorKind,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self {
            kind,
            source: Some(source.into()),
        }
    }
}

/// Whether the bytes of an answer were wrong, rather than too few.
pub(crate) fn is_garbage(error: &(dyn Error + 'static)) -> bool {
    chain(error).any(|error| {
        let http = error.downcast_ref::<hyper::Error>();
        let io = error.downcast_ref::<io::Error>().map(io::Error::kind);
        http.is_some_and(hyper::Error::is_parse)
            || matches!(
                io,
                Some(io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput)
            )
    })
}

/// An error and its sources, from the top down.
pub(crate) fn chain<'error>(
    error: &'error (dyn Error + 'static),
) -> impl Iterator<Item = &'error (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}
