//! Lies about the events of a stream: their order, their number, how they end.
//!
//! Invariants: without a twist nothing moves; the output tokens of a stream stay on its events, so that the bill is
//! right whatever is told.
//! Does not know: fields that are changed alone.

use serde_json::{Value, json};

use super::twist::Twist;
use super::{Lie, numbered};
use crate::plan::Event;

/// An event's data, before it is put into bytes.
pub(crate) struct Line {
    /// The event's name, if it has one.
    pub(crate) name: Option<String>,
    pub(crate) data: String,
    pub(crate) tokens: u64,
    /// Whether an empty line ends the event.
    pub(crate) ends: bool,
}

impl Line {
    pub(crate) fn new(data: impl Into<String>, tokens: u64) -> Self {
        Self {
            name: None,
            data: data.into(),
            tokens,
            ends: true,
        }
    }
}

pub(super) const DONE: &str = "[DONE]";

/// Changes the `number`th chunk by itself. An answer that is no stream is its own first chunk.
pub(super) fn twist_one(value: &mut Value, twist: Twist, number: usize) {
    match twist {
        Twist::IdsDiffer => {
            if let Some(id) = value.get("id").and_then(Value::as_str) {
                value["id"] = json!(format!("{id}{number}"));
            }
        }
        Twist::CreatedDiffers => {
            if let Some(created) = value.get("created").and_then(Value::as_u64) {
                value["created"] = json!(created + number as u64);
            }
        }
        Twist::IndexFromOne => {
            for choice in choices_mut(value) {
                if let Some(index) = choice.get("index").and_then(Value::as_u64) {
                    choice["index"] = json!(index + 1);
                }
            }
        }
        _ => {}
    }
}

impl Lie {
    /// Moves, doubles and drops chunks.
    pub(crate) fn reorder(&self, events: &mut Vec<Event>) {
        for twist in &self.twists {
            numbered::reorder(events, *twist);
            match twist {
                Twist::UsageBeforeFinish => shift(events, has_usage, finishes),
                Twist::RoleMissing => remove(events, says_role),
                Twist::RoleLast => {
                    if let Some(at) = events.iter().position(says_role) {
                        let role = events.remove(at);
                        events.push(role);
                    }
                }
                Twist::FinishTwice => double(events, finishes, finishes),
                Twist::FinishMissing => remove(events, finishes),
                Twist::ContentAfterFinish => double(events, has_content, finishes),
                _ => {}
            }
        }
    }

    /// Twists the end of a stream and what stands between its events.
    pub(crate) fn twist_lines(&self, lines: &mut Vec<Line>) {
        for twist in &self.twists {
            numbered::twist_lines(lines, *twist);
            match twist {
                Twist::DoneMissing => lines.retain(|line| line.data != DONE),
                Twist::DoneTwice => lines.push(Line::new(DONE, 0)),
                Twist::DoneNotLast => {
                    if let Some(first) = lines.first().map(|line| line.data.clone()) {
                        lines.push(Line::new(first, 0));
                    }
                }
                Twist::EventsRunTogether => {
                    if let Some(first) = lines.first_mut() {
                        first.ends = false;
                    }
                }
                _ => {}
            }
        }
    }
}

/// Moves the first event that is `moved` before the first that is `before`.
pub(super) fn shift(
    events: &mut Vec<Event>,
    moved: fn(&Event) -> bool,
    before: fn(&Event) -> bool,
) {
    if let (Some(from), Some(to)) = (
        events.iter().position(moved),
        events.iter().position(before),
    ) && to < from
    {
        let event = events.remove(from);
        events.insert(to, event);
    }
}

/// Says the first event that is `doubled` once more, after the last that is `after`.
pub(super) fn double(
    events: &mut Vec<Event>,
    doubled: fn(&Event) -> bool,
    after: fn(&Event) -> bool,
) {
    if let (Some(from), Some(to)) = (
        events.iter().position(doubled),
        events.iter().rposition(after),
    ) {
        let value = events[from].value.clone();
        events.insert(to + 1, Event { value, tokens: 0 });
    }
}

/// Drops the events; their tokens go with the one before or after.
pub(super) fn remove(events: &mut Vec<Event>, dropped: fn(&Event) -> bool) {
    let tokens: u64 = events
        .iter()
        .filter(|event| dropped(event))
        .map(|event| event.tokens)
        .sum();
    events.retain(|event| !dropped(event));
    if let Some(first) = events.first_mut() {
        first.tokens += tokens;
    }
}

fn has_usage(event: &Event) -> bool {
    event.value.get("usage").is_some_and(Value::is_object)
}

fn finishes(event: &Event) -> bool {
    choices(&event.value).any(|choice| choice["finish_reason"].is_string())
}

fn says_role(event: &Event) -> bool {
    choices(&event.value).any(|choice| choice["delta"]["role"].is_string())
}

fn has_content(event: &Event) -> bool {
    !says_role(event)
        && choices(&event.value).any(|choice| {
            choice["delta"]["content"].is_string() || choice["delta"]["tool_calls"].is_array()
        })
}

fn choices(value: &Value) -> impl Iterator<Item = &Value> {
    let choices = value.get("choices").and_then(Value::as_array);
    choices.into_iter().flatten()
}

fn choices_mut(value: &mut Value) -> impl Iterator<Item = &mut Value> {
    let choices = value.get_mut("choices").and_then(Value::as_array_mut);
    choices.into_iter().flatten()
}
