//! Order in streams whose events have a type: responses, images, sound.
//!
//! Invariants: a stream in which something failed is held only to what a failure can't excuse.
//! Does not know: shapes, wording.
//! Source: OpenAI API reference, "Streaming events" of responses, of images and of sound.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::events::{Event, EventData};

const ENDS: [&str; 4] = [
    "response.completed",
    "response.incomplete",
    "response.failed",
    "error",
];

/// The events that are JSON, each with its type.
fn typed(events: &[Event]) -> impl Iterator<Item = (&str, &Value)> {
    events
        .iter()
        .filter_map(Event::json)
        .map(|event| (event["type"].as_str().unwrap_or_default(), event))
}

pub(super) fn named(events: &[Event], by_type: bool) -> Option<String> {
    let odd = events.iter().position(|event| match &event.data {
        EventData::Text(_) => true,
        EventData::Json(value) if by_type => event.name.as_deref() != value["type"].as_str(),
        EventData::Json(_) => event.name.is_some(),
    })?;
    Some(format!("event {odd} of {}", events.len()))
}

pub(super) fn numbered(events: &[Event]) -> Option<String> {
    let odd = typed(events)
        .zip(0_u64..)
        .find(|((_, event), number)| event["sequence_number"] != *number);
    odd.map(|((_, event), number)| format!("event {number} has {}", event["sequence_number"]))
}

pub(super) fn begins(events: &[Event]) -> Option<String> {
    let count = |wanted: &str| typed(events).filter(|(kind, _)| *kind == wanted).count();
    let first = typed(events).next().map(|(kind, _)| kind);
    if first != Some("response.created") || count("response.created") != 1 {
        let times = count("response.created");
        return Some(format!("it comes {times} times, and not first"));
    }
    let words = |(kind, _): (&str, &Value)| {
        kind.starts_with("response.output") || kind.starts_with("response.content")
    };
    let said = typed(events).position(words).unwrap_or(usize::MAX);
    let under_way = typed(events).position(|(kind, _)| kind == "response.in_progress");
    let in_time = under_way.is_some_and(|place| place < said);
    let failed = typed(events).any(|(kind, _)| kind == "error");
    (!failed && (!in_time || count("response.in_progress") != 1)).then(|| {
        let times = count("response.in_progress");
        format!("`response.in_progress` comes {times} times, or too late")
    })
}

/// Items are added and done one after the other, and what is said of one comes in between.
pub(super) fn items(events: &[Event]) -> Option<String> {
    let mut open: Option<&Value> = None;
    let mut done = 0;
    for (kind, event) in typed(events) {
        let place = event["output_index"].as_u64();
        match kind {
            "response.output_item.added" => {
                if open.is_some() || place != Some(done) {
                    return Some(format!("item {done} is added at another place"));
                }
                open = Some(&event["item"]["id"]);
            }
            "response.output_item.done" => {
                if open != Some(&event["item"]["id"]) || place != Some(done) {
                    return Some(format!("item {done} is not the one that is done"));
                }
                open = None;
                done += 1;
            }
            _ => {
                let of_item = place.is_some() || event.get("item_id").is_some();
                let id = event.get("item_id");
                // Some events name the place of their item only.
                let of_open = open.is_some() && (id.is_none() || id == open) && place == Some(done);
                if of_item && !of_open {
                    return Some(format!("`{kind}` is of no item that is open"));
                }
            }
        }
    }
    let failed = typed(events).any(|(kind, _)| matches!(kind, "error" | "response.failed"));
    (open.is_some() && !failed).then(|| format!("item {done} is never done"))
}

/// The deltas of a part join to what its `done` says, and none comes after it.
pub(super) fn deltas(events: &[Event]) -> Option<String> {
    let mut said: BTreeMap<String, Option<String>> = BTreeMap::new();
    for (kind, event) in typed(events) {
        let Some((what, step)) = kind.rsplit_once('.') else {
            continue;
        };
        let part = ["item_id", "content_index", "summary_index"].map(|name| &event[name]);
        let key = format!("{what} {part:?}");
        let joined = said.entry(key).or_insert_with(|| Some(String::new()));
        match (step, event["delta"].as_str()) {
            ("delta", Some(delta)) => match joined {
                Some(joined) => joined.push_str(delta),
                None => return Some(format!("`{kind}` comes after its end")),
            },
            ("done", _) => {
                let words = ["text", "refusal", "arguments", "code", "input"]
                    .map(|name| event[name].as_str());
                let Some(whole) = words.into_iter().flatten().next() else {
                    continue;
                };
                if joined.take().is_some_and(|joined| joined != whole) {
                    return Some(format!("those of `{what}` do not"));
                }
            }
            _ => {}
        }
    }
    None
}

pub(super) fn ends_once(events: &[Event]) -> Option<String> {
    let times = typed(events)
        .filter(|(kind, _)| ENDS.contains(kind))
        .count();
    (times != 1).then(|| format!("it ends {times} times"))
}

pub(super) fn after_end(events: &[Event]) -> Option<String> {
    let is_end = |event: &Event| {
        let kind = event.json().and_then(|event| event["type"].as_str());
        kind.is_some_and(|kind| ENDS.contains(&kind))
    };
    let end = events.iter().position(is_end)?;
    let more = events.len() - end - 1;
    (more > 0).then(|| format!("{more} events come"))
}

pub(super) fn usage_at_end(events: &[Event]) -> Option<String> {
    for (kind, event) in typed(events) {
        let Some(response) = event.get("response") else {
            continue;
        };
        let ended = ENDS.contains(&kind);
        match (ended, response["usage"].is_object()) {
            (false, true) => return Some(format!("`{kind}` has it")),
            (true, false) if kind != "response.failed" => {
                return Some(format!("`{kind}` lacks it"));
            }
            _ => {}
        }
    }
    None
}

