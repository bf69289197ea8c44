//! What servers that are compatible with OpenAI's API send that OpenAI does not: a fixture each, with what is read of it.
//!
//! Invariants: every fixture of `tests/drifts` is run; one that is malformed, or empty, fails.
//! Does not know: which version of a server sends what.
//! Source: public issues of the servers, named in the fixtures.
//!
//! A fixture is a paragraph of five parts: `lesson`; `kind` of what was sent; `sent`, the bytes; `read`, what the readers make of it, a
//! line for each event; and `client`, what the typed client makes of it: text and usage, `cut`, or `error` and its code.

use std::path::Path;

use http::{HeaderMap, HeaderName};
use openai_client::error_body::ErrorBody;
use openai_client::rate_headers::{Limit, RateHeaders};
use openai_client::sse::{Frame, SseFramer};
use openai_client::usage::{BodyKind, Usage, read};
use openai_client::wire::{AnswerHead, ChunkHead, EventHead};
use openai_client::{AttemptErrorKind, ChatRequest, ClientError, ResponseRequest};

use super::conformity::client;

/// What a reader makes of bytes: facts, joined by commas.
#[derive(Default)]
struct Facts(Vec<String>);

impl Facts {
    fn add(&mut self, word: &str, fact: Option<impl std::fmt::Display>) {
        self.0.extend(fact.map(|fact| format!("{word}{fact}")));
    }

    fn error(&mut self, error: Option<&ErrorBody>) {
        self.0.extend(error.map(told_error));
    }

    fn head(&mut self, head: &AnswerHead<'_>) {
        self.add("id ", head.id.as_deref());
        self.add("model ", head.model.as_deref());
        // The usual tiers say nothing.
        let tier = head.service_tier.as_deref();
        self.add("tier ", tier.filter(|tier| *tier != "auto"));
        self.add("", head.status.as_deref());
        self.add("for ", head.incomplete_reason.as_deref());
    }

    fn text(self) -> String {
        if self.0.is_empty() {
            return "nothing".to_owned();
        }
        self.0.join(", ")
    }
}

/// The code and type of an error, where it has one of them.
fn told_error(error: &ErrorBody) -> String {
    match (error.code.as_deref(), error.kind.as_deref()) {
        (None, None) => "error".to_owned(),
        (code, kind) => format!("error {} {}", code.unwrap_or("-"), kind.unwrap_or("-")),
    }
}

fn told_usage(usage: Usage) -> String {
    let classes = [
        ("input", usage.input),
        ("cached", usage.cached_input),
        ("written", usage.cache_write_30m),
        ("written for 12h", usage.cache_write_12h),
        ("output", usage.output),
        ("reasoning", usage.reasoning),
        ("searches", usage.web_searches),
    ];
    let other = usage.input_total() + usage.output_total() + usage.web_searches
        - classes.iter().map(|(_, count)| count).sum::<u64>();
    assert_eq!(
        (other, usage.flaw),
        (0, None),
        "of a class that has no word here"
    );
    let counted = classes.iter().filter(|(_, count)| *count > 0);
    let counted: Vec<String> = counted
        .map(|(word, count)| format!("{word} {count}"))
        .collect();
    counted.join(" ")
}

fn whole(kind: BodyKind, sent: &str) -> String {
    let mut facts = Facts::default();
    let head = AnswerHead::read(kind, sent.as_bytes()).unwrap();
    facts.head(&head);
    facts.add("", head.usage.map(told_usage));
    facts.error(head.error.as_ref());
    facts.text()
}

fn chunk(data: &[u8]) -> String {
    let mut facts = Facts::default();
    let head = ChunkHead::parse(data).unwrap();
    facts.add("id ", head.id.as_deref());
    facts.add("model ", head.model.as_deref());
    facts.add("", head.choices_empty.then_some("no choices"));
    facts.add(
        "",
        Some(head.content_bytes)
            .filter(|bytes| *bytes > 0)
            .map(|bytes| format!("{bytes} bytes")),
    );
    facts.add("finish ", head.finish_reasons.first());
    facts.add("", head.usage.reported().map(told_usage));
    facts.error(head.error.as_ref());
    assert_eq!(
        read(BodyKind::CompletionChunk, data),
        Ok(head.usage.reported())
    );
    facts.text()
}

fn event(data: &[u8]) -> String {
    let mut facts = Facts::default();
    let head = EventHead::parse(data).unwrap();
    facts.add("", head.kind.as_deref());
    facts.add("#", head.sequence_number);
    facts.head(&head.response.unwrap_or_default());
    facts.add("item ", head.item_id);
    facts.add(
        "",
        Some(head.content_bytes)
            .filter(|bytes| *bytes > 0)
            .map(|bytes| format!("{bytes} bytes")),
    );
    facts.add("end ", head.end.map(|end| format!("{end:?}")));
    facts.add("", head.usage.map(told_usage));
    facts.error(head.error.as_ref());
    assert_eq!(read(BodyKind::ResponseEvent, data), Ok(head.usage));
    facts.text()
}

/// One line for each event that has data.
fn stream(sent: &str, told: fn(&[u8]) -> String) -> String {
    let mut framer = SseFramer::new();
    framer.push(sent.to_owned().into()).unwrap();
    let frames: Vec<Frame> = std::iter::from_fn(|| framer.next_frame()).collect();
    assert!(
        framer.finish().is_empty(),
        "the last event has no end: {sent}"
    );
    let filled = frames.iter().filter(|frame| !frame.data().is_empty());
    let lines: Vec<String> = filled
        .map(|frame| match frame.is_done() {
            true => "done".to_owned(),
            false => told(&frame.data()),
        })
        .collect();
    if lines.is_empty() {
        return "nothing".to_owned();
    }
    lines.join("\n")
}

