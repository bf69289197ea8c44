//! Generates a response: its items, how it ends, what it counts.
//!
//! Invariants: the tokens of the items and of the reasoning add up to the counted output.
//! Does not know: how it is written down.

use serde_json::{Value, json};

use super::ask::Ask;
use super::item::{Item, Said};
use crate::chat;
use crate::hash::letters;
use crate::plan::Setting;
use crate::script::TokenCounts;
use crate::tokens;

/// Searches that stand in one response, however many were billed.
const SEARCHES_MAX: u64 = 8;
/// What reasoning is about, told in short.
const SUMMARY: &str = "Looking for the sentences that fit the question.";

pub(super) struct Answer {
    pub(super) id: String,
    pub(super) created: u64,
    pub(super) model: String,
    pub(super) service_tier: String,
    pub(super) end: End,
    pub(super) items: Vec<Item>,
    pub(super) counts: TokenCounts,
    pub(super) tool_usage: Option<Value>,
}

pub(super) enum End {
    Completed,
    /// With the reason.
    Incomplete(&'static str),
    /// With the error.
    Failed(Value),
}

impl End {
    /// The status, which is also the last word of the event that ends a stream.
    pub(super) fn status(&self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Incomplete(_) => "incomplete",
            Self::Failed(_) => "failed",
        }
    }
}

impl Answer {
    pub(super) fn generate(ask: &Ask<'_>, setting: &Setting<'_>) -> Self {
        let wish = &setting.script.answer;
        let tool_usage = tool_usage(ask, setting);
        let (end, items) = match &wish.failure {
            Some(code) => {
                let words = setting.script.error.message.as_deref();
                let message = words.unwrap_or("The model failed to generate a response.");
                let error = json!({"code": code, "message": message});
                (End::Failed(error), Vec::new())
            }
            None => items(ask, setting, tool_usage.as_ref()),
        };
        let reasoning = match end {
            End::Failed(_) => 0,
            _ => ask.chat.reasoning_tokens,
        };
        let said: u64 = items.iter().map(Item::tokens).sum();
        let tier = wish.service_tier.as_deref();
        Self {
            id: format!("resp_{}", letters(setting.seed, 48)),
            created: setting.created,
            model: setting.served(ask.chat.model).to_owned(),
            service_tier: tier.unwrap_or(ask.chat.service_tier).to_owned(),
            end,
            items,
            counts: setting.counts(TokenCounts {
                input: ask.chat.input_tokens,
                output: said + reasoning,
                reasoning,
                ..TokenCounts::default()
            }),
            tool_usage,
        }
    }
}

fn items(ask: &Ask<'_>, setting: &Setting<'_>, tool_usage: Option<&Value>) -> (End, Vec<Item>) {
    let script = setting.script;
    let mut choice = chat::choice(&ask.chat, setting, 0);
    let mut said = Said::Text;
    if let Some(refusal) = &script.answer.refusal {
        choice.tool = None;
        choice.pieces = tokens::split(refusal)
            .into_iter()
            .map(str::to_owned)
            .collect();
        said = Said::Refusal;
    }
    let end = match choice.finish_reason.as_str() {
        "length" => End::Incomplete("max_output_tokens"),
        "content_filter" => End::Incomplete("content_filter"),
        _ => End::Completed,
    };
    let id = |prefix: &str, turn: u64| {
        let seed = setting.seed.wrapping_add(turn.wrapping_mul(7919));
        format!("{prefix}_{}", letters(!seed, 48))
    };
    let mut items = Vec::new();
    let reasoned =
        ask.chat.reasoning_tokens > 0 || setting.counts(TokenCounts::default()).reasoning > 0;
    if reasoned {
        let summary = ask.summary.then(|| tokens::split(SUMMARY));
        items.push(Item::Reasoning {
            id: id("rs", 1),
            summary: summary.map(|pieces| pieces.into_iter().map(str::to_owned).collect()),
            encrypted: ask
                .includes("reasoning.encrypted_content")
                .then(|| letters(setting.seed, 64)),
        });
    }
    let searches = tool_usage.and_then(|usage| usage["web_search"]["num_requests"].as_u64());
    for turn in 0..searches.unwrap_or(0).min(SEARCHES_MAX) {
        items.push(Item::Search {
            id: id("ws", 2 + turn),
            query: ask.chat.question().to_owned(),
        });
    }
    match choice.tool {
        Some(call) => items.push(Item::Call {
            id: id("fc", 20),
            call_id: call.id,
            name: call.name,
            pieces: choice.pieces,
        }),
        None if choice.pieces.is_empty() && !matches!(end, End::Completed) => {}
        None => items.push(Item::Message {
            id: id("msg", 21),
            said,
            pieces: choice.pieces,
            logprobs: choice.logprobs,
        }),
    }
    (end, items)
}

/// What the tools used that the upstream runs itself; there if any was offered.
fn tool_usage(ask: &Ask<'_>, setting: &Setting<'_>) -> Option<Value> {
    let scripted = &setting.script.answer.tool_usage;
    if scripted.is_none() && !ask.has_hosted_tools() {
        return None;
    }
    let nothing = json!({"image_tokens": 0, "text_tokens": 0});
    let mut usage = json!({
        "image_gen": {
            "input_tokens": 0,
            "input_tokens_details": nothing,
            "output_tokens": 0,
            "output_tokens_details": nothing,
            "total_tokens": 0,
        },
        "web_search": {"num_requests": 0},
    });
    let said = scripted.as_ref().and_then(Value::as_object);
    for (name, value) in said.into_iter().flatten() {
        usage[name] = value.clone();
    }
    Some(usage)
}
