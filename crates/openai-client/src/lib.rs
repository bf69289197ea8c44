//! An OpenAI client: one attempt over HTTP, exact bytes, typed errors.
//!
//! Invariants: one call is one attempt; no key, prompt or URL is in any error.
//! Does not know: budgets, retry rules, virtual keys.

pub use crate::answer::Answer;
pub use crate::attempt_error::{
    AttemptError, AttemptErrorKind, Blame, Phase, Replay, UpstreamName,
};
pub use crate::client::{
    ANSWER_BYTES_MAX, ApiError, Chat, ChatChoice, ChatChunk, ChatChunkChoice, ChatRequest,
    ChatStream, Client, ClientBuilder, ClientError, Clock, Cost, ERROR_BYTES_MAX, Embedding,
    EmbeddingRequest, Embeddings, Encoding, Model, Models,
};
pub use crate::reqwest_transport::{IDLE_CONNECTIONS_MAX, ReqwestOptions, ReqwestTransport};
pub use crate::transport::{
    Transport, TransportBody, TransportError, TransportErrorKind, TransportFuture,
};
pub use crate::upstream::{
    Call, Timeouts, Upstream, UpstreamError, UpstreamErrorKind, UpstreamOptions,
};

mod answer;
mod attempt_error;
mod client;
pub mod error_body;
mod key;
mod lenient;
pub mod rate_headers;
mod reqwest_transport;
pub mod sse;
mod transport;
mod upstream;
pub mod usage;
pub mod wire;
