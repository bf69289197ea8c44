//! Why a call of the typed client failed.
//!
//! Invariants: neither `Display` nor `Debug` shows a key, a URL, or the upstream's message, which may quote the prompt; the message is
//! a field for those who may see it.
//! Does not know: whether to try again; it only tells what the upstream said about that.

use std::fmt;
use std::time::Duration;

use crate::attempt_error::AttemptError;
use crate::transport::TransportError;
use crate::upstream::UpstreamError;
use crate::wire::Malformed;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The client can't be made from this base URL or key.
    #[error(transparent)]
    Setup(UpstreamError),
    /// The network side can't be set up.
    #[error("set up the HTTP client")]
    Transport(#[source] TransportError),
    /// The call can't be made; nothing was sent.
    #[error("make the request: {0}")]
    Request(&'static str),
    /// No complete answer came.
    #[error(transparent)]
    Attempt(#[from] AttemptError),
    /// The upstream answered with an error.
    #[error(transparent)]
    Api(Box<ApiError>),
    /// The answer came, and is no JSON of the expected shape.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The answer came, and contradicts the call.
    #[error("use the answer: {0}")]
    Unexpected(&'static str),
}

impl ClientError {
    /// What the upstream said, if it answered with an error.
    pub fn api(&self) -> Option<&ApiError> {
        match self {
            Self::Api(error) => Some(error),
            _ => None,
        }
    }
}

/// What an upstream answered instead of a result.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
pub struct ApiError {
    /// The HTTP status; 200 where the error came inside a stream.
    pub status: u16,
    /// Such as `model_not_found`; a number is given as text.
    pub code: Option<String>,
    /// `type`, such as `invalid_request_error`.
    pub kind: Option<String>,
    /// The parameter at fault.
    pub param: Option<String>,
    /// The upstream's words, without the key. May quote the prompt, so it is in neither `Display` nor `Debug`.
    pub message: String,
    /// How long the upstream asks to wait.
    pub retry_after: Option<Duration>,
    /// What the upstream says about trying again.
    pub should_retry: Option<bool>,
    /// Whether money or a spending limit is exhausted, so that no repeat can help.
    pub out_of_quota: bool,
    /// The upstream's id of the call.
    pub request_id: Option<String>,
}

impl fmt::Display for ApiError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "the upstream answered with an error, status {}",
            self.status
        )?;
        match word(&self.code).or(word(&self.kind)) {
            Some(word) => write!(formatter, ", {word}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for ApiError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ApiError")
            .field("status", &self.status)
            .field("code", &word(&self.code))
            .field("kind", &word(&self.kind))
            .field("message_bytes", &self.message.len())
            .field("retry_after", &self.retry_after)
            .field("should_retry", &self.should_retry)
            .field("out_of_quota", &self.out_of_quota)
            .field("request_id", &self.request_id)
            .finish_non_exhaustive()
    }
}

/// A code if it is one: a word of at most 64 plain characters, not a sentence that could quote something.
fn word(text: &Option<String>) -> Option<&str> {
    const WORD_BYTES_MAX: usize = 64;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    text.as_deref()
        .filter(|text| text.len() <= WORD_BYTES_MAX && text.bytes().all(plain))
}