/// One event that is done or completed comes, and comes last.
pub(super) fn done_last(events: &[Event]) -> Option<String> {
    let is_done = |(kind, _): &(&str, &Value)| {
        kind.ends_with(".completed") || (kind.ends_with(".done") && !kind.contains(".segment"))
    };
    if typed(events).any(|(_, event)| event.get("error").is_some()) {
        return None;
    }
    let times = typed(events).filter(is_done).count();
    let last = typed(events).last().is_some_and(|event| is_done(&event));
    (times != 1 || !last).then(|| format!("it comes {times} times"))
}

#[cfg(test)]
mod tests {
    use super::super::{Rule, check};
    use crate::events::{Event, EventData};
    use crate::exchange::{Exchange, Payload};
    use serde_json::{Value, json};

    fn event(value: Value) -> Event {
        Event {
            name: value["type"].as_str().map(str::to_owned),
            data: EventData::Json(value),
        }
    }

    fn good() -> Vec<Event> {
        let response = |kind: &str, usage: Value| json!({"type": kind, "response": {"id": "resp", "usage": usage}});
        let of_item = |kind: &str, name: &str, value: &str| json!({"type": kind, "item_id": "msg", "output_index": 0, "content_index": 0, name: value});
        let item = |kind: &str| json!({"type": kind, "output_index": 0, "item": {"id": "msg"}});
        let events = vec![
            response("response.created", Value::Null),
            response("response.in_progress", Value::Null),
            item("response.output_item.added"),
            of_item("response.content_part.added", "part", ""),
            of_item("response.output_text.delta", "delta", "one "),
            of_item("response.output_text.delta", "delta", "two"),
            of_item("response.output_text.done", "text", "one two"),
            of_item("response.content_part.done", "part", ""),
            item("response.output_item.done"),
            response("response.completed", json!({"total_tokens": 1})),
        ];
        numbered(events.into_iter().map(event).collect())
    }

    fn numbered(mut events: Vec<Event>) -> Vec<Event> {
        for (number, event) in events.iter_mut().enumerate() {
            if let EventData::Json(value) = &mut event.data {
                value["sequence_number"] = json!(number);
            }
        }
        events
    }

    fn broken(events: Vec<Event>) -> Vec<&'static str> {
        let exchange = Exchange {
            method: "POST".to_owned(),
            route: "/responses".to_owned(),
            status: 200,
            headers: Vec::new(),
            request: None,
            answer: Payload::Events(events),
        };
        let broken = check(&exchange, &Rule::RESPONSES);
        let name = |rule: Rule| {
            broken
                .iter()
                .any(|flaw| flaw.path == rule.name())
                .then(|| rule.name())
        };
        Rule::RESPONSES.into_iter().filter_map(name).collect()
    }

    fn expect(change: impl FnOnce(&mut Vec<Event>), rules: &[Rule]) {
        let mut events = good();
        change(&mut events);
        let names: Vec<&str> = rules.iter().map(|rule| rule.name()).collect();
        assert_eq!(broken(numbered(events)), names);
    }

    fn value(event: &mut Event) -> &mut Value {
        match &mut event.data {
            EventData::Json(value) => value,
            EventData::Text(text) => panic!("{text} is no JSON"),
        }
    }

    #[test]
    fn each_rule_breaks_by_itself() {
        expect(|_| {}, &[]);
        expect(
            |events| events[4].name = Some("message".to_owned()),
            &[Rule::NamedByType],
        );
        expect(|events| drop(events.remove(0)), &[Rule::CreatedFirst]);
        expect(|events| drop(events.remove(1)), &[Rule::CreatedFirst]);
        expect(|events| drop(events.remove(8)), &[Rule::ItemsInTurn]);
        expect(|events| drop(events.remove(2)), &[Rule::ItemsInTurn]);
        expect(
            |events| value(&mut events[4])["item_id"] = json!("other"),
            &[Rule::ItemsInTurn, Rule::DeltasJoin],
        );
        expect(|events| events.swap(5, 6), &[Rule::DeltasJoin]);
        expect(
            |events| value(&mut events[6])["text"] = json!("one"),
            &[Rule::DeltasJoin],
        );
        expect(|events| drop(events.pop()), &[Rule::EndsOnce]);
        expect(
            |events| events.push(events[9].clone()),
            &[Rule::EndsOnce, Rule::NothingAfterEnd],
        );
        expect(|events| events.swap(8, 9), &[Rule::NothingAfterEnd]);
        expect(
            |events| value(&mut events[9])["response"]["usage"] = Value::Null,
            &[Rule::UsageAtEnd],
        );
        expect(
            |events| value(&mut events[0])["response"]["usage"] = json!({}),
            &[Rule::UsageAtEnd],
        );
        let done = Event {
            name: None,
            data: EventData::Text("[DONE]".to_owned()),
        };
        expect(
            |events| events.push(done),
            &[Rule::NamedByType, Rule::NothingAfterEnd],
        );
        let mut skipped = good();
        value(&mut skipped[3])["sequence_number"] = json!(9);
        assert_eq!(broken(skipped), [Rule::Numbered.name()]);
    }

    #[test]
    fn what_failed_need_not_be_complete() {
        expect(
            |events| {
                events.truncate(5);
                events.push(event(json!({"type": "error", "message": "broke"})));
            },
            &[],
        );
        expect(
            |events| {
                events.truncate(5);
                events.push(event(
                    json!({"type": "response.failed", "response": {"usage": null}}),
                ));
            },
            &[],
        );
    }
}
