//! Laws of chat answers, whole and as a stream.
//!
//! Invariants: a choice's place and its index are one; all chunks of a stream belong to one answer.
//! Does not know: the order of events, which is a contract's; wording.
//! Source: OpenAI API reference, the chat completion object and its chunk.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::usage::{self, Called};
use super::{Flaws, head};
use crate::exchange::Exchange;

/// How many alternatives a token may list.
const TOP_LOGPROBS: &str = "top_logprobs";

pub(super) fn whole(exchange: &Exchange, answer: &Value, flaws: &mut Flaws) {
    head(answer, flaws);
    let choices: Vec<&Value> = answer["choices"].as_array().into_iter().flatten().collect();
    let indexes: Vec<Option<u64>> = choices
        .iter()
        .map(|choice| choice["index"].as_u64())
        .collect();
    let in_order = indexes
        .iter()
        .zip(0..)
        .all(|(index, place)| index.is_none_or(|index| index == place));
    flaws.add_if(!in_order, "choices[].index", "is not its place in the list");
    count(exchange, choices.len(), flaws);
    for choice in &choices {
        finish(choice, flaws);
        logprobs(exchange, choice, &choice["message"]["content"], flaws);
    }
    let unreported =
        answer.get("usage").is_none_or(Value::is_null) && answer.get("error").is_none();
    flaws.add_if(unreported, "usage", "is missing in a whole answer");
    let said_something = choices
        .iter()
        .any(|choice| says_something(&choice["message"]));
    usage::check(&answer["usage"], called(exchange, said_something), flaws);
}

pub(super) fn stream(exchange: &Exchange, flaws: &mut Flaws) {
    let chunks: Vec<&Value> = exchange
        .values()
        .into_iter()
        .filter(|chunk| chunk.get("error").is_none())
        .collect();
    for name in ["id", "created", "model"] {
        let different = chunks.windows(2).any(|pair| pair[0][name] != pair[1][name]);
        flaws.add_if(different, name, "differs between the chunks of one answer");
    }
    if let Some(first) = chunks.first() {
        head(first, flaws);
    }
    let choices: Vec<&Value> = chunks
        .iter()
        .flat_map(|chunk| chunk["choices"].as_array().into_iter().flatten())
        .collect();
    let indexes: BTreeSet<u64> = choices
        .iter()
        .filter_map(|choice| choice["index"].as_u64())
        .collect();
    let from_zero = indexes
        .iter()
        .zip(0..)
        .all(|(index, place)| *index == place);
    flaws.add_if(!from_zero, "choices[].index", "does not count from 0");
    if chunks.len() == exchange.values().len() {
        count(exchange, indexes.len(), flaws);
    }
    tool_calls(&choices, flaws);
    let said_something = choices
        .iter()
        .any(|choice| says_something(&choice["delta"]));
    for chunk in &chunks {
        usage::check(&chunk["usage"], called(exchange, said_something), flaws);
    }
}

fn called(exchange: &Exchange, said_something: bool) -> Called {
    let newer = exchange.asked("max_completion_tokens").as_i64();
    let each = newer.or(exchange.asked("max_tokens").as_i64());
    let choices = exchange.asked("n").as_i64().unwrap_or(1);
    Called {
        said_something,
        output_tokens_max: each.map(|each| each.saturating_mul(choices)),
    }
}

/// As many choices as were asked for.
fn count(exchange: &Exchange, choices: usize, flaws: &mut Flaws) {
    let asked = exchange.asked("n").as_u64().unwrap_or(1);
    if exchange.request.is_some() && choices as u64 != asked {
        flaws.add(
            "choices",
            format!("has {choices} and {asked} were asked for"),
        );
    }
}

fn finish(choice: &Value, flaws: &mut Flaws) {
    let calls = choice["message"]["tool_calls"].as_array();
    let none = calls.is_none_or(Vec::is_empty);
    flaws.add_if(
        choice["finish_reason"] == "tool_calls" && none,
        "choices[].message.tool_calls",
        "has no call though the answer ends for one",
    );
}

fn logprobs(exchange: &Exchange, choice: &Value, content: &Value, flaws: &mut Flaws) {
    let asked = exchange.asked("logprobs") == true;
    let given = &choice["logprobs"];
    flaws.add_if(
        !asked && exchange.request.is_some() && !given.is_null(),
        "choices[].logprobs",
        "is there though it was not asked for",
    );
    flaws.add_if(
        asked && content.is_string() && given.is_null(),
        "choices[].logprobs",
        "is missing though it was asked for",
    );
    let most = exchange.asked(TOP_LOGPROBS).as_u64().unwrap_or(0);
    let tokens = given["content"].as_array().into_iter().flatten();
    let mut listed = tokens.filter_map(|token| token[TOP_LOGPROBS].as_array());
    flaws.add_if(
        listed.any(|listed| listed.len() as u64 > most),
        "choices[].logprobs.content[].top_logprobs",
        "lists more than were asked for",
    );
}

/// The first delta of a call has its id and name; calls are counted from 0.
fn tool_calls(choices: &[&Value], flaws: &mut Flaws) {
    let mut begun: BTreeMap<u64, u64> = BTreeMap::new();
    for choice in choices {
        let next = begun
            .entry(choice["index"].as_u64().unwrap_or(0))
            .or_default();
        for call in choice["delta"]["tool_calls"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let Some(index) = call["index"].as_u64() else {
                continue;
            };
            if index > *next {
                flaws.add(
                    "choices[].delta.tool_calls[].index",
                    "does not count from 0",
                );
            }
            if index < *next {
                continue;
            }
            *next = index + 1;
            let whole = call["id"].is_string() && call["function"]["name"].is_string();
            flaws.add_if(
                !whole,
                "choices[].delta.tool_calls[]",
                "begins without its id or name",
            );
        }
    }
}

/// Whether a message or delta has text or a call.
fn says_something(said: &Value) -> bool {
    let fields = said.as_object().into_iter().flatten();
    fields
        .filter(|(name, _)| *name != "role")
        .any(|(_, value)| match value {
            Value::String(text) => !text.is_empty(),
            Value::Array(values) => !values.is_empty(),
            other => other.is_object(),
        })
}
