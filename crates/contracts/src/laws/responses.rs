//! Laws of responses, whole and as a stream.
//!
//! Invariants: a status has what belongs to it; all events of a stream are of one response.
//! Does not know: the order of events, which is a contract's; wording.
//! Source: OpenAI API reference, the response object.

use std::collections::BTreeSet;

use serde_json::Value;

use super::usage::{self, Called};
use super::{Flaws, head};
use crate::exchange::Exchange;

pub(super) fn whole(exchange: &Exchange, answer: &Value, flaws: &mut Flaws) {
    head(answer, flaws);
    let status = answer["status"].as_str().unwrap_or_default();
    let is_there = |name: &str| !answer[name].is_null();
    let ended = matches!(status, "completed" | "incomplete" | "failed");
    for (name, due) in [
        ("error", status == "failed"),
        ("incomplete_details", status == "incomplete"),
    ] {
        flaws.add_if(due && !is_there(name), name, "is missing in such a status");
        flaws.add_if(!due && is_there(name), name, "is there in another status");
    }
    let unreported = !is_there("usage") && matches!(status, "completed" | "incomplete");
    flaws.add_if(
        unreported,
        "usage",
        "is missing though the response has ended",
    );
    flaws.add_if(
        !ended && is_there("usage"),
        "usage",
        "is there before the response has ended",
    );
    let items: Vec<&Value> = answer["output"].as_array().into_iter().flatten().collect();
    distinct(&items, flaws);
    if status == "completed" {
        items.iter().for_each(|item| complete(item, flaws));
    }
    let asked = exchange.asked("max_output_tokens").as_i64();
    let called = Called {
        said_something: items.iter().any(|item| item["type"] != "reasoning"),
        output_tokens_max: asked,
    };
    usage::check(&answer["usage"], called, flaws);
}

pub(super) fn stream(exchange: &Exchange, flaws: &mut Flaws) {
    let events = exchange.values();
    let responses: Vec<(&str, &Value)> = events
        .iter()
        .filter_map(|event| Some((event["type"].as_str()?, event.get("response")?)))
        .collect();
    for name in ["id", "created_at", "model"] {
        let different = responses
            .windows(2)
            .any(|pair| pair[0].1[name] != pair[1].1[name]);
        let place = format!("response.{name}");
        flaws.add_if(
            different,
            &place,
            "differs between the events of one response",
        );
    }
    for (kind, response) in &responses {
        let ended = matches!(
            *kind,
            "response.completed" | "response.incomplete" | "response.failed"
        );
        let word = kind.strip_prefix("response.").unwrap_or_default();
        flaws.add_if(
            ended && response["status"] != word,
            "response.status",
            "is not what the event says",
        );
        if ended {
            whole(exchange, response, flaws);
            told(&events, response, flaws);
        }
    }
}

/// The items that were done are those that the response has at its end.
fn told(events: &[&Value], response: &Value, flaws: &mut Flaws) {
    let done: Vec<&Value> = events
        .iter()
        .filter(|event| event["type"] == "response.output_item.done")
        .map(|event| &event["item"])
        .collect();
    let output: Vec<&Value> = response["output"]
        .as_array()
        .into_iter()
        .flatten()
        .collect();
    flaws.add_if(
        done != output && response["status"] != "failed",
        "response.output",
        "is not what the events said",
    );
}

fn distinct(items: &[&Value], flaws: &mut Flaws) {
    let ids: Vec<&str> = items
        .iter()
        .filter_map(|item| item["id"].as_str())
        .collect();
    let different: BTreeSet<&&str> = ids.iter().collect();
    flaws.add_if(different.len() < ids.len(), "output[].id", "stands twice");
}

/// What has no end of its own status is not complete; arguments are JSON.
fn complete(item: &Value, flaws: &mut Flaws) {
    let status = item["status"].as_str();
    flaws.add_if(
        status.is_some_and(|status| status != "completed"),
        "output[].status",
        "is another than the response's",
    );
    let arguments = item["arguments"].as_str().unwrap_or("{}");
    flaws.add_if(
        serde_json::from_str::<Value>(arguments).is_err(),
        "output[].arguments",
        "is no JSON",
    );
}
