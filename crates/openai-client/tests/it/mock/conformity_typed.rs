//! The readers take every answer and event that the contracts of responses, images, audio, batches and completions allow, and those that
//! may come without a warning.
//!
//! Invariants: every type of event of a contract is here; a failure names type, contract and field.
//! Does not know: order of events, laws between values, connections: answers come from memory.

use std::cell::LazyCell;
use std::path::PathBuf;

use contracts::{Contract, Contracts, Example};
use openai_client::usage::{BodyKind, read as read_usage};
use openai_client::wire::{AnswerHead, ChunkHead, End, EventHead};
use openai_client::{CompletionRequest, ResponseRequest};
use serde_json::{Value, json};

use super::conformity::{client, read};

fn folder() -> Contracts {
    let folder: PathBuf = [env!("CARGO_MANIFEST_DIR"), "..", "..", "contracts"]
        .iter()
        .collect();
    let files = std::fs::read_dir(folder).unwrap().filter_map(|entry| {
        let path = entry.unwrap().path();
        let is_contract = path.extension().is_some_and(|kind| kind == "toml");
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        is_contract.then(|| (stem, std::fs::read_to_string(&path).unwrap()))
    });
    Contracts::read(files).unwrap()
}

/// What this contract allows, and what may come besides.
fn all(contract: &Contract) -> Vec<Example> {
    [contract.examples(), contract.surprises()].concat()
}

fn answers(stem: &str) -> Vec<Example> {
    let examples = all(&folder().whole(stem).unwrap());
    assert!(examples.len() >= 3, "{stem} has too few examples");
    examples
}

/// Without those that are special deep inside a response: to read these once, as a whole body, is enough.
fn lean(examples: Vec<Example>) -> Vec<Example> {
    const DEEP: [&str; 5] = ["output[].", "tool_usage.", "text.", "reasoning.", "item."];
    let shallow = |example: &Example| !DEEP.iter().any(|deep| example.what.contains(deep));
    examples.into_iter().filter(shallow).collect()
}

/// Each type of event of this contract, with its examples. A response inside is made up once for all types, which differ in nothing else.
fn events(stem: &str) -> Vec<(String, Vec<Example>)> {
    let folder = folder();
    let responses = LazyCell::new(|| lean(all(&folder.whole("response").unwrap())));
    let holds_response = |kind: &str| {
        let likes = &folder.get(stem).unwrap().events[kind].likes;
        likes
            .get("response")
            .is_some_and(|like| like.path.is_empty())
    };
    let examples = |kind: &str| {
        if !holds_response(kind) {
            return all(&folder.event(stem, kind).unwrap());
        }
        let holding = |example: &Example| Example {
            what: example.what.clone(),
            value: json!({"type": kind, "sequence_number": 1, "response": example.value}),
        };
        responses.iter().map(holding).collect()
    };
    let kinds = folder.get(stem).unwrap().events.keys();
    let events: Vec<_> = kinds.map(|kind| (kind.clone(), examples(kind))).collect();
    assert!(events.len() >= 2, "{stem} has too few types of events");
    events
}

/// Whether a body or event of this kind reports, as its contract has it.
fn reports(kind: BodyKind, value: &Value) -> bool {
    let ended = ["completed", "incomplete", "failed", "cancelled", "expired"];
    let status = value["status"].as_str();
    let usage = &value["usage"];
    let counts = ["input_tokens", "prompt_tokens", "seconds"];
    let told = counts.iter().any(|count| usage[count].is_number());
    match kind {
        BodyKind::Unmetered => false,
        BodyKind::Translation => value["duration"].is_number(),
        BodyKind::Response | BodyKind::Batch => {
            told && status.is_none_or(|status| ended.contains(&status))
        }
        _ => told,
    }
}