fn headers(sent: &str) -> String {
    let named = |line: &str| {
        let (name, value) = line.split_once(": ").unwrap();
        (HeaderName::try_from(name).unwrap(), value.parse().unwrap())
    };
    let limits = RateHeaders::read(&sent.lines().map(named).collect::<HeaderMap>());
    let number = |number: Option<u64>| number.map_or("-".to_owned(), |number| number.to_string());
    let told = |limit: Limit| format!("{} of {}", number(limit.remaining), number(limit.limit));
    assert_eq!((limits.retry_after, limits.should_retry), (None, None));
    format!(
        "requests {}, tokens {}, no wait",
        told(limits.requests),
        told(limits.tokens)
    )
}

/// What the typed client makes of it.
fn told_client(result: Result<(String, Option<Usage>), ClientError>) -> String {
    match result {
        Ok((text, usage)) => {
            let usage = usage.map_or("unreported".to_owned(), told_usage);
            format!("client {text:?}, {usage}")
        }
        Err(ClientError::Attempt(error)) if error.kind == AttemptErrorKind::Stream => {
            "client cut".to_owned()
        }
        Err(error) => {
            let said = error.api().unwrap_or_else(|| panic!("{error:?}"));
            let code = said.code.iter().map(|code| format!(" {code}"));
            format!("client error{}", code.collect::<String>())
        }
    }
}

async fn chat_stream(sent: String) -> Result<(String, Option<Usage>), ClientError> {
    let request = ChatRequest::new("asked").user("Hello?");
    let mut stream = client(200, sent).chat_stream(request).await?;
    let mut text = String::new();
    while let Some(chunk) = stream.next().await? {
        text.push_str(&chunk.text);
    }
    Ok((text, stream.usage()))
}

async fn respond(sent: String) -> Result<(String, Option<Usage>), ClientError> {
    let request = ResponseRequest::new("asked").user("Hello?");
    let response = client(200, sent).respond(request).await?;
    Ok((response.text, response.usage))
}

async fn respond_stream(sent: String) -> Result<(String, Option<Usage>), ClientError> {
    let request = ResponseRequest::new("asked").user("Hello?");
    let mut stream = client(200, sent).respond_stream(request).await?;
    let mut text = String::new();
    while let Some(step) = stream.next().await? {
        text.push_str(&step.text);
    }
    let response = stream.response().unwrap();
    assert_eq!(response.text, text, "the last event repeats the text");
    Ok((text, stream.usage()))
}

async fn refused(status: u16, sent: String) -> Result<(String, Option<Usage>), ClientError> {
    let request = ChatRequest::new("asked").user("Hello?");
    let chat = client(status, sent).chat(request).await?;
    Ok((chat.text, chat.usage))
}

/// What is read of `sent`, line by line.
async fn told(kind: &str, sent: &str) -> String {
    let owned = sent.to_owned();
    match kind {
        "headers" => headers(sent),
        "embeddings" => whole(BodyKind::Embeddings, sent),
        "response" => {
            let read = whole(BodyKind::Response, sent);
            format!("{read}\n{}", told_client(respond(owned).await))
        }
        "chat stream" => {
            let read = stream(sent, chunk);
            format!("{read}\n{}", told_client(chat_stream(owned).await))
        }
        "response stream" => {
            let read = stream(sent, event);
            format!("{read}\n{}", told_client(respond_stream(owned).await))
        }
        error => {
            let status = error.strip_prefix("error ").unwrap().parse().unwrap();
            let read = told_error(&ErrorBody::parse(sent.as_bytes()));
            format!("{read}\n{}", told_client(refused(status, owned).await))
        }
    }
}

async fn check(name: &str, at_least: usize) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/drifts/{name}.txt"));
    let file = std::fs::read_to_string(path).unwrap();
    let mut fixtures = 0;
    for fixture in file.split("\nlesson ").skip(1) {
        let (lesson, rest) = fixture.split_once("\nkind ").unwrap();
        let (kind, rest) = rest.split_once("\nsent\n").unwrap();
        let (sent, read) = rest.split_once("\nread\n").unwrap();
        // The blank line that ends a stream's last event stands before `read`.
        let sent = match kind.ends_with("stream") {
            true => format!("{sent}\n"),
            false => sent.to_owned(),
        };
        let told = told(kind, &sent).await;
        assert_eq!(told, read.trim_end(), "{name}: {lesson}");
        fixtures += 1;
    }
    assert!(fixtures >= at_least, "{name} has {fixtures} fixtures");
}

#[tokio::test]
async fn drifts_of_llama_cpp_are_read() {
    check("llamacpp", 7).await;
}

#[tokio::test]
async fn drifts_of_vllm_are_read() {
    check("vllm", 7).await;
}

#[tokio::test]
async fn drifts_of_ollama_are_read() {
    check("ollama", 6).await;
}

#[tokio::test]
async fn drifts_of_azure_are_read() {
    check("azure", 8).await;
}

#[tokio::test]
async fn drifts_of_gateways_are_read() {
    check("gateways", 4).await;
}
