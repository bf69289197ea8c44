//! Keys that an upstream or a caller put where they might come back.
//!
//! Invariants: neither the upstream's key nor what a caller presented is in any answer; each test is named after what went wrong.
//! Does not know: the log.

use access::ImportStrength;
use openai_sim::Script;
use secrecy::SecretString;
use serde_json::json;

use crate::world::{Answer, World, chat};

fn check_clean(answer: &Answer, key: &str) {
    assert!(!answer.body.contains(key), "{}", answer.body);
    assert!(
        !format!("{:?}", answer.headers).contains(key),
        "{:?}",
        answer.headers
    );
}

#[tokio::test]
async fn an_answer_with_status_200_brought_the_upstreams_key() {
    let world = World::new().await;
    let key = world.upstream_key.clone();
    let error = json!({"error": {"message": format!("got Authorization: Bearer {key}")}});
    let text = json!({"model": "gpt-4o-mini", "choices": [{"message": {"content": key}}]});
    for body in [error, text] {
        let script = Script::raw("application/json", body.to_string());
        world.sim.script(
            script
                .header("openai-version", &key)
                .on("/chat/completions"),
        );
        let answer = world.post("/chat/completions", &chat(&json!({}))).await;
        assert_eq!(answer.status, 200);
        check_clean(&answer, &key);
    }
}

#[tokio::test]
async fn a_frame_that_is_no_chunk_brought_the_upstreams_key() {
    let world = World::new().await;
    let key = world.upstream_key.clone();
    let chunk = json!({"choices": [{"delta": {"content": key}, "index": 0}]});
    let stream = format!("data: debug {key}\n\n: {key}\n\ndata: {chunk}\n\ndata: [DONE]\n\n");
    world.sim.script(Script::raw("text/event-stream", stream));
    let answer = world
        .post("/chat/completions", &chat(&json!({"stream": true})))
        .await;
    assert!(
        answer.ended && answer.body.contains("[DONE]"),
        "{}",
        answer.body
    );
    check_clean(&answer, &key);
}

#[tokio::test]
async fn a_chunk_that_brought_the_key_was_not_metered_and_the_rest_of_a_stream_not_looked_at() {
    let world = World::new().await;
    let key = world.upstream_key.clone();
    let choice = json!({"delta": {"content": key}, "index": 0, "finish_reason": "stop"});
    let usage = json!({"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10});
    let chunk = json!({"model": "gpt-4o-mini", "choices": [choice], "usage": usage});
    let stream = format!("data: {chunk}\n\ndata: unfinished {key}");
    world.sim.script(Script::raw("text/event-stream", stream));
    let answer = world
        .post("/chat/completions", &chat(&json!({"stream": true})))
        .await;
    check_clean(&answer, &key);
    let entry = world.entries(&answer).await.remove(0);
    assert_eq!((entry.usage.input, entry.usage.output), (7, 3));
    assert_eq!(entry.state.name(), "reported");
}

#[tokio::test]
async fn an_imported_key_in_a_path_came_back_and_one_in_a_query_went_upstream() {
    let world = World::new().await;
    let key = ["plain", "Qm8vT2xK5rW9", "zL4nB7cJ1hF6", "dS3gP0aY"].concat();
    let new = access::NewKey {
        name: "imported".to_owned(),
        project: "tests".to_owned(),
        ..access::NewKey::default()
    };
    let secret = SecretString::from(key.clone());
    world
        .keyring
        .import(new, secret, ImportStrength::Strong, world.noon())
        .await
        .unwrap();
    let bearer = format!("Bearer {key}");
    let path = format!("/no/such/{key}");
    let unknown = Answer::of(world.request("GET", &path).header("authorization", &bearer)).await;
    assert_eq!(unknown.status, 404);
    check_clean(&unknown, &key);
    let path = format!("/chat/completions?key={key}");
    let request = world
        .request("POST", &path)
        .header("authorization", &bearer);
    let request = request.header("content-type", "application/json");
    assert_eq!(
        Answer::of(request.body(chat(&json!({})).to_string()))
            .await
            .status,
        200
    );
    assert_eq!(world.sim.calls().last().unwrap().query, None);
}

#[tokio::test]
async fn an_encoded_slash_in_a_model_id_left_its_segment() {
    let world = World::new().await;
    for id in [
        "a%2F..%2F..%2Forganization%2Fcosts",
        "..%2Ffiles",
        "a%00b",
        "a%5Cb",
        "%",
    ] {
        let answer = world.get(&format!("/models/{id}")).await;
        assert_eq!(answer.status, 400, "{id}: {}", answer.body);
    }
    assert!(world.sim.calls().is_empty());
    assert_eq!(world.get("/models/gpt%2D4o%2Dmini").await.status, 200);
}

#[tokio::test]
async fn a_long_refusal_of_a_callers_input_opened_the_circuit() {
    let world = World::with(&[("KEYWARD_BREAKER__CONSECUTIVE_FAILURES_MAX", "2")]).await;
    let long = "x".repeat(2 * 1024 * 1024);
    for _ in 0..3 {
        world
            .sim
            .script(Script::raw("application/json", long.clone()).with_status(422));
        let answer = world.post("/chat/completions", &chat(&json!({}))).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (422, "upstream_error_unreadable")
        );
    }
    assert_eq!(
        world
            .post("/chat/completions", &chat(&json!({})))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_refusal_of_a_large_body_arrived_as_a_broken_connection() {
    let world = World::with(&[("KEYWARD_SERVER__BODY_BYTES_MAX", "1024")]).await;
    let body = chat(&json!({"padding": "x".repeat(8 * 1024 * 1024)}));
    for key in [world.key.as_str(), "kw-nonsense"] {
        let answer = world.post_as(key, "/chat/completions", &body).await;
        assert_eq!(
            answer.status,
            if key == world.key { 413 } else { 401 },
            "{}",
            answer.body
        );
    }
}
