//! Records traffic: a proxy on loopback between a client and an upstream, that passes on all and writes it down.
//!
//! Invariants: bytes pass as they come, in both directions; a client that leaves takes its call to the upstream with it;
//! what is written down has no request headers, so no key; at most [`EXCHANGES_MAX`] exchanges are recorded, and calls
//! beyond that are refused, since a recording with a hole in it would not tell.
//! Does not know: what is private in a body; see [`Cassette::scrub`].

mod tape;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, EXPECT, HOST, TE, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Either, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::cassette::{Cassette, Ending, request_of};
use crate::data::BODY_BYTES_MAX;
pub use tape::EXCHANGES_MAX;
use tape::{Tape, Taped, Track};

/// Connections served at once.
const CONNECTIONS_MAX: usize = 1024;
const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);
/// How long one answer may take, to its end.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(600);
/// Shorter than servers keep a connection that nobody uses, so that no call meets one that is being closed.
const IDLE_TIME_MAX: Duration = Duration::from_secs(2);

/// What the base URL of a recorder ends in, whatever the upstream's does.
const PREFIX: &str = "/v1";

/// Headers that belong to one connection, or that each side writes itself. Without the encoding answers come as text.
const NOT_PASSED_ON: [HeaderName; 8] = [
    ACCEPT_ENCODING,
    CONNECTION,
    CONTENT_LENGTH,
    EXPECT,
    HOST,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// A running recorder. Dropping it ends it at once, and what it recorded is gone.
pub struct Recorder {
    address: SocketAddr,
    tape: Arc<Tape>,
    serving: JoinHandle<()>,
}

struct Proxy {
    /// Without a slash at its end.
    upstream: String,
    client: reqwest::Client,
    tape: Arc<Tape>,
}

type ProxyBody = Either<Full<Bytes>, Taped>;

impl Recorder {
    /// Listens on a free port of loopback and passes calls on to `upstream_base_url`, as in
    /// `https://api.openai.com/v1`. Needs a tokio runtime with I/O and time.
    ///
    /// Errors: no port is free, or TLS can't be set up.
    pub async fn start(upstream_base_url: &str) -> io::Result<Self> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIME_MAX)
            .timeout(ANSWER_TIME_MAX)
            .pool_idle_timeout(IDLE_TIME_MAX)
            .tcp_nodelay(true)
            .build()
            .map_err(io::Error::other)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let tape = Arc::new(Tape::default());
        let proxy = Arc::new(Proxy {
            upstream: upstream_base_url.trim_end_matches('/').to_owned(),
            client,
            tape: tape.clone(),
        });
        let serving = tokio::spawn(serve(listener, proxy));
        Ok(Self {
            address,
            tape,
            serving,
        })
    }

    /// What a client takes as its base URL instead of the upstream's.
    pub fn base_url(&self) -> String {
        format!("http://{}{PREFIX}", self.address)
    }

    /// Ends all connections and gives what was recorded, with all that is private still in it.
    ///
    /// The name of the upstream is left empty; the day is the one of the first answer that told it.
    pub async fn finish(mut self) -> Cassette {
        self.serving.abort();
        // The task was ended from here; there is nothing in its result.
        let _ = (&mut self.serving).await;
        self.tape.ended().await;
        self.tape.cassette()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, proxy: Arc<Proxy>) {
    let mut connections = JoinSet::new();
    loop {
        let open = connections.len() < CONNECTIONS_MAX;
        tokio::select! {
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if open => match accepted {
                Ok((stream, _)) => drop(connections.spawn(connection(stream, proxy.clone()))),
                // The client's fault or the machine's: both pass.
                Err(_) => tokio::task::yield_now().await,
            }
        }
    }
}

async fn connection(stream: TcpStream, proxy: Arc<Proxy>) {
    // Without it small chunks would wait for each other; if it fails they do.
    let _ = stream.set_nodelay(true);
    // An error is a client that left or an answer that was cut.
    let _ = http1::Builder::new()
        .serve_connection(
            TokioIo::new(stream),
            service_fn(|request| proxy.pass(request)),
        )
        .await;
}

impl Proxy {
    /// Errors: no answer came, which the client is to see as it would without the proxy: the connection ends.
    async fn pass(&self, request: Request<Incoming>) -> io::Result<Response<ProxyBody>> {
        let target = request.uri().path_and_query();
        let Some(path) = target
            .and_then(|target| target.as_str().strip_prefix(PREFIX))
            .filter(|path| path.starts_with('/'))
            .map(str::to_owned)
        else {
            return Ok(refusal(StatusCode::NOT_FOUND, "paths begin with /v1/"));
        };
        let (head, body) = request.into_parts();
        let Ok(body) = Limited::new(body, BODY_BYTES_MAX).collect().await else {
            return Ok(refusal(
                StatusCode::PAYLOAD_TOO_LARGE,
                "the body is too large",
            ));
        };
        let body = body.to_bytes();
        let Some(mut track) =
            Track::begin(&self.tape, head.method.as_str(), &path, request_of(&body))
        else {
            return Ok(refusal(
                StatusCode::INSUFFICIENT_STORAGE,
                "the cassette is full",
            ));
        };
        let url = format!("{}{path}", self.upstream);
        let call = self.client.request(head.method, url);
        match call
            .headers(passed_on(head.headers))
            .body(body)
            .send()
            .await
        {
            Ok(answer) => {
                let (mut head, body) = Response::<reqwest::Body>::from(answer).into_parts();
                track.answered(head.status, &head.headers);
                head.headers = passed_on(head.headers);
                // The client has a connection of its own, whatever the upstream speaks.
                let mut response = Response::new(Either::Right(Taped::new(body, track)));
                *response.status_mut() = head.status;
                *response.headers_mut() = head.headers;
                Ok(response)
            }
            Err(error) => {
                track.ended(if error.is_timeout() {
                    Ending::Timeout
                } else {
                    Ending::Cut
                });
                Err(io::Error::from(io::ErrorKind::ConnectionAborted))
            }
        }
    }
}

fn passed_on(mut headers: HeaderMap) -> HeaderMap {
    for name in NOT_PASSED_ON {
        headers.remove(name);
    }
    headers
}

/// What the recorder itself answers, which is not recorded.
fn refusal(status: StatusCode, why: &'static str) -> Response<ProxyBody> {
    let mut response = Response::new(Either::Left(Full::from(format!("recorder: {why}\n"))));
    *response.status_mut() = status;
    response
}