#[test]
fn whole_bodies_are_read() {
    for (stem, kind) in [
        ("completion", BodyKind::Completion),
        ("response", BodyKind::Response),
        ("response.stored", BodyKind::Response),
        ("images", BodyKind::Images),
        ("transcription", BodyKind::Transcription),
        ("translation", BodyKind::Translation),
        ("batch", BodyKind::Batch),
        ("moderation", BodyKind::Unmetered),
        ("response.input_tokens", BodyKind::Unmetered),
    ] {
        let mut reported = 0;
        let examples = answers(stem);
        let is_again = stem == "response.stored";
        for example in if is_again { lean(examples) } else { examples } {
            let text = example.value.to_string();
            let result = AnswerHead::read(kind, text.as_bytes());
            let head = read("AnswerHead", stem, &example, result);
            let what = &example.what;
            assert_eq!(
                head.id.as_deref(),
                example.value["id"].as_str(),
                "{stem}, {what}"
            );
            assert_eq!(
                head.model.as_deref(),
                example.value["model"].as_str(),
                "{stem}, {what}"
            );
            let usage = read_usage(kind, text.as_bytes()).unwrap();
            assert_eq!(
                usage.is_some(),
                reports(kind, &example.value),
                "{stem}, {what}"
            );
            reported += usize::from(usage.is_some());
        }
        assert!(
            reported > 0 || kind == BodyKind::Unmetered,
            "{stem} never reports"
        );
    }
}

#[test]
fn events_of_responses_are_read() {
    let stem = "response_event";
    let mut ends = Vec::new();
    for (kind, examples) in events(stem) {
        let end = End::of(&kind);
        ends.extend(end);
        for example in examples {
            let text = example.value.to_string();
            let result = EventHead::parse(text.as_bytes());
            let head = read("EventHead", stem, &example, result);
            let what = format!("{kind}, {}", example.what);
            assert_eq!(
                (head.kind.as_deref(), head.end),
                (Some(kind.as_str()), end),
                "{what}"
            );
            let response = &example.value["response"];
            let used = end.is_some() && response["usage"].is_object();
            assert_eq!(head.usage.is_some(), used, "{what}");
            let id = head.response.as_ref().and_then(|head| head.id.as_deref());
            assert_eq!(id, response["id"].as_str(), "{what}");
            let new = has_text(&example.value["delta"]) || kind.ends_with("partial_image");
            let named =
                kind == "response.output_item.added" && example.value["item"]["name"].is_string();
            let is_error = head.error.is_some();
            assert_eq!(
                is_error,
                kind == "error" || response["error"].is_object(),
                "{what}"
            );
            assert_eq!(head.content_bytes > 0, new || named, "{what}");
        }
    }
    let expected = [End::Error, End::Completed, End::Failed, End::Incomplete];
    assert_eq!(ends, expected, "in the order of their names");
}

#[test]
fn events_of_images_and_audio_are_read() {
    for (stem, kind) in [
        ("image_event", BodyKind::ImagesEvent),
        ("speech_event", BodyKind::SpeechEvent),
        ("transcription_event", BodyKind::TranscriptionEvent),
    ] {
        let mut reported = 0;
        for (name, examples) in events(stem) {
            for example in examples {
                let text = example.value.to_string();
                let result = EventHead::read(kind, text.as_bytes());
                let head = read("EventHead", stem, &example, result);
                let used = head.end.is_some() && reports(kind, &example.value);
                assert_eq!(head.usage.is_some(), used, "{name}, {}", example.what);
                assert_eq!(head.end, End::of(&name), "{name}, {}", example.what);
                reported += usize::from(used);
            }
        }
        assert!(reported > 0, "{stem} never reports");
    }
    let stem = "completion_chunk";
    for example in answers(stem) {
        let text = example.value.to_string();
        let result = ChunkHead::parse(text.as_bytes());
        let head = read("ChunkHead", stem, &example, result);
        assert_eq!(
            head.usage.reported().is_some(),
            example.value["usage"].is_object(),
            "{}",
            example.what
        );
        assert!(head.content_bytes > 0, "{}", example.what);
    }
}

