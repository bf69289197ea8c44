//! The typed client for Rust applications, on OpenAI, on a compatible server, or on keyward.
//!
//! Invariants: one method call is one attempt; every answer is bounded; no error shows the key, the URL or a prompt.
//! Does not know: budgets, retry rules, prices: the cost is what keyward says.
//! Source: OpenAI API, responses, chat completions, completions, embeddings, moderations, models.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use secrecy::SecretString;
use serde_json::{Map, Value};

pub use crate::client::chat::{Chat, ChatChoice, ChatRequest};
pub use crate::client::chat_stream::{ChatChunk, ChatChunkChoice, ChatStream};
pub use crate::client::clock::Clock;
pub use crate::client::completion::{Completion, CompletionRequest};
pub use crate::client::embeddings::{Embedding, EmbeddingRequest, Embeddings, Encoding};
pub use crate::client::error::{ApiError, ClientError};
pub use crate::client::models::{Model, Models};
pub use crate::client::moderation::Moderation;
pub use crate::client::response::{FunctionCall, ModelResponse, ResponseRequest};
pub use crate::client::response_stream::{ResponseStep, ResponseStream};
pub use crate::client::told::Cost;

use crate::answer::Answer;
use crate::client::told::Told;
use crate::error_body::ErrorBody;
use crate::hyper_transport::HyperTransport;
use crate::rate_headers::RateHeaders;
use crate::transport::Transport;
use crate::transport_options::TransportOptions;
use crate::upstream::{Call, Timeouts, Upstream, UpstreamOptions};

mod chat;
mod chat_stream;
mod clock;
mod completion;
mod embeddings;
mod error;
mod events;
mod models;
mod moderation;
mod response;
mod response_stream;
mod told;

/// The longest answer that is taken, 128 MiB: 2,048 embeddings of 3,072 dimensions in decimal are about 90 MiB.
pub const ANSWER_BYTES_MAX: usize = 128 * 1024 * 1024;
/// The longest error body that is read, 64 KiB. Of a longer one only the status and headers are told.
pub const ERROR_BYTES_MAX: usize = 64 * 1024;

const USER_AGENT: &str = concat!("keyward-openai-client/", env!("CARGO_PKG_VERSION"));

/// A typed client. A clone is cheap and shares the connections.
#[derive(Debug, Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    upstream: Upstream,
    clock: Clock,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.upstream.fmt(formatter)
    }
}

/// What a [`Client`] is made of.
pub struct ClientBuilder {
    base_url: String,
    key: SecretString,
    timeouts: Timeouts,
    connections: TransportOptions,
    transport: Option<Arc<dyn Transport>>,
    clock: Option<Clock>,
}

impl ClientBuilder {
    /// The time limits of each attempt.
    #[must_use]
    pub fn timeouts(self, timeouts: Timeouts) -> Self {
        Self { timeouts, ..self }
    }

    /// How connections are made and kept; without effect beside a transport of one's own.
    #[must_use]
    pub fn connections(self, connections: TransportOptions) -> Self {
        Self {
            connections,
            ..self
        }
    }

    /// Another way to the network than [`HyperTransport`].
    #[must_use]
    pub fn transport(self, transport: Arc<dyn Transport>) -> Self {
        Self {
            transport: Some(transport),
            ..self
        }
    }

    /// The clock that latencies are measured by, as time since any fixed moment. Without it, the system's monotonic clock.
    #[must_use]
    pub fn clock(self, clock: Clock) -> Self {
        Self {
            clock: Some(clock),
            ..self
        }
    }

