//! Completions as before there were chats, and moderations.
//!
//! Invariants: none of its own.
//! Does not know: what is said.

use serde_json::{Value, json};

use super::calls::extend;
use super::{Call, expect_true, observe_all, start};

const COMPLETIONS: &str = "/completions";

async fn check(route: &'static str, requests: Vec<Value>) {
    let sim = start().await;
    let calls = requests
        .into_iter()
        .map(|request| Call::post(route, request));
    expect_true(&observe_all(&sim, calls.collect()).await, 200);
}

fn ask(fields: Value) -> Value {
    let mut request =
        json!({"model": "gpt-3.5-turbo-instruct", "prompt": "Doors open. What opens?"});
    extend(&mut request, fields);
    request
}

#[tokio::test]
async fn completions_keep_their_contract() {
    let requests = [
        json!({}),
        json!({"n": 2, "best_of": 3, "max_tokens": 2, "stop": ["."]}),
        json!({"prompt": ["one", "two"], "temperature": 0, "user": "u"}),
        json!({"prompt": [1, 2, 3]}),
    ];
    check(COMPLETIONS, requests.into_iter().map(ask).collect()).await;
}

#[tokio::test]
async fn streams_of_completions_keep_contract_and_order() {
    let requests = [
        json!({"stream": true}),
        json!({"stream": true, "n": 2, "max_tokens": 3, "stream_options": {"include_usage": true}}),
    ];
    check(COMPLETIONS, requests.into_iter().map(ask).collect()).await;
}

#[tokio::test]
async fn moderations_keep_their_contract() {
    let requests = vec![json!({"input": "hello"}), json!({"input": ["one", "kill"]})];
    check("/moderations", requests).await;
}
