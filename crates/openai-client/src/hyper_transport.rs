//! The transport of the hot path: hyper's own client and pool over rustls, HTTP/1.1 and HTTP/2, and no layer above them.
//!
//! Invariants: nothing is followed, decompressed or sent twice, and no proxy is asked; a URI is never parsed again and a request
//! never copied; errors carry no URL.
//! Does not know: OpenAI, keys, time limits other than the one for connecting.

use std::error::Error;
use std::io;

use bytes::Bytes;
use futures_util::{TryFutureExt, TryStreamExt};
use http::uri::Scheme;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::connector::Connector;
use crate::streamed_body::StreamedBody;
use crate::transport::{
    Transport, TransportBody, TransportError, TransportErrorKind, TransportFuture, chain,
    is_garbage,
};
use crate::transport_options::{
    IDLE_CONNECTIONS_MAX, PING_INTERVAL, PING_TIMEOUT, TransportOptions,
};

/// A pooled HTTP client. A clone shares the pool.
#[derive(Debug, Clone)]
pub struct HyperTransport {
    client: Client<Connector, StreamedBody>,
}

impl HyperTransport {
    /// Makes the client; connects nowhere yet.
    ///
    /// Errors: [`TransportErrorKind::Unsendable`] where TLS can't be set up, such as a host without root certificates.
    pub fn new(options: TransportOptions) -> Result<Self, TransportError> {
        let connector = Connector::new(options.connect)
            .map_err(|error| TransportError::with_source(TransportErrorKind::Unsendable, error))?;
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .retry_canceled_requests(false)
            .pool_idle_timeout(options.pool_idle)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .http2_keep_alive_interval(PING_INTERVAL)
            .http2_keep_alive_timeout(PING_TIMEOUT)
            .build(connector);
        Ok(Self { client })
    }
}

impl Transport for HyperTransport {
    fn send(&self, request: http::Request<Bytes>) -> TransportFuture {
        self.send_streamed(request.map(StreamedBody::whole))
    }

    fn send_streamed(&self, request: http::Request<StreamedBody>) -> TransportFuture {
        let target = request.uri();
        let known =
            target.scheme() == Some(&Scheme::HTTP) || target.scheme() == Some(&Scheme::HTTPS);
        if !known || target.authority().is_none() {
            let error = TransportError::new(TransportErrorKind::Unsendable);
            return Box::pin(std::future::ready(Err(error)));
        }
        let sending = self.client.request(request);
        Box::pin(sending.map_ok(answer).map_err(unanswered))
    }
}

fn answer(answer: http::Response<Incoming>) -> http::Response<TransportBody> {
    answer.map(|body| Box::pin(body.into_data_stream().map_err(cut)) as TransportBody)
}

/// What an error before the head of the answer means. Only a failed connect proves that nothing was sent.
fn unanswered(error: legacy::Error) -> TransportError {
    let kind = if error.is_connect() {
        if is_late(&error) {
            TransportErrorKind::ConnectTimeout
        } else {
            TransportErrorKind::Connect
        }
    } else if is_garbage(&error) {
        TransportErrorKind::Malformed
    } else {
        TransportErrorKind::Unanswered
    };
    TransportError::with_source(kind, error)
}

fn cut(error: hyper::Error) -> TransportError {
    let kind = if is_garbage(&error) {
        TransportErrorKind::Malformed
    } else {
        TransportErrorKind::Cut
    };
    TransportError::with_source(kind, error)
}

/// Whether time ran out, by our clock or by the system's.
fn is_late(error: &(dyn Error + 'static)) -> bool {
    chain(error)
        .filter_map(|error| error.downcast_ref::<io::Error>())
        .any(|error| error.kind() == io::ErrorKind::TimedOut)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_names_no_web_server_is_not_sent() {
        let transport = HyperTransport::new(TransportOptions::default()).unwrap();
        for target in ["/v1/models", "127.0.0.1:9", "ftp://127.0.0.1:9/v1", "*"] {
            let mut request = http::Request::new(Bytes::new());
            *request.uri_mut() = target.parse().unwrap();
            let error = transport.send(request).await.err().unwrap();
            assert_eq!(error.kind, TransportErrorKind::Unsendable, "{target}");
        }
    }
}
