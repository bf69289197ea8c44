//! `POST /chat/completions`: reads the request, generates choices, writes them whole or as chunks.
//!
//! Invariants: the same request and seed give the same answer; whole and streamed say the same.
//! Does not know: HTTP, connections, time.
//! Source: OpenAI API reference, "Create chat completion" and "Chat completion chunk".

mod ask;
mod chunks;
mod completion;
mod logprobs;
mod quote;
mod schema;
mod tool;
mod whole;

use serde_json::Value;

use crate::plan::{Charge, Plan, PlannedBody, Setting};
use crate::refusal::Refusal;
use ask::Ask;
use completion::Completion;

pub(crate) fn plan(body: &Value, setting: &Setting<'_>) -> Result<Plan, Refusal> {
    let ask = Ask::read(body)?;
    let completion = Completion::generate(&ask, setting);
    let charge = Charge::new(ask.name, ask.model, completion.counts);
    let body = if ask.stream {
        PlannedBody::Stream(chunks::write(&completion, &ask, setting))
    } else {
        PlannedBody::Whole(whole::write(&completion, setting))
    };
    Ok(Plan {
        body,
        charge: Some(charge),
    })
}
