//! The parts of a script: words of an error, pace, faults, wishes for the answer, quirks.
//!
//! Invariants: the default of each part changes nothing.
//! Does not know: calls, bodies.
//! Source: for the quirks, what vLLM, llama.cpp, Ollama and Azure were seen to do.

use std::time::Duration;

use serde_json::Value;

/// How many calls a script serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Times {
    Number(u64),
    Always,
}

impl Default for Times {
    fn default() -> Self {
        Self::Number(1)
    }
}

/// Words of an error body that differ from the usual ones of its status.
#[derive(Clone, Debug, Default)]
pub(crate) struct ErrorWords {
    pub(crate) message: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) code: Option<Value>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    pub(crate) before_headers: Duration,
    pub(crate) before_first_byte: Duration,
    pub(crate) between_chunks: Duration,
    pub(crate) drip_bytes: Option<usize>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Fault {
    pub(crate) connection: ConnectionFault,
    pub(crate) end: Option<(EndPoint, End)>,
    pub(crate) reset: bool,
    pub(crate) malformed: bool,
    pub(crate) error_after_chunks: Option<usize>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ConnectionFault {
    #[default]
    None,
    NeverAccept,
    NeverAnswer,
    CutBeforeHeaders,
}

/// Where a body ends too early. Chunks are events of a stream, or pieces of a dripped body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndPoint {
    Bytes(usize),
    Chunks(usize),
}

/// How a body ends too early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The connection ends, the body is left unterminated.
    Cut,
    /// The body is terminated properly, although something is missing.
    Clean,
    /// Nothing more comes, the connection stays.
    Stall,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct AnswerWish {
    pub(crate) text: Option<String>,
    pub(crate) finish_reason: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) service_tier: Option<String>,
    /// Said instead of a text.
    pub(crate) refusal: Option<String>,
    /// What hosted tools used.
    pub(crate) tool_usage: Option<Value>,
    /// The code of the error that work fails with.
    pub(crate) failure: Option<String>,
    /// How often work in the background is found undone.
    pub(crate) polls: Option<u64>,
}

/// Which usage an answer reports.
#[derive(Clone, Debug, Default)]
pub(crate) enum UsageWish {
    #[default]
    Counted,
    Exact(TokenCounts),
    Raw(Value),
    Omitted,
}

/// Units: tokens. As OpenAI reports them: cached and written tokens are part of the input, reasoning of the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TokenCounts {
    pub(crate) input: u64,
    pub(crate) cached: u64,
    pub(crate) cache_write: u64,
    pub(crate) output: u64,
    pub(crate) reasoning: u64,
}

/// Habits of servers that call themselves compatible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quirk {
    /// `error.code` is the status as a number.
    NumericErrorCode,
    /// Every chunk of a stream carries the usage so far, and no last one comes for it.
    UsageOnEveryChunk,
    /// The first chunk has no choices, only the results of a content filter.
    FirstChunkWithoutChoices,
    /// `stream_options` is ignored: no usage in a stream.
    IgnoresStreamOptions,
    /// Lines end in CR LF.
    CarriageReturns,
    /// A comment line comes before every event.
    CommentsBetweenEvents,
    /// A stream ends without `data: [DONE]`.
    NoDone,
    /// An error has status 200.
    ErrorWithStatus200,
    /// The deltas of tool calls have no `index`.
    ToolCallsWithoutIndex,
}
