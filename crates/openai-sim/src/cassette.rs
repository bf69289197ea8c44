//! Cassettes: real traffic, recorded, without what was private in it.
//!
//! Invariants: reading what was written gives the same cassette; scrubbing twice is scrubbing once.
//! Does not know: how traffic is recorded or played.

mod body;
mod edits;
mod filler;
mod literals;
mod policy;
mod prose;
mod scrub;
mod text;
mod vectors;

use bytes::Bytes;
use serde_json::Value;

pub(crate) use scrub::{keeps_header, path_like_recorded, request_like_recorded};
pub use text::CassetteError;
pub(crate) use vectors::expand;

/// Exchanges with one upstream, in the order in which they began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cassette {
    /// The upstream's name, on one line.
    pub upstream: String,
    /// The day of the recording, as in `2026-11-22`; empty if nobody told.
    pub recorded: String,
    /// The first model that a chat was asked of, or failing that a response.
    pub chat_model: String,
    /// The first model that an embedding was asked of.
    pub embed_model: String,
    /// What was asked and answered.
    pub exchanges: Vec<Recorded>,
}

/// One request and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The HTTP method.
    pub method: String,
    /// Without the prefix, with the query if there was one, as in `/models?limit=2`.
    pub path: String,
    /// The body; a JSON text of the raw body if it was no JSON, nothing if it was empty.
    pub request: Option<Value>,
    /// Nothing if no answer began.
    pub status: Option<u16>,
    /// The headers that mean something, names in lower case, in the order of their names.
    pub headers: Vec<(String, String)>,
    /// When the headers came. Units: milliseconds since the request left, as in all times here.
    pub headers_after_ms: u64,
    /// The body as it came in.
    pub chunks: Vec<Chunk>,
    /// How it ended.
    pub ending: Ending,
}

/// Bytes of a body that came together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Milliseconds since the request left.
    pub after_ms: u64,
    /// Never empty.
    pub bytes: Bytes,
}

/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The answer came whole.
    Whole,
    /// The upstream ended it before its end, or could not be reached.
    Cut,
    /// The upstream took longer than the recorder waits.
    Timeout,
    /// The client went away before the end.
    Left,
}

/// A request's body as a cassette has it.
pub(crate) fn request_of(body: &[u8]) -> Option<Value> {
    if body.is_empty() {
        return None;
    }
    let raw = || Value::from(String::from_utf8_lossy(body));
    Some(serde_json::from_slice(body).unwrap_or_else(|_| raw()))
}

impl Recorded {
    /// The body, joined.
    pub fn body(&self) -> Vec<u8> {
        self.chunks
            .iter()
            .flat_map(|chunk| chunk.bytes.iter().copied())
            .collect()
    }

    /// The first value of a header; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Whether the answer is a stream of events.
    pub fn is_stream(&self) -> bool {
        self.header("content-type")
            .is_some_and(|value| value.starts_with("text/event-stream"))
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_of_responses;
