//! The client's types read every answer that the contracts allow, and those that may come without a warning.
//!
//! Invariants: every contract of an answer that the client reads is here; a failure names type, contract and field.
//! Does not know: laws between values, connections: answers come from memory.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use contracts::{Contract, Example};
use futures_util::stream;
use http::{HeaderMap, HeaderName, Request, Response};
use openai_client::error_body::ErrorBody;
use openai_client::rate_headers::RateHeaders;
use openai_client::wire::{AnswerHead, ChunkHead, ChunkUsage};
use openai_client::{
    Chat, ChatRequest, Client, ClientError, Embedding, Model, Transport, TransportFuture,
};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::marked_key;

/// Gives every request the same answer.
struct Told {
    status: u16,
    body: Bytes,
}

impl Transport for Told {
    fn send(&self, _: Request<Bytes>) -> TransportFuture {
        let body = self.body.clone();
        let body: openai_client::TransportBody = Box::pin(stream::iter([Ok(body)]));
        let answer = Response::builder().status(self.status).body(body).unwrap();
        Box::pin(async { Ok(answer) })
    }
}

pub(super) fn client(status: u16, body: impl Into<Bytes>) -> Client {
    let key = SecretString::from(marked_key());
    let body = body.into();
    Client::builder("http://127.0.0.1:1/v1", key)
        .transport(Arc::new(Told { status, body }))
        .build()
        .unwrap()
}

