//! Scripts: what the next calls meet instead of an ordinary answer.
//!
//! Invariants: a script that says nothing changes nothing; what it says holds for each of the calls it serves.
//! Does not know: how an answer is made or sent; it only says what is wanted.

mod json;
mod parts;
mod queue;

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};

pub use parts::Quirk;
pub(crate) use parts::{
    AnswerWish, ConnectionFault, End, EndPoint, ErrorWords, Fault, Pace, Times, TokenCounts,
    UsageWish,
};
pub use queue::SCRIPTS_MAX;
pub(crate) use queue::ScriptQueue;

/// What one or more calls meet. Built in one line:
///
/// ```
/// # use openai_sim::Script;
/// Script::status(429).header("retry-after", "1").times(2).on("/chat/completions");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Script {
    pub(crate) path: Option<String>,
    pub(crate) times: Times,
    pub(crate) status: Option<StatusCode>,
    pub(crate) error: ErrorWords,
    pub(crate) raw: Option<Bytes>,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) pace: Pace,
    pub(crate) fault: Fault,
    pub(crate) answer: AnswerWish,
    pub(crate) usage: UsageWish,
    pub(crate) quirks: Vec<Quirk>,
    pub(crate) billed: Option<bool>,
    pub(crate) flaw: Option<String>,
}

impl Script {
    /// An ordinary answer, to be changed by what follows.
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers with `status`; from 400 on with OpenAI's error body. Such a call is not billed.
    pub fn status(status: u16) -> Self {
        let mut script = Self::new();
        match StatusCode::from_u16(status) {
            Ok(status) => script.status = Some(status),
            Err(_) => script.flaw = Some(format!("{status} is no HTTP status")),
        }
        script
    }

    /// Answers with this body as it is, with status 200 unless [`Script::with_status`] says otherwise.
    pub fn raw(content_type: &str, body: impl Into<Bytes>) -> Self {
        let mut script = Self::new().header("content-type", content_type);
        script.raw = Some(body.into());
        script
    }

    /// Takes the request and never answers.
    pub fn never_answer() -> Self {
        Self::connection_fault(ConnectionFault::NeverAnswer)
    }

    /// From now on no new connection is accepted, until [`crate::Sim::reset`]. Connections that are open stay so.
    pub fn never_accept() -> Self {
        Self::connection_fault(ConnectionFault::NeverAccept)
    }

    /// Takes the request and ends the connection without an answer; with [`Script::reset`] by a TCP reset.
    pub fn hang_up() -> Self {
        Self::connection_fault(ConnectionFault::CutBeforeHeaders)
    }

    fn connection_fault(fault: ConnectionFault) -> Self {
        Self {
            fault: Fault {
                connection: fault,
                ..Fault::default()
            },
            ..Self::default()
        }
    }

    /// Serves only calls on `path`, without the prefix, as in `/chat/completions` or `/responses/{id}`.
    pub fn on(mut self, path: &str) -> Self {
        self.path = Some(path.to_owned());
        self
    }

    /// Serves this many calls instead of one.
    pub fn times(mut self, times: u64) -> Self {
        self.times = Times::Number(times);
        self
    }

    /// Serves every call that no counted script takes, until [`crate::Sim::reset`].
    pub fn always(mut self) -> Self {
        self.times = Times::Always;
        self
    }

    /// The status of a [`Script::raw`] body.
    pub fn with_status(mut self, status: u16) -> Self {
        let words = Self::status(status);
        (self.status, self.flaw) = (words.status, self.flaw.or(words.flaw));
        self
    }

