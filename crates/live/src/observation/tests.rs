//! What keyward may not do to a stream, and what an accepting run must tell.
//!
//! Invariants: held to the contracts of the tree.
//! Does not know: servers.

use std::path::Path;

use contracts::{Exchange, Payload};
use serde_json::{Value, json};

use super::{Found, Known};
use crate::check::Door;
use crate::world::Noted;

fn known(upstream: &str) -> Known {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts");
    Known::read(&folder, upstream).unwrap()
}

fn chunk(id: &str, choice: &Value) -> String {
    let chunk = json!({"id": id, "object": "chat.completion.chunk", "created": 1_790_000_000, "model": "m",
        "system_fingerprint": null, "service_tier": "default", "choices": [choice]});
    format!("data: {chunk}\n\n")
}

fn choice(delta: &Value, reason: &Value) -> Value {
    json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": reason})
}

/// A stream of three chunks; the last has this id.
fn stream(door: Door, last: &str, end: &str) -> Noted {
    let body = [
        chunk(
            "a",
            &choice(&json!({"role": "assistant", "content": ""}), &Value::Null),
        ),
        chunk("a", &choice(&json!({"content": "x"}), &Value::Null)),
        chunk(last, &choice(&json!({}), &json!("stop"))),
        end.to_owned(),
    ];
    let request =
        json!({"model": "m", "stream": true, "messages": [{"role": "user", "content": "x"}]});
    Noted {
        door,
        paired: true,
        call: None,
        exchange: Exchange {
            method: "POST".to_owned(),
            route: "/chat/completions".to_owned(),
            status: 200,
            headers: Vec::new(),
            request: Some(request),
            answer: Payload::read("text/event-stream", body.concat().as_bytes()),
        },
    }
}

const DONE: &str = "data: [DONE]\n\n";

fn judged(last: &str, end: &str) -> Vec<String> {
    let noted = [
        stream(Door::Direct, "a", DONE),
        stream(Door::Keyward, last, end),
    ];
    let changed = known("openai").judge(&noted).changed;
    let of_order = changed.iter().map(ToString::to_string);
    of_order
        .filter(|line| line.contains("order:") || line.contains("law:"))
        .collect()
}

#[test]
fn a_stream_that_keyward_breaks_is_a_change() {
    assert_eq!(judged("a", DONE), [""; 0]);
    let ids = judged("b", DONE);
    assert!(
        ids.iter().any(|line| line.contains("law: `id` differs")),
        "{ids:?}"
    );
    let twice = judged("a", "data: [DONE]\n\ndata: [DONE]\n\n");
    assert!(
        twice
            .iter()
            .any(|line| line.contains("`[DONE] comes once` does not hold")),
        "{twice:?}"
    );
}

#[test]
fn a_breaking_difference_that_is_accepted_is_told_and_counted() {
    let known = known("openai");
    let new = known.judge(&[stream(Door::Direct, "b", DONE)]).new;
    assert!(!new.is_empty());
    let found = Found {
        accepted: new.clone(),
        accepted_now: Vec::new(),
        new: Vec::new(),
        gone: Vec::new(),
        unseen: Vec::new(),
        changed: Vec::new(),
    };
    let found = found.accepting(new.clone());
    assert_eq!(
        (found.accepted.len(), found.accepted_now.len()),
        (0, new.len())
    );
    let [row, _] = known.rows(&found);
    let crate::check::Outcome::Pass(figures) = row.outcome else {
        panic!("{row:?}");
    };
    assert!(
        figures
            .iter()
            .any(|(name, count)| *name == "of_them_breaking" && *count > 0.0),
        "{figures:?}"
    );
}
