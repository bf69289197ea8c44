//! Each law holds for an honest answer and is broken by one change.
//!
//! Invariants: none of its own.
//! Does not know: the simulator.

use serde_json::{Value, json};

use super::laws;
use crate::events::{Event, EventData};
use crate::exchange::{Exchange, Payload};

fn exchange(route: &str, request: Value, answer: Payload) -> Exchange {
    Exchange {
        method: "POST".to_owned(),
        route: route.to_owned(),
        status: 200,
        headers: Vec::new(),
        request: Some(request),
        answer,
    }
}

fn set(value: &Value, place: &str, new: Value) -> Value {
    let mut value = value.clone();
    *value
        .pointer_mut(place)
        .unwrap_or_else(|| panic!("no {place}")) = new;
    value
}

fn found(exchange: &Exchange) -> Vec<String> {
    laws(exchange)
        .iter()
        .map(|finding| finding.difference.to_string())
        .collect()
}

/// The honest answer breaks nothing; with `new` at `place` it breaks a law in these words.
fn check(route: &str, request: &Value, answer: &Value, place: &str, new: Value, words: &str) {
    let told = |answer: Value| found(&exchange(route, request.clone(), Payload::Json(answer)));
    assert_eq!(told(answer.clone()), [""; 0]);
    let found = told(set(answer, place, new));
    assert!(
        found.iter().any(|finding| finding.contains(words)),
        "{place}: {found:?}"
    );
}

fn usage() -> Value {
    json!({
        "prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13,
        "prompt_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 2},
        "completion_tokens_details": {"reasoning_tokens": 1},
    })
}

fn chat() -> Value {
    let choice = |index: u64| {
        let message = json!({"role": "assistant", "content": "yes", "refusal": null});
        json!({"index": index, "message": message, "logprobs": null, "finish_reason": "stop"})
    };
    json!({"id": "a", "created": 1_790_000_000, "choices": [choice(0), choice(1)], "usage": usage()})
}

#[test]
fn whole_answers() {
    let request = json!({"n": 2, "max_completion_tokens": 2});
    for (place, new, words) in [
        ("/usage", Value::Null, "`usage` is missing"),
        (
            "/usage/total_tokens",
            json!(14),
            "is not the sum of its parts",
        ),
        (
            "/usage/prompt_tokens",
            json!(0),
            "is 0 though something was sent",
        ),
        (
            "/usage/completion_tokens",
            json!(0),
            "is 0 though something was said",
        ),
        (
            "/usage/completion_tokens",
            json!(5),
            "is more than the request allows",
        ),
        ("/usage/completion_tokens", json!(-4), "is below zero"),
        (
            "/usage/prompt_tokens_details/cached_tokens",
            json!(10),
            "`usage.prompt_tokens_details.cached_tokens` is more",
        ),
        (
            "/usage/prompt_tokens_details/cached_tokens",
            json!(8),
            "are together more",
        ),
        (
            "/usage/completion_tokens_details/reasoning_tokens",
            json!(5),
            "reasoning_tokens` is more",
        ),
        ("/choices/0/index", json!(1), "is not its place"),
        ("/choices", json!([]), "has 0 and 2 were asked for"),
        (
            "/choices/0/finish_reason",
            json!("tool_calls"),
            "has no call",
        ),
        (
            "/choices/0/logprobs",
            json!({"content": []}),
            "though it was not asked for",
        ),
        (
            "/created",
            json!(1_790_000_000_000_u64),
            "is no time in seconds",
        ),
        ("/id", json!(""), "`id` is empty"),
    ] {
        check("/chat/completions", &request, &chat(), place, new, words);
    }
}

#[test]
fn log_probabilities_are_those_asked_for() {
    let request = json!({"n": 2, "logprobs": true, "top_logprobs": 1});
    let token = json!({"token": "yes", "logprob": -0.5, "top_logprobs": [{}]});
    let given = json!({"content": [token]});
    let answer = set(&chat(), "/choices/0/logprobs", given.clone());
    let answer = set(&answer, "/choices/1/logprobs", given);
    for (place, new, words) in [
        (
            "/choices/0/logprobs",
            Value::Null,
            "is missing though it was asked for",
        ),
        (
            "/choices/0/logprobs/content/0/top_logprobs",
            json!([{}, {}]),
            "lists more than were asked for",
        ),
    ] {
        check("/chat/completions", &request, &answer, place, new, words);
    }
}

fn stream(chunks: Vec<Value>) -> Exchange {
    let event = |chunk| Event {
        name: None,
        data: EventData::Json(chunk),
    };
    let events = chunks.into_iter().map(event).collect();
    exchange(
        "/chat/completions",
        json!({"stream": true}),
        Payload::Events(events),
    )
}

