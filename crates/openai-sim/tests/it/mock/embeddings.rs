//! Embeddings and models.
//!
//! Invariants: what is asserted is what the API reference says of the objects.
//! Does not know: how vectors come about.

use openai_sim::{Script, Sim, SimOptions};
use serde_json::{Value, json};

use super::{embedding, get, post, start, with};

fn vector(value: &Value) -> Vec<f64> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|value| value.as_f64().unwrap())
        .collect()
}

#[tokio::test]
async fn one_text_gives_1536_dimensions_of_length_one() {
    let answer = post(&start().await, "/embeddings", &embedding("hello world"))
        .await
        .json();
    let vector = vector(&answer["data"][0]["embedding"]);
    assert_eq!(vector.len(), 1536);
    assert!((vector.iter().map(|value| value * value).sum::<f64>() - 1.0).abs() < 1e-5);
    assert_eq!(answer["model"], "text-embedding-ada-002-v2");
    assert_eq!(
        answer["usage"],
        json!({"prompt_tokens": 2, "total_tokens": 2})
    );
}

#[tokio::test]
async fn texts_arrays_and_token_ids_are_taken() {
    let sim = start().await;
    for (input, vectors, tokens) in [
        (json!(["one", "two words"]), 2, 3),
        (json!([1, 2, 3]), 1, 3),
        (json!([[1, 2], [3]]), 2, 3),
    ] {
        let answer = post(&sim, "/embeddings", &embedding(input)).await.json();
        assert_eq!(answer["data"].as_array().unwrap().len(), vectors);
        assert_eq!(answer["data"][vectors - 1]["index"], vectors - 1);
        assert_eq!(answer["usage"]["prompt_tokens"], tokens);
    }
}

#[tokio::test]
async fn base64_and_floats_are_the_same_numbers() {
    use base64::Engine as _;
    let sim = start().await;
    let floats = post(&sim, "/embeddings", &embedding("same")).await.json();
    let coded = post(
        &sim,
        "/embeddings",
        &with(embedding("same"), json!({"encoding_format": "base64"})),
    )
    .await
    .json();
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(coded["data"][0]["embedding"].as_str().unwrap())
        .unwrap();
    let decoded: Vec<f64> = bytes
        .as_chunks()
        .0
        .iter()
        .map(|bytes| f64::from(f32::from_le_bytes(*bytes)))
        .collect();
    let floats = vector(&floats["data"][0]["embedding"]);
    assert_eq!(decoded.len(), floats.len());
    assert!(
        decoded
            .iter()
            .zip(&floats)
            .all(|(left, right)| (left - right).abs() < 1e-8)
    );
}

#[tokio::test]
async fn dimensions_shorten_where_the_model_can() {
    let sim = start().await;
    let request = json!({"model": "text-embedding-3-large", "input": "text", "dimensions": 256});
    let answer = post(&sim, "/embeddings", &request).await.json();
    assert_eq!(
        answer["data"][0]["embedding"].as_array().unwrap().len(),
        256
    );
    let whole = post(
        &sim,
        "/embeddings",
        &json!({"model": "text-embedding-3-large", "input": "text"}),
    )
    .await
    .json();
    assert_eq!(
        whole["data"][0]["embedding"].as_array().unwrap().len(),
        3072
    );
    assert_eq!(
        post(
            &sim,
            "/embeddings",
            &with(embedding("text"), json!({"dimensions": 256}))
        )
        .await
        .status,
        400
    );
}

#[tokio::test]
async fn keyward_headers_tell_cost_and_cache() {
    let sim = Sim::start(SimOptions {
        keyward_headers: true,
        ..SimOptions::default()
    })
    .await
    .unwrap();
    sim.script(Script::new().usage(16, 0).times(2));
    let first = post(&sim, "/embeddings", &embedding("sixteen tokens")).await;
    assert_eq!(
        (
            first.header("x-keyward-cache"),
            first.header("x-keyward-cost-usd")
        ),
        ("miss", "0.0000016")
    );
    assert_eq!(first.header("x-request-id").len(), 36);
    let second = post(&sim, "/embeddings", &embedding("sixteen tokens")).await;
    assert_eq!(
        (
            second.header("x-keyward-cache"),
            second.header("x-keyward-cost-usd")
        ),
        ("hit", "0")
    );
    assert_eq!(sim.bill().total().calls, 1);
}

#[tokio::test]
async fn models_are_listed_and_found() {
    let sim = start().await;
    let list = get(&sim, "/models").await.json();
    let ids: Vec<&str> = list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| model["id"].as_str().unwrap())
        .collect();
    assert!(
        ids.contains(&"text-embedding-ada-002") && ids.contains(&"gpt-6-luna") && ids.len() >= 12,
        "{ids:?}"
    );
    assert_eq!(get(&sim, "/models/gpt-4o").await.json()["object"], "model");
    assert_eq!(get(&sim, "/models/gpt-0").await.status, 404);
    assert_eq!(sim.bill().total().calls, 0);
}
