//! Whole chat answers.
//!
//! Invariants: none of its own.
//! Does not know: what is said.

use serde_json::{Value, json};

use super::calls::{CHAT, chat, chats, post, tools};
use super::{expect_true, json, observe_all, start};

async fn check(requests: Vec<Value>, has: &str) {
    let sim = start().await;
    let exchanges = observe_all(&sim, post(CHAT, requests)).await;
    expect_true(&exchanges, 200);
    let shows = |exchange| {
        !json(exchange)[0]
            .pointer(has)
            .unwrap_or(&Value::Null)
            .is_null()
    };
    assert!(exchanges.iter().all(shows), "an answer lacks {has}");
}

#[tokio::test]
async fn whole_answers_keep_their_contract() {
    check(chats(), "/usage/total_tokens").await;
}

#[tokio::test]
async fn answers_with_tool_calls_keep_their_contract() {
    let tools = json!({"tools": tools()});
    check(
        vec![chat("gpt-4o", tools)],
        "/choices/0/message/tool_calls/0/function/arguments",
    )
    .await;
}

#[tokio::test]
async fn answers_with_logprobs_keep_their_contract() {
    let logprobs = json!({"logprobs": true, "top_logprobs": 3});
    check(
        vec![chat("gpt-4o", logprobs)],
        "/choices/0/logprobs/content/0/top_logprobs/2",
    )
    .await;
}

#[tokio::test]
async fn several_choices_keep_their_contract() {
    check(
        vec![chat("gpt-4o", json!({"n": 4}))],
        "/choices/3/message/content",
    )
    .await;
}