fn chunks() -> Vec<Value> {
    let chunk = |delta: Value| json!({"id": "a", "created": 1_790_000_000, "model": "m", "choices": [{"index": 0, "delta": delta}], "usage": null});
    let call = json!({"index": 0, "id": "c", "function": {"name": "f", "arguments": ""}});
    let mut last = chunk(json!({}));
    last["choices"] = json!([]);
    last["usage"] = usage();
    vec![
        chunk(json!({"role": "assistant", "tool_calls": [call]})),
        chunk(json!({"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]})),
        last,
    ]
}

#[test]
fn streams() {
    assert_eq!(found(&stream(chunks())), [""; 0]);
    for (number, place, new, words) in [
        (1, "/id", json!("b"), "`id` differs"),
        (1, "/created", json!(1_790_000_001), "`created` differs"),
        (2, "/model", json!("n"), "`model` differs"),
        (
            0,
            "/choices/0/index",
            json!(1),
            "has 2 and 1 were asked for",
        ),
        (
            0,
            "/choices/0/delta/tool_calls/0/id",
            Value::Null,
            "begins without its id",
        ),
        (
            0,
            "/choices/0/delta/tool_calls/0/index",
            json!(1),
            "`choices[].delta.tool_calls[].index` does not count",
        ),
        (
            2,
            "/usage/total_tokens",
            json!(1),
            "is not the sum of its parts",
        ),
    ] {
        let mut chunks = chunks();
        chunks[number] = set(&chunks[number], place, new);
        let found = found(&stream(chunks));
        assert!(
            found.iter().any(|finding| finding.contains(words)),
            "{place}: {found:?}"
        );
    }
    let mut shifted = chunks();
    for chunk in &mut shifted[..2] {
        chunk["choices"][0]["index"] = json!(1);
    }
    assert!(found(&stream(shifted))[0].contains("does not count from 0"));
}

#[test]
fn an_answer_is_whole_or_a_stream_as_asked() {
    let mut asked = stream(chunks());
    asked.request = Some(json!({}));
    assert!(found(&asked)[0].contains("is a stream though none was asked for"));
    let whole = exchange(
        "/chat/completions",
        json!({"stream": true, "n": 2}),
        Payload::Json(chat()),
    );
    assert!(found(&whole)[0].contains("is whole though a stream was asked for"));
}

#[test]
fn embeddings() {
    let request = json!({"model": "m", "input": ["a", "b"], "dimensions": 2});
    let vector = |index: u64| json!({"index": index, "embedding": [0.6, 0.8]});
    let usage = json!({"prompt_tokens": 2, "total_tokens": 2});
    let answer = json!({"data": [vector(0), vector(1)], "usage": usage});
    for (place, new, words) in [
        ("/data/0/index", json!(1), "is not its place"),
        ("/data", json!([vector(0)]), "has 1 and 2 inputs were sent"),
        (
            "/data/1/embedding",
            json!([1.0]),
            "has 1 dimensions and not 2",
        ),
        (
            "/data/1/embedding",
            json!([0.5, 0.5]),
            "does not have length 1",
        ),
        (
            "/data/1/embedding",
            json!("AACAPwAAAAA="),
            "is not in the form",
        ),
        ("/data/1/embedding", json!("AACAPwA="), "is no vector"),
        (
            "/usage/total_tokens",
            json!(3),
            "is not the sum of its parts",
        ),
    ] {
        check("/embeddings", &request, &answer, place, new, words);
    }
    let known = json!({"model": "text-embedding-3-small", "input": "a"});
    let short = exchange(
        "/embeddings",
        known,
        Payload::Json(json!({"data": [vector(0)]})),
    );
    assert!(found(&short)[0].contains("has 2 dimensions and not 1536"));
}

#[test]
fn models_and_refusals() {
    let mut models = exchange(
        "/models",
        json!({}),
        Payload::Json(json!({"data": [{"id": "a"}, {"id": "a"}]})),
    );
    assert_eq!(found(&models), ["breaking: `data[].id` stands twice"]);
    models.status = 400;
    models.answer = Payload::Json(json!({"error": {"message": ""}}));
    assert_eq!(found(&models), ["breaking: `error.message` says nothing"]);
}

#[test]
fn a_broken_sum_has_one_sentence_whatever_its_numbers() {
    let sentence = |input: u64| {
        let usage = json!({"prompt_tokens": input, "total_tokens": 1});
        let answer = json!({"data": [], "usage": usage});
        let mut flaws = super::Flaws::default();
        super::usage::check(
            &answer["usage"],
            super::usage::Called::default(),
            &mut flaws,
        );
        flaws.0.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(sentence(7), sentence(8));
    assert_eq!(sentence(7).len(), 1);
}
