//! Embeddings, as numbers and in base64.
//!
//! Invariants: none of its own.
//! Does not know: what vectors mean.

use serde_json::{Value, json};

use super::calls::{EMBEDDINGS, embeddings, extend, post};
use super::{expect_true, json, observe_all, start};

async fn check(requests: Vec<Value>) -> Vec<Value> {
    let sim = start().await;
    let exchanges = observe_all(&sim, post(EMBEDDINGS, requests)).await;
    expect_true(&exchanges, 200);
    exchanges
        .iter()
        .map(|exchange| json(exchange)[0].clone())
        .collect()
}

fn request(fields: Value) -> Value {
    let mut request = json!({"model": "text-embedding-3-large", "input": ["one", "two"]});
    extend(&mut request, fields);
    request
}

#[tokio::test]
async fn embeddings_keep_their_contract() {
    check(embeddings()).await;
}

#[tokio::test]
async fn dimensions_are_those_of_the_model_or_those_asked_for() {
    let answers = check(vec![request(json!({})), request(json!({"dimensions": 5}))]).await;
    let dimensions = |answer: &Value| answer["data"][1]["embedding"].as_array().map(Vec::len);
    assert_eq!(
        [dimensions(&answers[0]), dimensions(&answers[1])],
        [Some(3072), Some(5)]
    );
}

#[tokio::test]
async fn base64_holds_four_bytes_a_dimension() {
    let answers = check(vec![request(
        json!({"dimensions": 6, "encoding_format": "base64"}),
    )])
    .await;
    assert_eq!(
        answers[0]["data"][0]["embedding"].as_str().map(str::len),
        Some(32)
    );
}