/// Whether there is a string in it, at any depth.
fn has_text(value: &Value) -> bool {
    match value {
        Value::String(_) => true,
        Value::Object(members) => members.values().any(has_text),
        Value::Array(values) => values.iter().any(has_text),
        _ => false,
    }
}

fn question() -> ResponseRequest {
    ResponseRequest::new("asked").user("Hello?")
}

#[tokio::test]
async fn the_client_reads_whole_responses() {
    let stem = "response";
    for example in lean(answers(stem)) {
        let client = client(200, example.value.to_string());
        let result = client.respond(question()).await;
        if example.value["error"].is_object() {
            let error = result.unwrap_err();
            assert_eq!(error.api().unwrap().message, "text", "{}", example.what);
            continue;
        }
        let response = read("ModelResponse", stem, &example, result);
        let output = example.value["output"].as_array().unwrap();
        assert_eq!(
            (&response.output, response.id.as_str()),
            (output, "text"),
            "{}",
            example.what
        );
    }
    // The richest answer without the error that it can't have beside it.
    let mut rich = answers(stem).swap_remove(0).value;
    rich["error"] = Value::Null;
    rich["status"] = json!("completed");
    rich["output"][0]["type"] = json!("message");
    rich["output"][0]["content"][0]["type"] = json!("output_text");
    let response = client(200, rich.to_string())
        .respond(question())
        .await
        .unwrap();
    assert_eq!(
        (response.text.as_str(), response.usage.is_some()),
        ("text", true)
    );
}

#[tokio::test]
async fn the_client_reads_streams_of_responses() {
    let last = json!({"type": "response.completed", "response": {"id": "resp_1", "output": []}});
    for (kind, examples) in events("response_event") {
        // What the head reads is shown above; this is what the client makes of it.
        for example in examples.into_iter().step_by(5) {
            let what = format!("{kind}, {}", example.what);
            let body = format!("data: {}\n\ndata: {last}\n\n", example.value);
            let mut stream = client(200, body).respond_stream(question()).await.unwrap();
            let result = stream.next().await;
            if kind == "error"
                || example.value["response"]["error"].is_object() && End::of(&kind).is_some()
            {
                assert!(result.unwrap_err().api().is_some(), "{what}");
                continue;
            }
            if kind == "response.failed" {
                result.unwrap_err();
                continue;
            }
            let step = read("ResponseStream", "response_event", &example, result);
            if End::of(&kind).is_some() {
                assert!(step.is_none() && stream.response().is_some(), "{what}");
                continue;
            }
            let step = step.unwrap_or_else(|| panic!("ResponseStream passes over {what}"));
            assert_eq!(
                (step.kind.as_str(), &step.event),
                (kind.as_str(), &example.value),
                "{what}"
            );
            let text = if kind == "response.output_text.delta" {
                "text"
            } else {
                ""
            };
            assert_eq!(step.text, text, "{what}");
            assert_eq!(stream.next().await.unwrap(), None, "{what}");
        }
    }
}

#[tokio::test]
async fn the_client_reads_completions_and_moderations() {
    for example in answers("completion") {
        let request = CompletionRequest::new("asked", "Once");
        let result = client(200, example.value.to_string())
            .complete(request)
            .await;
        let completion = read("Completion", "completion", &example, result);
        assert_eq!(completion.text, "text", "{}", example.what);
        assert_eq!(
            completion.usage.is_some(),
            example.value["usage"].is_object(),
            "{}",
            example.what
        );
    }
    for example in answers("moderation") {
        let client = client(200, example.value.to_string());
        let result = client.moderate("asked", "text").await;
        let moderation = read("Moderation", "moderation", &example, result);
        assert!(
            moderation.flagged && moderation.categories.is_empty(),
            "{}",
            example.what
        );
    }
}