    /// Adds a header, or replaces one that the answer has.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            (Ok(name), Ok(value)) => self.headers.push((name, value)),
            _ => self.flaw = Some(format!("`{name}` or its value is no HTTP header")),
        }
        self
    }

    /// The state of the request limit: limit, remaining, and reset in OpenAI's form, as in `6m0s`.
    pub fn rate_limit(self, limit: u64, remaining: u64, reset: &str) -> Self {
        self.header("x-ratelimit-limit-requests", &limit.to_string())
            .header("x-ratelimit-remaining-requests", &remaining.to_string())
            .header("x-ratelimit-reset-requests", reset)
    }

    /// `error.code`: text, a number or null.
    pub fn code(mut self, code: impl Into<Value>) -> Self {
        self.error.code = Some(code.into());
        self
    }

    /// `error.type`.
    pub fn kind(mut self, kind: &str) -> Self {
        self.error.kind = Some(kind.to_owned());
        self
    }

    /// `error.message`.
    pub fn message(mut self, message: &str) -> Self {
        self.error.message = Some(message.to_owned());
        self
    }

    /// Waits before the status line.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.pace.before_headers = delay;
        self
    }

    /// Waits between the headers and the first byte of the body.
    pub fn first_byte_delay(mut self, delay: Duration) -> Self {
        self.pace.before_first_byte = delay;
        self
    }

    /// Waits before each further chunk.
    pub fn chunk_delay(mut self, delay: Duration) -> Self {
        self.pace.between_chunks = delay;
        self
    }

    /// Sends the body in pieces of `bytes`, wherever that cuts events or letters. Zero is taken as one.
    pub fn drip(mut self, bytes: usize) -> Self {
        self.pace.drip_bytes = Some(bytes.max(1));
        self
    }

    /// Ends the connection after `bytes` of the body.
    pub fn cut_after_bytes(self, bytes: usize) -> Self {
        self.end(EndPoint::Bytes(bytes), End::Cut)
    }

    /// Ends the connection after `chunks` of the body.
    pub fn cut_after_chunks(self, chunks: usize) -> Self {
        self.end(EndPoint::Chunks(chunks), End::Cut)
    }

    /// Ends the body properly after `chunks`, as if that were all.
    pub fn end_after_chunks(self, chunks: usize) -> Self {
        self.end(EndPoint::Chunks(chunks), End::Clean)
    }

    /// Sends nothing more after `chunks`, but keeps the connection.
    pub fn stall_after_chunks(self, chunks: usize) -> Self {
        self.end(EndPoint::Chunks(chunks), End::Stall)
    }

    fn end(mut self, point: EndPoint, end: End) -> Self {
        self.fault.end = Some((point, end));
        self
    }

    /// Where this script ends the connection, it does so by a TCP reset.
    pub fn reset(mut self) -> Self {
        self.fault.reset = true;
        self
    }

    /// The JSON is broken: a whole body ends in its middle, a stream has one event that is no JSON.
    pub fn malformed(mut self) -> Self {
        self.fault.malformed = true;
        self
    }

    /// After `chunks` of a stream comes an error event, and then the end without `[DONE]`.
    pub fn error_after_chunks(mut self, chunks: usize) -> Self {
        self.fault.error_after_chunks = Some(chunks);
        self
    }

    /// Reports and bills these tokens instead of the counted ones.
    pub fn usage(mut self, input: u64, output: u64) -> Self {
        self.usage = UsageWish::Exact(TokenCounts {
            input,
            output,
            ..TokenCounts::default()
        });
        self
    }

    /// With [`Script::usage`]: how many of the input tokens were read from and written to the prompt cache.
    pub fn cached(mut self, read: u64, written: u64) -> Self {
        if let UsageWish::Exact(counts) = &mut self.usage {
            (counts.cached, counts.cache_write) = (read, written);
        } else {
            self.flaw = Some("`cached` comes after `usage`".to_owned());
        }
        self
    }

    /// With [`Script::usage`]: how many of the output tokens were spent on reasoning.
    pub fn reasoning(mut self, tokens: u64) -> Self {
        if let UsageWish::Exact(counts) = &mut self.usage {
            counts.reasoning = tokens;
        } else {
            self.flaw = Some("`reasoning` comes after `usage`".to_owned());
        }
        self
    }

    /// Puts this value where the usage stands; billed is what was counted.
    pub fn usage_json(mut self, usage: Value) -> Self {
        self.usage = UsageWish::Raw(usage);
        self
    }

    /// Reports no usage, neither whole nor streamed; billed is what was counted.
    pub fn no_usage(mut self) -> Self {
        self.usage = UsageWish::Omitted;
        self
    }

    /// The text of an answer, be it a chat's, a response's or a transcription's.
    pub fn text(mut self, text: &str) -> Self {
        self.answer.text = Some(text.to_owned());
        self
    }

    /// The finish reason of a chat answer. A response is incomplete with `length` and `content_filter`.
    pub fn finish_reason(mut self, reason: &str) -> Self {
        self.answer.finish_reason = Some(reason.to_owned());
        self
    }

    /// The model that the answer names.
    pub fn model(mut self, model: &str) -> Self {
        self.answer.model = Some(model.to_owned());
        self
    }

    /// The service tier that the answer names.
    pub fn service_tier(mut self, tier: &str) -> Self {
        self.answer.service_tier = Some(tier.to_owned());
        self
    }

    /// A response refuses, in these words.
    pub fn refusal(mut self, text: &str) -> Self {
        self.answer.refusal = Some(text.to_owned());
        self
    }

    /// What the hosted tools of a response used, as in `{"web_search": {"num_requests": 2}}`; it has as many searches.
    pub fn tool_usage(mut self, usage: impl Into<Value>) -> Self {
        self.answer.tool_usage = Some(usage.into());
        self
    }

    /// The response, or every line of the batch, fails with this code, as in `server_error`. The words are
    /// [`Script::message`].
    pub fn failure(mut self, code: &str) -> Self {
        self.answer.failure = Some(code.to_owned());
        self
    }

    /// How often a response in the background, or a batch, is found undone by those who look; once without this.
    pub fn polls(mut self, polls: u64) -> Self {
        self.answer.polls = Some(polls);
        self
    }

    /// Adds a habit of a compatible server.
    pub fn quirk(mut self, quirk: Quirk) -> Self {
        self.quirks.push(quirk);
        self
    }

    /// Whether the calls are billed, against the rule: all but refusals and raw bodies are.
    pub fn billed(mut self, billed: bool) -> Self {
        self.billed = Some(billed);
        self
    }

    pub(crate) fn has(&self, quirk: Quirk) -> bool {
        self.quirks.contains(&quirk)
    }

    pub(crate) fn error_code(&self, usual: Option<&str>, status: StatusCode) -> Value {
        match &self.error.code {
            Some(code) => code.clone(),
            None if self.has(Quirk::NumericErrorCode) => json!(status.as_u16()),
            None => json!(usual),
        }
    }
}
