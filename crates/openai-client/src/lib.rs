//! An OpenAI client: one attempt over HTTP, exact bytes, typed errors, usage, cost and latency.
//!
//! Invariants: one call is one attempt; nothing is followed, repeated or decompressed; no key, prompt or URL is in any error.
//! Does not know: budgets, retry rules, virtual keys.
//! Source: OpenAI API reference; the drifts of servers that are compatible with it.
//!
//! # For an application
//!
//! [`Client`] works on OpenAI, on a compatible server, and on keyward. Behind keyward it also tells the cost of each call
//! and whether it came from the cache. In this example a simulator stands in for keyward:
//!
//! ```
//! use openai_client::{ChatRequest, Client, ResponseRequest};
//! use openai_sim::{Sim, SimOptions};
//! use secrecy::SecretString;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let keyward = Sim::start(SimOptions { keyward_headers: true, ..SimOptions::default() }).await?;
//! let virtual_key = SecretString::from("the key that `keyward keys create` showed");
//! let client = Client::new(keyward.base_url(), virtual_key)?;
//!
//! let result = client.embed("text-embedding-ada-002", "The quick brown fox").await?;
//! assert_eq!(result.embedding.len(), 1536);
//! let usage = result.usage.expect("every embedding reports its usage");
//! let cost = result.cost.expect("keyward tells what a call cost");
//! assert_eq!(cost.pico_usd, 100_000 * i128::from(usage.input), "0.10 USD for a million tokens");
//! println!("{} tokens, {cost} USD, {:?}", usage.input, result.latency);
//!
//! // The same text again comes from the cache and costs nothing.
//! let again = client.embed("text-embedding-ada-002", "The quick brown fox").await?;
//! assert!(again.cached && !result.cached);
//! assert_eq!(again.cost.map(|cost| cost.pico_usd), Some(0));
//!
//! let question = ChatRequest::new("gpt-4o-mini").user("Which planet is largest?");
//! let chat = client.chat(question.clone()).await?;
//! println!("{} ({:?})", chat.text, chat.latency);
//!
//! // A stream reports its usage without being asked to.
//! let mut stream = client.chat_stream(question).await?;
//! while let Some(chunk) = stream.next().await? {
//!     print!("{}", chunk.text);
//! }
//! assert!(stream.usage().is_some());
//!
//! // So do responses; a stream ends with the whole response, tool calls and all.
//! let question = ResponseRequest::new("gpt-4o-mini").user("Which planet is largest?");
//! let mut stream = client.respond_stream(question).await?;
//! while let Some(step) = stream.next().await? {
//!     print!("{}", step.text);
//! }
//! let response = stream.response().expect("the stream has ended");
//! assert_eq!((response.function_calls().count(), response.usage), (0, stream.usage()));
//! let next = ResponseRequest::new("gpt-4o-mini").after(&response.id).user("And which is smallest?");
//! println!("{}", client.respond(next).await?.text);
//!
//! // An error has its parts as fields. `Display` shows no prompt and no key, so it may be logged.
//! let error = client.embed("no-such-model", "x").await.expect_err("there is no such model");
//! let said = error.api().expect("the upstream answered");
//! assert_eq!((said.status, said.code.as_deref()), (404, Some("model_not_found")));
//! # Ok(())
//! # }
//! ```
//!
//! A call is one attempt: whether and when to try again is the application's decision, or keyward's. What it needs for that is in
//! the errors: [`AttemptError::replay`] says whether the call may have run, [`ApiError::retry_after`] how long to wait.
//!
//! # For a gateway
//!
//! [`Upstream`] sends bytes and gives bytes back as they came. What must be read of them is read beside: frames by
//! [`sse::SseFramer`], the few fields that matter by [`wire`], usage by [`usage`], errors by [`error_body`], limits by
//! [`rate_headers`]. A stream of responses, images or audio is read by [`wire::EventHead`], one of chats by [`wire::ChunkHead`].
//!
//! ```
//! use std::sync::Arc;
//!
//! use http::{HeaderMap, Method};
//! use openai_client::sse::SseFramer;
//! use openai_client::wire::ChunkHead;
//! use openai_client::{Call, HyperTransport, Timeouts, TransportOptions, Upstream, UpstreamOptions};
//! # use openai_sim::{Sim, SimOptions};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let sim = Sim::start(SimOptions::default()).await?;
//! let options = UpstreamOptions { name: "main".into(), base_url: sim.base_url(), key: None, timeouts: Timeouts::default() };
//! let upstream = Upstream::new(options, Arc::new(HyperTransport::new(TransportOptions::default())?))?;
//!
//! let body = r#"{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hello"}],
//!     "stream":true,"stream_options":{"include_usage":true}}"#;
//! let call = Call { method: Method::POST, path: "/chat/completions", headers: HeaderMap::new(), body: body.into() };
//! let mut answer = upstream.send(call).await?;
//!
//! let mut framer = SseFramer::new();
//! let mut usage = None;
//! while let Some(chunk) = answer.chunk().await? {
//!     framer.push(chunk)?;
//!     while let Some(frame) = framer.next_frame() {
//!         // `frame.bytes` is what a caller gets, unchanged.
//!         if !frame.data().is_empty() && !frame.is_done() {
//!             // The last report counts; reports are never added up.
//!             usage = ChunkHead::parse(&frame.data())?.usage.reported().or(usage);
//!         }
//!     }
//! }
//! assert!(usage.expect("asked for, so reported").output > 0);
//! # Ok(())
//! # }
//! ```

pub use crate::answer::Answer;
pub use crate::attempt_error::{
    AttemptError, AttemptErrorKind, Blame, Phase, Replay, UpstreamName,
};
pub use crate::client::{
    ANSWER_BYTES_MAX, ApiError, Chat, ChatChoice, ChatChunk, ChatChunkChoice, ChatRequest,
    ChatStream, Client, ClientBuilder, ClientError, Clock, Completion, CompletionRequest, Cost,
    ERROR_BYTES_MAX, Embedding, EmbeddingRequest, Embeddings, Encoding, FunctionCall, Model,
    ModelResponse, Models, Moderation, ResponseRequest, ResponseStep, ResponseStream,
};
pub use crate::hyper_transport::HyperTransport;
pub use crate::reqwest_transport::{ReqwestOptions, ReqwestTransport};
pub use crate::streamed_body::{Pieces, StreamedBody};
pub use crate::transport::{
    Transport, TransportBody, TransportError, TransportErrorKind, TransportFuture,
};
pub use crate::transport_options::{IDLE_CONNECTIONS_MAX, TransportOptions};
pub use crate::upstream::{
    Call, Timeouts, Upstream, UpstreamError, UpstreamErrorKind, UpstreamOptions,
};

mod answer;
mod attempt_error;
mod client;
mod connector;
pub mod error_body;
mod hyper_transport;
mod key;
mod lenient;
pub mod rate_headers;
mod reqwest_transport;
pub mod sse;
mod streamed_body;
mod transport;
mod transport_options;
mod upstream;
pub mod usage;
pub mod wire;
