//! Streamed chat answers: events, their order, their head.
//!
//! Invariants: none of its own.
//! Does not know: what is said.

use contracts::{Event, EventData, Payload};
use openai_sim::Script;
use serde_json::{Value, json};

use super::calls::{CHAT, chat, post, streams, tools};
use super::{contracts, expect_true, findings, json, observe_all, start};

async fn check(requests: Vec<Value>, reports: usize) {
    let sim = start().await;
    let exchanges = observe_all(&sim, post(CHAT, requests)).await;
    expect_true(&exchanges, 200);
    for exchange in &exchanges {
        let chunks = json(exchange);
        assert!(chunks.len() >= 3);
        let reported = chunks.iter().filter(|chunk| chunk["usage"].is_object());
        assert_eq!(reported.count(), reports);
    }
}

fn streamed(fields: Value) -> Value {
    let mut request = chat("gpt-4o", fields);
    request["stream"] = json!(true);
    request["stream_options"] = json!({"include_usage": true});
    request
}

#[tokio::test]
async fn streams_with_usage_keep_contract_and_order() {
    check(streams(true), 1).await;
}

#[tokio::test]
async fn streams_without_usage_keep_contract_and_order() {
    check(streams(false), 0).await;
}

#[tokio::test]
async fn streamed_tool_calls_keep_contract_and_order() {
    check(vec![streamed(json!({"tools": tools()}))], 1).await;
}

#[tokio::test]
async fn streamed_logprobs_keep_contract_and_order() {
    check(
        vec![streamed(json!({"logprobs": true, "top_logprobs": 2}))],
        1,
    )
    .await;
}

#[tokio::test]
async fn several_streamed_choices_keep_contract_and_order() {
    check(vec![streamed(json!({"n": 3}))], 1).await;
}

#[tokio::test]
async fn an_error_inside_a_stream_keeps_the_contract_of_errors() {
    let sim = start().await;
    sim.script(Script::new().error_after_chunks(2));
    let exchanges = observe_all(&sim, post(CHAT, vec![streamed(json!({}))])).await;
    expect_true(&exchanges, 200);
    let Payload::Events(events) = &exchanges[0].answer else {
        panic!("{exchanges:?}");
    };
    assert!(json(&exchanges[0])[2]["error"]["message"].is_string());
    let done = |event: &Event| matches!(&event.data, EventData::Text(_));
    assert!(!events.iter().any(done));
}

#[tokio::test]
async fn a_stream_that_ends_too_early_is_noticed() {
    let sim = start().await;
    sim.script(Script::new().end_after_chunks(3));
    let exchanges = observe_all(&sim, post(CHAT, vec![streamed(json!({}))])).await;
    let found = findings(contracts(), &exchanges);
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert!(
        found
            .iter()
            .any(|finding| finding.contains("`[DONE] comes once` does not hold")),
        "{found:?}"
    );
    assert!(
        found
            .iter()
            .any(|finding| finding.contains("`every choice finishes once` does not hold")),
        "{found:?}"
    );
}
