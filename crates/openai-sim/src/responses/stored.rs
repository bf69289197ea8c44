//! Responses that were kept: got, deleted, cancelled, and what was sent to them.
//!
//! Invariants: work in the background is found undone so often as the script says, then done, and is billed then; one
//! that was cancelled is billed for the share that was done.
//! Does not know: how a response is generated.
//! Source: OpenAI API reference, "Get a model response", "Cancel a response", "List input items"; background mode.

use serde_json::{Value, json};

use super::answer::Answer;
use super::ask::Ask;
use super::object::{self, Phase};
use crate::lists;
use crate::plan::{Charge, Plan, PlannedBody, Setting};
use crate::refusal::Refusal;
use crate::route::Visit;

const POLLS: u64 = 1;

/// A response that can be asked for.
#[derive(Clone)]
pub(crate) struct Stored {
    /// As long as it is undone.
    undone: Value,
    cancelled: Value,
    ended: Value,
    background: bool,
    polls: u64,
    polls_left: u64,
    /// What is billed when it is done.
    late: Option<Charge>,
    input: Vec<Value>,
    /// All that was said, for a response that follows this one.
    pub(super) context: Vec<Value>,
}

pub(super) fn keep(
    ask: &Ask<'_>,
    answer: &Answer,
    ended: Value,
    late: Option<Charge>,
    setting: &Setting<'_>,
) {
    let output = ended["output"].as_array().cloned().unwrap_or_default();
    if let Some(id) = &ask.conversation {
        let said = ask.input.iter().chain(&output).cloned();
        setting
            .objects
            .conversations
            .change(id, |conversation| conversation.items.extend(said));
    }
    if !ask.store {
        return;
    }
    let polls = match late {
        Some(_) => setting.script.answer.polls.unwrap_or(POLLS),
        None => 0,
    };
    let before = ask.earlier.iter().chain(&ask.input);
    let context: Vec<Value> = before.chain(&output).cloned().collect();
    let bytes = ended.to_string().len() * 3
        + context
            .iter()
            .map(|item| item.to_string().len())
            .sum::<usize>()
            * 2;
    let stored = Stored {
        undone: object::write(answer, ask, setting, Phase::InProgress),
        cancelled: object::write(answer, ask, setting, Phase::Cancelled),
        ended,
        background: ask.background,
        polls,
        polls_left: polls,
        late,
        input: ask.input.clone(),
        context,
    };
    setting.objects.responses.put(&answer.id, stored, bytes);
}

impl Stored {
    /// What it is now, and what is billed for having become so.
    fn look(&mut self) -> (Value, Option<Charge>) {
        if self.polls_left == 0 {
            return (self.ended.clone(), self.late.take());
        }
        self.polls_left -= 1;
        (self.undone.clone(), None)
    }

    fn cancel(&mut self) -> Option<(Value, Option<Charge>)> {
        if !self.background {
            return None;
        }
        let late = self.late.take().map(|mut charge| {
            let done = self.polls - self.polls_left;
            charge.output = charge.output * done / self.polls.max(1);
            charge
        });
        if late.is_some() {
            self.ended = self.cancelled.clone();
            self.polls_left = 0;
        }
        Some((self.ended.clone(), late))
    }
}

pub(crate) fn get(visit: &Visit<'_>, setting: &Setting<'_>) -> Result<Plan, Refusal> {
    let look = |stored: &mut Stored| match setting.is_kept() {
        true => stored.look(),
        false => (stored.undone.clone(), None),
    };
    let found = setting.objects.responses.change(visit.id(), look);
    found.map(told).ok_or_else(|| unknown(visit))
}

pub(crate) fn cancel(visit: &Visit<'_>, setting: &Setting<'_>) -> Result<Plan, Refusal> {
    let found = setting.objects.responses.change(visit.id(), Stored::cancel);
    let cancelled = found.ok_or_else(|| unknown(visit))?;
    cancelled.map(told).ok_or_else(|| {
        let message = "Cannot cancel a synchronous response.";
        Refusal::invalid(message, None, None)
    })
}

pub(crate) fn delete(visit: &Visit<'_>, setting: &Setting<'_>) -> Result<Plan, Refusal> {
    let id = visit.id();
    match setting.objects.responses.remove(id) {
        true => Ok(Plan::free(
            json!({"id": id, "object": "response", "deleted": true}),
        )),
        false => Err(unknown(visit)),
    }
}

pub(crate) fn input_items(visit: &Visit<'_>, setting: &Setting<'_>) -> Result<Plan, Refusal> {
    let stored = setting.objects.responses.get(visit.id());
    let stored = stored.ok_or_else(|| unknown(visit))?;
    Ok(lists::page(stored.input, visit.query()))
}

fn told((value, late): (Value, Option<Charge>)) -> Plan {
    Plan {
        body: PlannedBody::Whole(value),
        charge: None,
        late,
    }
}

fn unknown(visit: &Visit<'_>) -> Refusal {
    Refusal::not_found("Response", visit.id())
}