fn contract(stem: &str) -> Contract {
    let folder = [env!("CARGO_MANIFEST_DIR"), "..", "..", "contracts"];
    let path = folder
        .iter()
        .collect::<PathBuf>()
        .join(format!("{stem}.toml"));
    Contract::read(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// What the contract of this stem allows, and what may come besides.
fn answers(stem: &str) -> Vec<Example> {
    let contract = contract(stem);
    let mut all = contract.examples();
    all.extend(contract.surprises());
    assert!(all.len() >= 3, "{stem} has too few examples");
    all
}

/// The value, or the type that could not read what.
pub(super) fn read<T, E: std::fmt::Display>(
    kind: &str,
    stem: &str,
    example: &Example,
    result: Result<T, E>,
) -> T {
    result.unwrap_or_else(|error| panic!("{kind} can't read {stem}, {}: {error}", example.what))
}

fn question() -> ChatRequest {
    ChatRequest::new("asked").user("Hello?")
}

async fn chat(value: &Value) -> Result<Chat, ClientError> {
    client(200, value.to_string()).chat(question()).await
}

#[tokio::test]
async fn whole_chats_are_read() {
    let stem = "chat_completion";
    for example in answers(stem) {
        let text = example.value.to_string();
        let head = read(
            "AnswerHead",
            stem,
            &example,
            AnswerHead::parse(text.as_bytes()),
        );
        let chat = read("Chat", stem, &example, chat(&example.value).await);
        let reported = example.value["usage"].is_object();
        assert_eq!(
            (head.usage.is_some(), chat.usage.is_some()),
            (reported, reported),
            "{}",
            example.what
        );
        assert_eq!(
            (head.model.as_deref(), chat.model.as_str()),
            (Some("text"), "text"),
            "{}",
            example.what
        );
        let choice = &example.value["choices"][0];
        assert_eq!(
            chat.choices[0].message, choice["message"],
            "{}",
            example.what
        );
        assert_eq!(
            chat.text,
            choice["message"]["content"].as_str().unwrap_or_default(),
            "{}",
            example.what
        );
        assert_eq!(
            chat.choices[0].finish_reason.as_deref(),
            choice["finish_reason"].as_str(),
            "{}",
            example.what
        );
    }
}

#[tokio::test]
async fn chunks_are_read() {
    let stem = "chat_completion_chunk";
    for example in answers(stem) {
        let text = example.value.to_string();
        let head = read(
            "ChunkHead",
            stem,
            &example,
            ChunkHead::parse(text.as_bytes()),
        );
        let usage = match example.value.get("usage") {
            None => matches!(head.usage, ChunkUsage::Absent),
            Some(Value::Null) => head.usage == ChunkUsage::Null,
            Some(_) => head.usage.reported().is_some(),
        };
        assert!(usage && !head.choices_empty, "{}: {head:?}", example.what);
        let body = format!("data: {text}\n\ndata: [DONE]\n\n");
        let mut stream = client(200, body).chat_stream(question()).await.unwrap();
        let chunk = read("ChatStream", stem, &example, stream.next().await);
        let chunk =
            chunk.unwrap_or_else(|| panic!("ChatStream passes over {stem}, {}", example.what));
        let choice = &example.value["choices"][0];
        assert_eq!(chunk.choices[0].delta, choice["delta"], "{}", example.what);
        assert_eq!(stream.usage(), head.usage.reported(), "{}", example.what);
        let end = read("ChatStream", stem, &example, stream.next().await);
        assert_eq!(end, None, "{}", example.what);
    }
}

async fn embed(value: &Value) -> Result<Embedding, ClientError> {
    client(200, value.to_string()).embed("asked", "text").await
}

#[tokio::test]
async fn embeddings_are_read() {
    let stem = "embeddings";
    for mut example in answers(stem) {
        // A contract says that there is text or an index, not which.
        example.value["data"][0]["index"] = json!(0);
        if example.value["data"][0]["embedding"] == "text" {
            example.value["data"][0]["embedding"] = json!("AAAAPw==");
        }
        let text = example.value.to_string();
        let head = read(
            "AnswerHead",
            stem,
            &example,
            AnswerHead::parse(text.as_bytes()),
        );
        let embedding = read("Embedding", stem, &example, embed(&example.value).await);
        assert_eq!(embedding.embedding, [0.5], "{}", example.what);
        assert_eq!(embedding.usage, head.usage, "{}", example.what);
        assert!(embedding.usage.is_some(), "{}", example.what);
    }
}

#[tokio::test]
async fn models_are_read() {
    for example in answers("models") {
        let models = client(200, example.value.to_string()).models().await;
        let models = read("Models", "models", &example, models).models;
        assert_eq!(models[0].id, "text", "{}", example.what);
    }
    for example in contract("model").examples() {
        let model = serde_json::from_value::<Model>(example.value.clone());
        let model = read("Model", "model", &example, model);
        assert_eq!(model.owned_by.as_deref(), Some("text"), "{}", example.what);
    }
}

#[tokio::test]
async fn refusals_of_every_kind_are_read() {
    for stem in [
        "error",
        "error.authentication",
        "error.bad_request",
        "error.not_found",
        "error.overloaded",
        "error.quota",
        "error.server",
        "error.throttled",
    ] {
        let status = contract(stem).call.unwrap().status.0;
        for example in answers(stem) {
            let error = &example.value["error"];
            let text = example.value.to_string();
            let body = ErrorBody::parse(text.as_bytes());
            let failed = chat_refused(status, text).await;
            let said = failed
                .api()
                .unwrap_or_else(|| panic!("ApiError can't read {stem}, {}", example.what));
            assert_eq!(said.status, status);
            assert_eq!(said.message, "text", "{stem}, {}", example.what);
            let code = error["code"].as_str().map(str::to_owned);
            assert_eq!(
                (&said.code, &body.code),
                (&code, &code),
                "{stem}, {}",
                example.what
            );
            assert_eq!(
                said.kind.as_deref(),
                error["type"].as_str(),
                "{stem}, {}",
                example.what
            );
            assert_eq!(
                said.out_of_quota,
                stem == "error.quota",
                "{stem}, {}",
                example.what
            );
        }
    }
}

async fn chat_refused(status: u16, body: String) -> ClientError {
    client(status, body).chat(question()).await.unwrap_err()
}

#[tokio::test]
async fn errors_inside_streams_are_read() {
    for example in answers("error") {
        let body = format!("data: {}\n\n", example.value);
        let mut stream = client(200, body).chat_stream(question()).await.unwrap();
        let failed = stream.next().await.unwrap_err();
        let said = failed
            .api()
            .unwrap_or_else(|| panic!("ApiError can't read error, {}", example.what));
        assert_eq!(said.message, "text", "{}", example.what);
    }
}

#[test]
fn limits_in_heads_are_read() {
    for stem in [
        "chat_completion",
        "chat_completion_chunk",
        "embeddings",
        "error.throttled",
    ] {
        let head = contract(stem).head();
        let named = |(name, value): &(String, String)| {
            (
                HeaderName::try_from(name.as_str()).unwrap(),
                value.parse().unwrap(),
            )
        };
        let limits = RateHeaders::read(&head.iter().map(named).collect::<HeaderMap>());
        for limit in [limits.requests, limits.tokens] {
            assert!(
                limit.limit.is_some() && limit.remaining.is_some() && limit.reset.is_some(),
                "{stem}: {limit:?}"
            );
        }
        assert_eq!(limits.retry_after.is_some(), stem == "error.throttled");
    }
}
