//! Each rule holds for an honest stream and is broken by one change.
//!
//! Invariants: none of its own.
//! Does not know: contract files.

use proptest::prelude::{prop, proptest};
use serde_json::{Value, json};

use super::{Rule, check};
use crate::events::events;
use crate::exchange::{Exchange, Payload};

fn exchange(body: &str, usage_asked: bool) -> Exchange {
    Exchange {
        method: "POST".to_owned(),
        route: "/chat/completions".to_owned(),
        status: 200,
        headers: Vec::new(),
        request: Some(json!({"stream": true, "stream_options": {"include_usage": usage_asked}})),
        answer: Payload::Events(events(body.as_bytes())),
    }
}

fn delta(index: u64, delta: Value, finish: Option<&str>) -> String {
    let mut chunk = json!({"choices": [{"index": index, "finish_reason": finish}], "usage": null});
    chunk["choices"][0]["delta"] = delta;
    chunk.to_string()
}

/// Two choices, with usage.
fn honest() -> Vec<String> {
    vec![
        delta(0, json!({"role": "assistant", "content": ""}), None),
        delta(1, json!({"role": "assistant", "content": ""}), None),
        delta(0, json!({"content": "a"}), None),
        delta(1, json!({"content": "b"}), None),
        delta(0, json!({}), Some("stop")),
        delta(1, json!({}), Some("length")),
        json!({"choices": [], "usage": {"prompt_tokens": 1}}).to_string(),
        "[DONE]".to_owned(),
    ]
}

fn body(events: &[String]) -> String {
    events
        .iter()
        .map(|event| format!("data: {event}\n\n"))
        .collect()
}

fn broken(body: &str, usage_asked: bool) -> Vec<String> {
    let broken = check(&exchange(body, usage_asked), &Rule::CHATS);
    broken
        .into_iter()
        .map(|difference| difference.path)
        .collect()
}

fn expect(change: impl FnOnce(&mut Vec<String>), rules: &[Rule]) {
    let mut events = honest();
    change(&mut events);
    let names: Vec<&str> = rules.iter().map(|rule| rule.name()).collect();
    assert_eq!(broken(&body(&events), true), names, "{events:#?}");
}

#[test]
fn an_honest_stream_keeps_every_rule() {
    expect(|_| {}, &[]);
    let without: Vec<String> = honest()
        .into_iter()
        .filter(|event| !event.contains("prompt_tokens"))
        .collect();
    assert_eq!(broken(&body(&without), false), [""; 0]);
}

#[test]
fn each_change_breaks_its_rule() {
    expect(
        |events| events[2] = "{\"half\":".to_owned(),
        &[Rule::PlainEvents],
    );
    expect(
        |events| events[2] = "7".to_owned(),
        &[Rule::PlainEvents, Rule::UsageIfAsked],
    );
    expect(|events| drop(events.remove(1)), &[Rule::RoleFirst]);
    expect(
        |events| events.insert(3, events[0].clone()),
        &[Rule::RoleFirst],
    );
    expect(|events| drop(events.remove(4)), &[Rule::FinishOnce]);
    expect(
        |events| events.insert(5, events[4].clone()),
        &[Rule::FinishOnce],
    );
    expect(|events| events.swap(2, 4), &[Rule::NothingAfterFinish]);
    expect(|events| drop(events.remove(6)), &[Rule::UsageIfAsked]);
    expect(
        |events| events.insert(6, events[6].clone()),
        &[Rule::UsageIfAsked],
    );
    expect(
        |events| events[2] = events[2].replace(",\"usage\":null", ""),
        &[Rule::UsageIfAsked],
    );
    expect(|events| events.swap(5, 6), &[Rule::UsageAfterFinish]);
    expect(|events| drop(events.pop()), &[Rule::DoneOnce]);
    expect(
        |events| events.push("[DONE]".to_owned()),
        &[Rule::DoneOnce, Rule::DoneLast],
    );
    expect(|events| events.swap(6, 7), &[Rule::DoneLast]);
    assert_eq!(
        broken(&body(&honest()), false),
        [Rule::UsageOnlyIfAsked.name()]
    );
    let named = format!("event: chunk\n{}", body(&honest()));
    assert_eq!(broken(&named, true), [Rule::PlainEvents.name()]);
}

#[test]
fn an_error_excuses_what_is_missing_and_nothing_else() {
    let failed = |end: &[&str]| {
        let mut events = honest()[..3].to_vec();
        events.push(json!({"error": {"message": "m"}}).to_string());
        events.extend(end.iter().map(|event| (*event).to_owned()));
        broken(&body(&events), true)
    };
    assert_eq!(failed(&[]), [""; 0]);
    assert_eq!(failed(&["[DONE]"]), [""; 0]);
    assert_eq!(failed(&["[DONE]", "{}"]), [Rule::DoneLast.name()]);
}

proptest! {
    #[test]
    fn choices_may_come_in_any_interleaving(turns in prop::collection::vec(0_u64..3, 0..12)) {
        let mut events: Vec<String> = (0..3).map(|index| delta(index, json!({"role": "assistant"}), None)).collect();
        events.extend(turns.iter().map(|index| delta(*index, json!({"content": "a"}), None)));
        events.extend((0..3).map(|index| delta(index, json!({}), Some("stop"))));
        events.extend([json!({"choices": [], "usage": {}}).to_string(), "[DONE]".to_owned()]);
        assert_eq!(broken(&body(&events), true), [""; 0]);
    }
}
