//! `POST /responses` and what can be asked about a response later.
//!
//! Invariants: the same request and seed give the same answer; whole, streamed and stored say the same; a response with
//! `store: false` leaves nothing behind.
//! Does not know: HTTP, connections, time: work in the background goes on when somebody looks.
//! Source: OpenAI API reference, "Responses", and the types of openai 3.54.0 (Python).

mod answer;
mod ask;
mod events;
mod input;
mod item;
mod object;
mod stored;

use serde_json::json;

use crate::plan::{Charge, Plan, PlannedBody, Setting, Style};
use crate::refusal::Refusal;
use crate::route::Visit;
use answer::Answer;
use ask::Ask;
use object::Phase;
pub(crate) use stored::{Stored, cancel, delete, get, input_items};

pub(crate) fn create(visit: &Visit<'_>, setting: &Setting<'_>) -> Result<Plan, Refusal> {
    let body = visit.json()?;
    let ask = Ask::read(&body, setting)?;
    let answer = Answer::generate(&ask, setting);
    let ended = object::write(&answer, &ask, setting, Phase::Ended);
    let mut charge = Charge::new(&body, ask.chat.name, ask.chat.model, answer.counts);
    let planned = if ask.chat.stream {
        let events = events::write(&answer, &ask, setting);
        let shown: u64 = events.iter().map(|event| event.tokens).sum();
        charge.hidden = charge.output.saturating_sub(shown);
        PlannedBody::Stream(Style::Numbered, events)
    } else if ask.background {
        PlannedBody::Whole(object::write(&answer, &ask, setting, Phase::Queued))
    } else {
        PlannedBody::Whole(ended.clone())
    };
    let mut late = None;
    if ask.background && !ask.chat.stream {
        // The input is read now, the rest is written until somebody finds it done.
        late = Some(Charge {
            calls: 0,
            input: 0,
            ..charge.clone()
        });
        charge.output = 0;
    }
    if setting.is_kept() {
        stored::keep(&ask, &answer, ended, late, setting);
    }
    Ok(Plan::charged(planned, charge))
}

/// `POST /responses/input_tokens`: the exact count, free.
pub(crate) fn count(visit: &Visit<'_>, setting: &Setting<'_>) -> Result<Plan, Refusal> {
    let body = visit.json()?;
    let ask = Ask::read(&body, setting)?;
    let counted = setting.counts(crate::script::TokenCounts {
        input: ask.chat.input_tokens,
        ..Default::default()
    });
    Ok(Plan::free(
        json!({"object": "response.input_tokens", "input_tokens": counted.input}),
    ))
}
