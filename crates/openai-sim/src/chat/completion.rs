//! Generates the choices of a completion.
//!
//! Invariants: each choice stops at the first stop sequence and at the most tokens; its pieces join to its text.
//! Does not know: how it is written down.

use serde_json::{Value, json};

use crate::hash::{hash, letters};
use crate::plan::Setting;
use crate::script::TokenCounts;
use crate::tokens;

use super::ask::{Ask, Format};
use super::tool::ToolCall;
use super::{quote, schema, tool};

pub(crate) struct Completion {
    pub(crate) id: String,
    pub(crate) created: u64,
    pub(crate) model: String,
    pub(crate) service_tier: String,
    pub(crate) fingerprint: String,
    pub(crate) choices: Vec<Choice>,
    pub(crate) counts: TokenCounts,
    /// Whether the model reports what it wrote to the prompt cache.
    pub(crate) tells_cache_writes: bool,
}

pub(crate) struct Choice {
    pub(crate) tool: Option<ToolCall>,
    /// The tokens of the text, or of the tool's arguments.
    pub(crate) pieces: Vec<String>,
    pub(crate) finish_reason: String,
    pub(crate) logprobs: Option<u64>,
}

impl Choice {
    pub(crate) fn text(&self) -> String {
        self.pieces.concat()
    }
}

impl Completion {
    pub(crate) fn generate(ask: &Ask<'_>, setting: &Setting<'_>) -> Self {
        let choices: Vec<Choice> = (0..ask.choices)
            .map(|index| choice(ask, setting, index))
            .collect();
        let said: u64 = choices.iter().map(output_tokens).sum();
        let counted = TokenCounts {
            input: ask.input_tokens,
            output: said + ask.reasoning_tokens,
            reasoning: ask.reasoning_tokens,
            ..TokenCounts::default()
        };
        let tier = setting
            .script
            .answer
            .service_tier
            .as_deref()
            .unwrap_or(ask.service_tier);
        Self {
            id: format!("chatcmpl-{}", letters(setting.seed, 29)),
            created: setting.created,
            model: setting.served(ask.model).to_owned(),
            service_tier: tier.to_owned(),
            fingerprint: format!(
                "fp_{:010x}",
                (hash(ask.model.id.as_bytes()) ^ ask.seed) & 0xff_ffff_ffff
            ),
            choices,
            counts: setting.counts(counted),
            tells_cache_writes: matches!(
                ask.model.kind,
                crate::catalogue::Kind::Chat { strict: true, .. }
            ),
        }
    }

    /// The usage object, after `output` tokens.
    pub(crate) fn usage(&self, output: u64) -> Value {
        let counts = self.counts;
        let mut input_details = json!({"cached_tokens": counts.cached, "audio_tokens": 0});
        if self.tells_cache_writes || counts.cache_write > 0 {
            input_details["cache_write_tokens"] = json!(counts.cache_write);
        }
        json!({
            "prompt_tokens": counts.input,
            "completion_tokens": output,
            "total_tokens": counts.input + output,
            "prompt_tokens_details": input_details,
            "completion_tokens_details": {
                "reasoning_tokens": counts.reasoning,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        })
    }
}

fn output_tokens(choice: &Choice) -> u64 {
    choice.pieces.len() as u64
        + choice
            .tool
            .as_ref()
            .map_or(0, |call| tokens::count(&call.name))
}

pub(crate) fn choice(ask: &Ask<'_>, setting: &Setting<'_>, index: u64) -> Choice {
    let wish = &setting.script.answer;
    let tool = if wish.text.is_some() {
        None
    } else {
        tool::choose(ask, setting.seed ^ index)
    };
    let (text, mut finish_reason) = match (&wish.text, &tool) {
        (Some(text), _) => (text.clone(), "stop"),
        (None, Some(call)) => (call.arguments.to_string(), call.finish_reason),
        (None, None) => (written(ask), "stop"),
    };
    let text = if tool.is_some() {
        text.as_str()
    } else {
        until_stop(&text, &ask.stops)
    };
    let mut pieces: Vec<String> = tokens::split(text).into_iter().map(str::to_owned).collect();
    let room = ask
        .output_tokens_max
        .map(|max| max.saturating_sub(ask.reasoning_tokens))
        .and_then(|max| usize::try_from(max).ok())
        .unwrap_or(usize::MAX);
    if pieces.len() > room {
        pieces.truncate(room);
        finish_reason = "length";
    }
    let finish_reason = wish
        .finish_reason
        .as_deref()
        .unwrap_or(finish_reason)
        .to_owned();
    Choice {
        tool,
        pieces,
        finish_reason,
        logprobs: ask.logprobs,
    }
}

fn written(ask: &Ask<'_>) -> String {
    let answer = quote::answer(&ask.messages);
    match ask.format {
        Format::Text => answer,
        Format::Object => json!({"answer": answer}).to_string(),
        Format::Schema(schema) => schema::fill(schema, &answer, ask.question()).to_string(),
    }
}

fn until_stop<'t>(text: &'t str, stops: &[&str]) -> &'t str {
    let end = stops
        .iter()
        .filter_map(|stop| text.find(stop))
        .min()
        .unwrap_or(text.len());
    &text[..end]
}
