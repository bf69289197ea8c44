//! A canned upstream: answers every request at once with the same bytes, whole or as a stream of chunks.
//!
//! Invariants: no delay of its own unless asked; keep-alive; TCP_NODELAY; at most `REQUEST_BYTES_MAX` of a request are held.
//! Does not know: what was asked, beyond whether a stream is wanted.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Largest request body that is read; a larger one is answered 413.
const REQUEST_BYTES_MAX: usize = 1024 * 1024;

/// How the upstream answers.
#[derive(Clone, Debug)]
pub struct UpstreamOptions {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Bytes of a whole answer, about; the content is padded to reach it.
    pub answer_bytes: usize,
    /// Content chunks of a streamed answer.
    pub chunks: usize,
    /// Wait before each chunk of a stream.
    pub chunk_pause: Duration,
}

impl Default for UpstreamOptions {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            answer_bytes: 1000,
            chunks: 64,
            chunk_pause: Duration::ZERO,
        }
    }
}

/// A running upstream; it stops when dropped.
#[derive(Debug)]
pub struct CannedUpstream {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl CannedUpstream {
    /// Binds and answers in the background.
    ///
    /// Errors: the address cannot be bound.
    pub async fn start(options: UpstreamOptions) -> io::Result<Self> {
        let listener = TcpListener::bind(options.listen).await?;
        let address = listener.local_addr()?;
        let canned = Canned::new(&options);
        Ok(Self {
            address,
            task: tokio::spawn(accept(listener, canned)),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for as long as it runs.
    pub async fn serve(mut self) {
        let _ended = (&mut self.task).await;
    }
}

impl Drop for CannedUpstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, canned: Canned) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            connections.spawn(serve(stream, canned.clone()));
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(stream: TcpStream, canned: Canned) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let service = service_fn(move |request| {
        let canned = canned.clone();
        async move { Ok::<_, Infallible>(canned.answer(request).await) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    let _client_left = connection.await;
}

/// The bytes of all answers.
#[derive(Clone)]
struct Canned {
    whole: Bytes,
    chunk: Bytes,
    tail: Bytes,
    chunks: usize,
    chunk_pause: Duration,
}

impl Canned {
    fn new(options: &UpstreamOptions) -> Self {
        let head = r#"{"id":"chatcmpl-canned","object":"chat.completion","created":1700000000,"model":"gpt-4o-mini-2024-07-18","choices":[{"index":0,"message":{"role":"assistant","content":""#;
        let rest = r#"","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":110,"completion_tokens":150,"total_tokens":260,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}},"service_tier":"default"}"#;
        let padding = "It costs what it costs. "
            .chars()
            .cycle()
            .take(options.answer_bytes.saturating_sub(head.len() + rest.len()));
        let chunk = |choices: &str, usage: &str| {
            format!(
                "data: {{\"id\":\"chatcmpl-canned\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"gpt-4o-mini-2024-07-18\",\"choices\":[{choices}],\"usage\":{usage}}}\n\n"
            )
        };
        let content = chunk(
            r#"{"index":0,"delta":{"content":" word"},"finish_reason":null}"#,
            "null",
        );
        let stop = chunk(r#"{"index":0,"delta":{},"finish_reason":"stop"}"#, "null");
        let usage = chunk(
            "",
            r#"{"prompt_tokens":110,"completion_tokens":150,"total_tokens":260}"#,
        );
        Self {
            whole: format!("{head}{}{rest}", padding.collect::<String>()).into(),
            chunk: content.into(),
            tail: format!("{stop}{usage}data: [DONE]\n\n").into(),
            chunks: options.chunks,
            chunk_pause: options.chunk_pause,
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Play> {
        let Ok(body) = Limited::new(request.into_body(), REQUEST_BYTES_MAX)
            .collect()
            .await
        else {
            let mut refusal = Response::new(Play::whole(Bytes::new()));
            *refusal.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
            return refusal;
        };
        let body = body.to_bytes();
        let wants_stream = body.windows(13).any(|window| window == br#""stream":true"#);
        let (play, content_type) = if wants_stream {
            (
                Play::stream(self.clone()),
                "text/event-stream; charset=utf-8",
            )
        } else {
            (Play::whole(self.whole.clone()), "application/json")
        };
        let mut response = Response::new(play);
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        response
    }
}

/// A body that plays canned bytes.
struct Play {
    whole: Option<Bytes>,
    stream: Option<Canned>,
    pause: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl Play {
    fn whole(bytes: Bytes) -> Self {
        Self {
            whole: Some(bytes),
            stream: None,
            pause: None,
        }
    }

    fn stream(canned: Canned) -> Self {
        Self {
            whole: None,
            stream: Some(canned),
            pause: None,
        }
    }
}

impl Body for Play {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(bytes) = self.whole.take() {
            return Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))));
        }
        let Some(chunk_pause) = self.stream.as_ref().map(|canned| canned.chunk_pause) else {
            return Poll::Ready(None);
        };
        if !chunk_pause.is_zero() {
            let pause = self
                .pause
                .get_or_insert_with(|| Box::pin(tokio::time::sleep(chunk_pause)));
            std::task::ready!(pause.as_mut().poll(context));
            self.pause = None;
        }
        let Some(canned) = self.stream.as_mut() else {
            return Poll::Ready(None);
        };
        let bytes = if canned.chunks == 0 {
            self.stream.take().map(|canned| canned.tail)
        } else {
            canned.chunks -= 1;
            Some(canned.chunk.clone())
        };
        Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.whole.is_none() && self.stream.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.whole, &self.stream) {
            (Some(bytes), _) => SizeHint::with_exact(bytes.len() as u64),
            (None, None) => SizeHint::with_exact(0),
            (None, Some(_)) => SizeHint::default(),
        }
    }
}
