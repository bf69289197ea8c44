//! `POST /chat/completions`: reads the request, generates choices, writes them whole or as chunks.
//!
//! Invariants: the same request and seed give the same answer; whole and streamed say the same.
//! Does not know: HTTP, connections, time.
//! Source: OpenAI API reference, "Create chat completion" and "Chat completion chunk".

mod ask;
mod chunks;
mod completion;
pub(crate) mod logprobs;
mod quote;
mod schema;
mod tool;
mod whole;

use serde_json::Value;

use crate::plan::{Charge, Plan, PlannedBody, Setting, Style};
use crate::refusal::Refusal;
pub(crate) use ask::{
    Ask, Format, IMAGE_TOKENS, MESSAGE_TOKENS, Message, REQUEST_TOKENS, Tool, ToolChoice,
    served_tier,
};
use completion::Completion;
pub(crate) use completion::choice;

/// The sentences of a prompt that fit its question.
pub(crate) fn quoted(prompt: &str) -> String {
    quote::answer(&[Message {
        role: "user",
        text: prompt.to_owned(),
    }])
}

pub(crate) fn plan(body: &Value, setting: &Setting<'_>) -> Result<Plan, Refusal> {
    let ask = Ask::read(body)?;
    let completion = Completion::generate(&ask, setting);
    let mut charge = Charge::new(body, ask.name, ask.model, completion.counts);
    let body = if ask.stream {
        let events = chunks::write(&completion, &ask, setting);
        let shown: u64 = events.iter().map(|event| event.tokens).sum();
        charge.hidden = charge.output.saturating_sub(shown);
        PlannedBody::Stream(Style::Chunks, events)
    } else {
        PlannedBody::Whole(whole::write(&completion, setting))
    };
    Ok(Plan::charged(body, charge))
}
