//! Streamed chat answers.
//!
//! Invariants: the stream says what the whole answer says.
//! Does not know: faults.

use openai_sim::{Quirk, Script};
use serde_json::{Value, json};

use super::{Answer, post, question, start, with};

fn streamed(request: Value) -> Value {
    with(
        request,
        json!({"stream": true, "stream_options": {"include_usage": true}}),
    )
}

fn joined(chunks: &[Value], field: &str) -> String {
    chunks
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"][field].as_str())
        .collect()
}

#[tokio::test]
async fn the_deltas_join_to_the_whole_answer() {
    let sim = start().await;
    let request = question("Rivers run to the sea. Where do rivers run?");
    let whole = post(&sim, "/chat/completions", &request).await.json();
    let stream = post(&sim, "/chat/completions", &streamed(request)).await;
    assert_eq!(
        stream.header("content-type"),
        "text/event-stream; charset=utf-8"
    );
    assert_eq!(stream.events().last(), Some(&"[DONE]"));
    let chunks = stream.chunks();
    assert_eq!(
        joined(&chunks, "content"),
        whole["choices"][0]["message"]["content"].as_str().unwrap()
    );
    assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
    let (last, others) = chunks.split_last().unwrap();
    assert_eq!(
        (&last["usage"], &last["choices"]),
        (&whole["usage"], &json!([]))
    );
    assert!(
        others
            .iter()
            .all(|chunk| chunk.get("usage") == Some(&Value::Null))
    );
    assert_eq!(
        others.last().unwrap()["choices"][0]["finish_reason"],
        "stop"
    );
    assert!(
        chunks
            .iter()
            .all(|chunk| chunk["object"] == "chat.completion.chunk"
                && chunk["id"] == chunks[0]["id"])
    );
}

#[tokio::test]
async fn usage_and_padding_come_only_as_asked() {
    let sim = start().await;
    let plain = post(
        &sim,
        "/chat/completions",
        &with(question("Hello"), json!({"stream": true})),
    )
    .await
    .chunks();
    assert!(
        plain
            .iter()
            .all(|chunk| chunk.get("usage").is_none() && chunk.get("obfuscation").is_some())
    );
    let options = json!({"stream": true, "stream_options": {"include_obfuscation": false}});
    let bare = post(&sim, "/chat/completions", &with(question("Hello"), options))
        .await
        .chunks();
    assert!(bare.iter().all(|chunk| chunk.get("obfuscation").is_none()));
}

#[tokio::test]
async fn every_choice_and_tool_call_is_streamed() {
    let sim = start().await;
    let two = post(
        &sim,
        "/chat/completions",
        &streamed(with(question("Hello"), json!({"n": 2}))),
    )
    .await
    .chunks();
    for index in 0..2 {
        let ends = two.iter().filter(|chunk| {
            chunk["choices"][0]["index"] == index && chunk["choices"][0]["finish_reason"] == "stop"
        });
        assert_eq!(ends.count(), 1);
    }
    let parameters = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    let tools = json!([{"type": "function", "function": {"name": "get_weather", "parameters": parameters}}]);
    let request = streamed(with(
        question("What is the weather in Rome?"),
        json!({"tools": tools}),
    ));
    let calls = post(&sim, "/chat/completions", &request).await.chunks();
    let delta = |chunk: &Value| chunk["choices"][0]["delta"]["tool_calls"][0].clone();
    assert_eq!(delta(&calls[0])["function"]["name"], "get_weather");
    let arguments: String = calls
        .iter()
        .filter_map(|chunk| {
            delta(chunk)["function"]["arguments"]
                .as_str()
                .map(str::to_owned)
        })
        .collect();
    assert_eq!(
        serde_json::from_str::<Value>(&arguments).unwrap(),
        json!({"city": "Rome"})
    );
    assert!(
        calls
            .iter()
            .any(|chunk| chunk["choices"][0]["finish_reason"] == "tool_calls")
    );
}

async fn check(script: Script) -> Answer {
    let sim = start().await;
    sim.script(script);
    post(
        &sim,
        "/chat/completions",
        &streamed(question("Doors open. What opens?")),
    )
    .await
}

#[tokio::test]
async fn quirks_of_compatible_servers_are_played() {
    let every = check(Script::new().quirk(Quirk::UsageOnEveryChunk))
        .await
        .chunks();
    assert!(
        every.iter().all(
            |chunk| chunk["usage"]["prompt_tokens"].is_u64() && chunk["choices"][0].is_object()
        )
    );
    let first = check(Script::new().quirk(Quirk::FirstChunkWithoutChoices))
        .await
        .chunks();
    assert_eq!(first[0]["choices"], json!([]));
    let ignored = check(Script::new().quirk(Quirk::IgnoresStreamOptions))
        .await
        .chunks();
    assert!(ignored.iter().all(|chunk| chunk.get("usage").is_none()));
    let comments = check(
        Script::new()
            .quirk(Quirk::CommentsBetweenEvents)
            .quirk(Quirk::CarriageReturns),
    )
    .await;
    assert!(comments.text.starts_with(": keep-alive\r\n\r\ndata: {"));
    assert!(comments.text.ends_with("data: [DONE]\r\n\r\n"));
    let endless = check(Script::new().quirk(Quirk::NoDone)).await;
    assert!(!endless.text.contains("[DONE]") && endless.chunks().len() > 2);
    let silent = check(Script::new().no_usage()).await.chunks();
    assert!(
        silent
            .iter()
            .all(|chunk| chunk["usage"].is_null() && chunk["choices"][0].is_object())
    );
}

#[tokio::test]
async fn an_error_inside_a_stream_ends_it_without_done() {
    let answer = check(Script::new().error_after_chunks(2).message("broke").code(7)).await;
    assert_eq!(answer.status, 200);
    let chunks = answer.chunks();
    assert_eq!(
        (
            chunks.len(),
            &chunks[2]["error"]["message"],
            &chunks[2]["error"]["code"]
        ),
        (3, &json!("broke"), &json!(7))
    );
    assert!(!answer.text.contains("[DONE]"));
}

#[tokio::test]
async fn a_malformed_event_stands_among_good_ones() {
    let answer = check(Script::new().malformed()).await;
    let events = answer.events();
    assert!(serde_json::from_str::<Value>(events[0]).is_ok());
    assert!(serde_json::from_str::<Value>(events[1]).is_err());
    assert!(serde_json::from_str::<Value>(events[2]).is_ok());
}
