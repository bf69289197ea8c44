//! Completions as before there were chats, and moderations.
//!
//! Invariants: what was billed is what usage says.
//! Does not know: shapes, which the contracts hold.

use openai_sim::Script;
use serde_json::{Value, json};

use super::{post, start, with};

const COMPLETIONS: &str = "/completions";

fn ask(fields: Value) -> Value {
    let prompt = "Ships sail far away. What do ships do?";
    with(
        json!({"model": "gpt-3.5-turbo-instruct", "prompt": prompt}),
        fields,
    )
}

#[tokio::test]
async fn prompts_are_completed_whole_and_streamed() {
    let sim = start().await;
    let whole = post(&sim, COMPLETIONS, &ask(json!({}))).await.json();
    assert_eq!(whole["choices"][0]["text"], "Ships sail far away.");
    let usage = json!({"stream": true, "stream_options": {"include_usage": true}});
    let answer = post(&sim, COMPLETIONS, &ask(usage)).await;
    let chunks = answer.chunks();
    let text: String = chunks
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["text"].as_str())
        .collect();
    assert_eq!(text, "Ships sail far away.");
    assert_eq!(chunks.last().unwrap()["usage"], whole["usage"]);
    assert!(answer.text.ends_with("data: [DONE]\n\n"));
    sim.idle().await;
    let billed = sim.bill().total();
    assert_eq!(
        json!(billed.input_tokens),
        json!(2 * whole["usage"]["prompt_tokens"].as_u64().unwrap())
    );
    assert_eq!(
        json!(billed.output_tokens),
        json!(2 * whole["usage"]["completion_tokens"].as_u64().unwrap())
    );
}

#[tokio::test]
async fn candidates_are_counted_whether_they_are_given_or_not() {
    let sim = start().await;
    let one = post(&sim, COMPLETIONS, &ask(json!({}))).await.json();
    let best = post(&sim, COMPLETIONS, &ask(json!({"n": 2, "best_of": 4})))
        .await
        .json();
    assert_eq!(best["choices"].as_array().unwrap().len(), 2);
    let output = |answer: &Value| answer["usage"]["completion_tokens"].as_u64().unwrap();
    assert_eq!(output(&best), 4 * output(&one));
    for fields in [
        json!({"n": 2, "best_of": 1}),
        json!({"best_of": 2, "stream": true}),
        json!({"prompt": null}),
    ] {
        assert_eq!(post(&sim, COMPLETIONS, &ask(fields)).await.status, 400);
    }
    let many = json!({"prompt": ["a b", "c"], "max_tokens": 1, "stop": ["."]});
    sim.script(Script::new().text("one two"));
    let many = post(&sim, COMPLETIONS, &ask(many)).await.json();
    assert_eq!(
        (
            &many["choices"][1]["index"],
            &many["choices"][1]["finish_reason"]
        ),
        (&json!(1), &json!("length"))
    );
    let ids = post(&sim, COMPLETIONS, &ask(json!({"prompt": [1, 2, 3]})))
        .await
        .json();
    assert_eq!(ids["usage"]["prompt_tokens"], 3);
}

#[tokio::test]
async fn moderations_are_free() {
    let sim = start().await;
    let answer = post(
        &sim,
        "/moderations",
        &json!({"input": ["hello", "I will kill it"]}),
    )
    .await
    .json();
    let flagged = |index: usize| answer["results"][index]["flagged"].clone();
    assert_eq!((flagged(0), flagged(1)), (json!(false), json!(true)));
    assert_eq!(answer["results"][1]["categories"]["violence"], true);
    let parts = json!({"input": [{"type": "text", "text": "hate"}]});
    let answer = post(&sim, "/moderations", &parts).await.json();
    assert_eq!(answer["results"].as_array().unwrap().len(), 1);
    assert_eq!(sim.bill().total().calls, 0);
}
