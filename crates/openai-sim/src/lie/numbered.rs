//! Lies about the stream of a response: its numbers, names, beginning and end.
//!
//! Invariants: what is no stream of a response stays as it is; the output tokens of a stream stay on its events.
//! Does not know: fields that are changed alone.

use serde_json::{Value, json};

use super::events::{DONE, Line, double, remove, shift};
use super::twist::Twist;
use crate::plan::Event;

/// From this event on the numbers are wrong.
const SKIPPED: usize = 3;

/// Changes the `number`th event by itself.
pub(super) fn twist_one(value: &mut Value, twist: Twist, number: usize) {
    match twist {
        Twist::SequenceSkips if number >= SKIPPED && value.get("sequence_number").is_some() => {
            value["sequence_number"] = json!(number + 1);
        }
        Twist::DoneDiffers if is(value, |kind| kind.ends_with(".done")) => {
            for name in ["text", "arguments", "refusal"] {
                if let Some(text) = value.get(name).and_then(Value::as_str) {
                    value[name] = json!(format!("{text} "));
                }
            }
        }
        Twist::UsageEarly if is(value, |kind| kind == "response.created") => {
            value["response"]["usage"] = json!({
                "input_tokens": 1,
                "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
                "output_tokens": 1,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": 2,
            });
        }
        Twist::IdsDiffer => {
            if let Some(id) = value["response"]["id"].as_str() {
                value["response"]["id"] = json!(format!("{id}{number}"));
            }
        }
        Twist::CreatedDiffers => {
            if let Some(created) = value["response"]["created_at"].as_u64() {
                value["response"]["created_at"] = json!(created + number as u64);
            }
        }
        _ => {}
    }
}

/// Moves, doubles and drops events, before they are numbered.
pub(super) fn reorder(events: &mut Vec<Event>, twist: Twist) {
    match twist {
        Twist::BeginMissing => remove(events, |event| {
            is(&event.value, |kind| kind == "response.created")
        }),
        Twist::EndMissing => remove(events, ends),
        Twist::EndTwice => double(events, ends, ends),
        Twist::DeltaAfterDone => double(events, is_delta, |event| is(&event.value, is_done_text)),
        Twist::DeltaEarly => shift(events, is_delta, |event| {
            is(&event.value, |kind| kind == "response.output_item.added")
        }),
        Twist::ItemDoneMissing => remove(events, |event| {
            is(&event.value, |kind| kind == "response.output_item.done")
        }),
        _ => {}
    }
}

/// Twists names and the end, when the events are lines.
pub(super) fn twist_lines(lines: &mut Vec<Line>, twist: Twist) {
    let named = lines.iter().position(|line| line.name.is_some());
    match (twist, named) {
        (Twist::EventNameMissing, _) => lines.iter_mut().for_each(|line| line.name = None),
        (Twist::EventNameWrong, Some(first)) => lines[first].name = Some("message".to_owned()),
        (Twist::DoneAdded, Some(_)) => lines.push(Line::new(DONE, 0)),
        _ => {}
    }
}

fn is(value: &Value, wanted: impl Fn(&str) -> bool) -> bool {
    let kind = value.get("type").and_then(Value::as_str);
    kind.is_some_and(|kind| kind.starts_with("response.") && wanted(kind))
}

fn is_delta(event: &Event) -> bool {
    is(&event.value, |kind| kind.ends_with(".delta"))
}

fn is_done_text(kind: &str) -> bool {
    matches!(
        kind,
        "response.output_text.done" | "response.function_call_arguments.done"
    )
}

fn ends(event: &Event) -> bool {
    is(&event.value, |kind| {
        matches!(
            kind,
            "response.completed" | "response.incomplete" | "response.failed"
        )
    })
}
