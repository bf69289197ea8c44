//! The real transport: reqwest over rustls, HTTP/1.1 and HTTP/2, with everything that acts on its own switched off.
//!
//! Invariants: no redirect is followed (a key would go elsewhere), no proxy is taken from the environment, nothing is decompressed
//! or sent twice; errors carry no URL.
//! Does not know: OpenAI, keys, time limits other than the one for connecting.

use std::error::Error;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryFutureExt};

use crate::transport::{
    Transport, TransportBody, TransportError, TransportErrorKind, TransportFuture,
};

/// The most idle connections kept for one upstream; HTTP/2 needs one, HTTP/1.1 one for each call that was ever under way at once.
pub const IDLE_CONNECTIONS_MAX: usize = 512;

/// How often a quiet HTTP/2 connection with calls on it is asked whether it lives, and how long it may think about it. Without
/// this, a path that drops packets silently takes every call of the shared connection down to its own time limit.
const PING_INTERVAL: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// How connections are made and kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReqwestOptions {
    /// The most time for name, TCP and TLS together.
    pub connect: Duration,
    /// How long an unused connection is kept. Shorter than upstreams keep theirs: a call sent into a connection that is just being
    /// closed fails without a proof that it did not run.
    pub pool_idle: Duration,
}

impl Default for ReqwestOptions {
    /// 5 s to connect, as OpenAI's own clients have it; 30 s idle, which is below common servers' 60 s.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            pool_idle: Duration::from_secs(30),
        }
    }
}

/// A pooled HTTP client. A clone shares the pool.
#[derive(Debug, Clone)]
pub struct ReqwestTransport {
    client: reqwest::Client,
}

impl ReqwestTransport {
    /// Makes the client; connects nowhere yet.
    ///
    /// Errors: [`TransportErrorKind::Unsendable`] where TLS can't be set up, such as a host without root certificates.
    pub fn new(options: ReqwestOptions) -> Result<Self, TransportError> {
        let client = reqwest::Client::builder()
            .retry(reqwest::retry::never())
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .tcp_nodelay(true)
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

/// Whether the bytes were wrong, rather than too few.
fn is_garbage(error: &reqwest::Error) -> bool {
    let mut below = error.source();
    while let Some(error) = below {
        if error
            .downcast_ref::<hyper::Error>()
            .is_some_and(hyper::Error::is_parse)
        {
            return true;
        }
        let io = error.downcast_ref::<io::Error>().map(io::Error::kind);
        if matches!(
            io,
            Some(io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput)
        ) {
            return true;
        }
        below = error.source();
    }
    false
}

fn strip(kind: TransportErrorKind, error: reqwest::Error) -> TransportError {
    TransportError::with_source(kind, error.without_url())
}
