//! The convenient transport: reqwest over rustls, HTTP/1.1 and HTTP/2, with everything that acts on its own switched off.
//!
//! Invariants: no redirect is followed (a key would go elsewhere), no proxy is taken from the environment, nothing is decompressed
//! or sent twice; errors carry no URL.
//! Does not know: OpenAI, keys, time limits other than the one for connecting.

use bytes::Bytes;
use futures_util::{StreamExt, TryFutureExt};

use crate::streamed_body::StreamedBody;
use crate::transport::{
    Transport, TransportBody, TransportError, TransportErrorKind, TransportFuture, is_garbage,
};
use crate::transport_options::{
    IDLE_CONNECTIONS_MAX, PING_INTERVAL, PING_TIMEOUT, PROBE_INTERVAL, PROBES_MAX, TransportOptions,
};

/// The options under their former name.
pub type ReqwestOptions = TransportOptions;

/// A pooled HTTP client. A clone shares the pool.
#[derive(Debug, Clone)]
pub struct ReqwestTransport {
    client: reqwest::Client,
}

impl ReqwestTransport {
    /// Makes the client; connects nowhere yet.
    ///
    /// Errors: [`TransportErrorKind::Unsendable`] where TLS can't be set up, such as a host without root certificates.
    pub fn new(options: TransportOptions) -> Result<Self, TransportError> {
        let builder = reqwest::Client::builder();
        #[cfg(any(target_os = "linux", target_os = "android", target_os = "fuchsia"))]
        let builder = builder.tcp_user_timeout(crate::transport_options::UNACKNOWLEDGED_MAX);
        let client = builder
            .retry(reqwest::retry::never())
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .tcp_nodelay(true)
            .tcp_keepalive(PROBE_INTERVAL)
            .tcp_keepalive_interval(PROBE_INTERVAL)
            .tcp_keepalive_retries(PROBES_MAX)
            .connect_timeout(options.connect)
            .pool_idle_timeout(options.pool_idle)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .http2_keep_alive_interval(PING_INTERVAL)
            .http2_keep_alive_timeout(PING_TIMEOUT)
            .build()
            .map_err(|error| strip(TransportErrorKind::Unsendable, error))?;
        Ok(Self { client })
    }
}

impl Transport for ReqwestTransport {
    fn send(&self, request: http::Request<Bytes>) -> TransportFuture {
        match reqwest::Request::try_from(request) {
            Ok(request) => Box::pin(
                self.client
                    .execute(request)
                    .map_ok(answer)
                    .map_err(unanswered),
            ),
            Err(error) => Box::pin(std::future::ready(Err(strip(
                TransportErrorKind::Unsendable,
                error,
            )))),
        }
    }

    fn send_streamed(&self, request: http::Request<StreamedBody>) -> TransportFuture {
        match reqwest::Request::try_from(request.map(reqwest::Body::wrap)) {
            Ok(request) => {
                let sending = self.client.execute(request);
                Box::pin(sending.map_ok(answer).map_err(unanswered))
            }
            Err(error) => {
                let error = strip(TransportErrorKind::Unsendable, error);
                Box::pin(std::future::ready(Err(error)))
            }
        }
    }
}

fn answer(mut answer: reqwest::Response) -> http::Response<TransportBody> {
    let status = answer.status();
    let headers = std::mem::take(answer.headers_mut());
    let chunks = answer.bytes_stream().map(|chunk| chunk.map_err(cut));
    let mut response = http::Response::new(Box::pin(chunks) as TransportBody);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// What an error before the head of the answer means. Only a failed connect proves that nothing was sent.
fn unanswered(error: reqwest::Error) -> TransportError {
    let kind = if error.is_connect() {
        if error.is_timeout() {
            TransportErrorKind::ConnectTimeout
        } else {
            TransportErrorKind::Connect
        }
    } else if error.is_builder() {
        TransportErrorKind::Unsendable
    } else if is_garbage(&error) {
        TransportErrorKind::Malformed
    } else {
        TransportErrorKind::Unanswered
    };
    strip(kind, error)
}

fn cut(error: reqwest::Error) -> TransportError {
    strip(
        if is_garbage(&error) {
            TransportErrorKind::Malformed
        } else {
            TransportErrorKind::Cut
        },
        error,
    )
}

fn strip(kind: TransportErrorKind, error: reqwest::Error) -> TransportError {
    TransportError::with_source(kind, error.without_url())
}