    /// Makes the client; connects nowhere yet.
    ///
    /// Errors: [`ClientError::Setup`] for base URL and key, [`ClientError::Transport`] where TLS can't be set up.
    pub fn build(self) -> Result<Client, ClientError> {
        let Self {
            base_url,
            key,
            timeouts,
            connections,
            transport,
            clock,
        } = self;
        let transport = match transport {
            Some(transport) => transport,
            None => Arc::new(HyperTransport::new(connections).map_err(ClientError::Transport)?),
        };
        let options = UpstreamOptions {
            name: "openai".into(),
            base_url,
            key: Some(key),
            timeouts,
        };
        let upstream = Upstream::new(options, transport).map_err(ClientError::Setup)?;
        Ok(Client {
            inner: Arc::new(Inner {
                upstream,
                clock: clock.unwrap_or_else(clock::system),
            }),
        })
    }
}

/// A whole answer that succeeded.
struct Exchange {
    body: Bytes,
    told: Told,
    latency: Duration,
}

impl Client {
    /// A client with default time limits, for `base_url` such as `https://api.openai.com/v1`, or `http://127.0.0.1:8080/v1` for keyward
    /// and a virtual key.
    ///
    /// Errors: as [`ClientBuilder::build`].
    pub fn new(base_url: impl Into<String>, key: SecretString) -> Result<Self, ClientError> {
        Self::builder(base_url, key).build()
    }

    /// A client whose time limits, connections, transport or clock are one's own.
    pub fn builder(base_url: impl Into<String>, key: SecretString) -> ClientBuilder {
        ClientBuilder {
            base_url: base_url.into(),
            key,
            timeouts: Timeouts::default(),
            connections: TransportOptions::default(),
            transport: None,
            clock: None,
        }
    }

    fn now(&self) -> Duration {
        (self.inner.clock)()
    }

    /// Sends `body` (or a GET without one), and gives the whole answer.
    async fn exchange(
        &self,
        path: &str,
        body: Option<Map<String, Value>>,
    ) -> Result<Exchange, ClientError> {
        let started = self.now();
        let answer = self.open(path, body).await?;
        let told = Told::read(&answer.headers);
        let body = answer.whole(ANSWER_BYTES_MAX).await?;
        Ok(Exchange {
            body,
            told,
            latency: self.now().saturating_sub(started),
        })
    }

    /// Sends `body` (or a GET without one), and gives the answer if its status is a success.
    async fn open(
        &self,
        path: &str,
        body: Option<Map<String, Value>>,
    ) -> Result<Answer, ClientError> {
        let method = if body.is_some() {
            Method::POST
        } else {
            Method::GET
        };
        let body = match body {
            Some(body) => serde_json::to_vec(&body)
                .map_err(|_| ClientError::Request("a value cannot be written as JSON"))?,
            None => Vec::new(),
        };
        let headers =
            HeaderMap::from_iter([(header::USER_AGENT, HeaderValue::from_static(USER_AGENT))]);
        let answer = self
            .inner
            .upstream
            .send(Call {
                method,
                path,
                headers,
                body: body.into(),
            })
            .await?;
        if answer.status.is_success() {
            Ok(answer)
        } else {
            Err(self.refused(answer).await)
        }
    }

    /// The error that an answer with a failing status is. Its body is a help, not a condition.
    async fn refused(&self, answer: Answer) -> ClientError {
        let (status, headers) = (answer.status.as_u16(), answer.headers.clone());
        let body = answer.whole(ERROR_BYTES_MAX).await.unwrap_or_default();
        self.api_error(status, &headers, ErrorBody::parse(&body))
    }

    /// The typed error for what an upstream said, without the key in it.
    fn api_error(&self, status: u16, headers: &HeaderMap, said: ErrorBody) -> ClientError {
        let scrub = |text: Option<String>| text.map(|text| self.inner.upstream.scrub(text));
        let out_of_quota = said.is_out_of_quota();
        let rate = RateHeaders::read(headers);
        ClientError::Api(Box::new(ApiError {
            status,
            code: scrub(said.code),
            kind: scrub(said.kind),
            param: scrub(said.param),
            message: scrub(said.message).unwrap_or_default(),
            retry_after: rate.retry_after,
            should_retry: rate.should_retry,
            out_of_quota,
            request_id: scrub(Told::read(headers).request_id),
        }))
    }
}
