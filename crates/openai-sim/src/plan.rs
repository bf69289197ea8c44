//! A planned answer: what the simulator would say to a call, before a script has its way with it.
//!
//! Invariants: the tokens of a stream's events add up to the counted output of its charge.
//! Does not know: HTTP bodies, time, connections.

use bytes::Bytes;
use serde_json::Value;

use crate::bill::{ModelBill, Payer};
use crate::catalogue::Model;
use crate::objects::Objects;
use crate::script::{Script, TokenCounts, UsageWish};

pub(crate) struct Plan {
    pub(crate) body: PlannedBody,
    pub(crate) charge: Option<Charge>,
    /// For work that an earlier call began and this one found done.
    pub(crate) late: Option<Charge>,
}

pub(crate) enum PlannedBody {
    Whole(Value),
    Stream(Style, Vec<Event>),
    /// No JSON: sound, a file, a plain text.
    Plain {
        content_type: &'static str,
        bytes: Bytes,
    },
}

/// How the events of a stream are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// Without names, `[DONE]` at the end: chats and completions.
    Chunks,
    /// Named by their `type` and numbered, without `[DONE]`: responses.
    Numbered,
    /// Named by their `type`, without `[DONE]`: images.
    Named,
    /// Without names, without `[DONE]`: sound and what is heard in it.
    Typed,
}

impl Plan {
    pub(crate) fn free(body: Value) -> Self {
        Self {
            body: PlannedBody::Whole(body),
            charge: None,
            late: None,
        }
    }

    pub(crate) fn charged(body: PlannedBody, charge: Charge) -> Self {
        Self {
            body,
            charge: Some(charge),
            late: None,
        }
    }
}

/// One event of a stream and how many output tokens it carries.
pub(crate) struct Event {
    pub(crate) value: Value,
    pub(crate) tokens: u64,
}

/// What goes on the bill. Units: tokens.
#[derive(Clone, Debug)]
pub(crate) struct Charge {
    pub(crate) payer: Payer,
    pub(crate) calls: u64,
    pub(crate) input: u64,
    pub(crate) output: u64,
    /// The part of a stream's output that stands in none of its events, such as reasoning: it comes before them.
    pub(crate) hidden: u64,
    /// Exact, from the catalogue's prices.
    pub(crate) pico_usd: u64,
}

impl Charge {
    /// All of it at once.
    pub(crate) fn part(&self) -> ModelBill {
        ModelBill {
            calls: self.calls,
            input_tokens: self.input,
            output_tokens: self.output,
        }
    }

    pub(crate) fn new(body: &Value, name: &str, model: &Model, counts: TokenCounts) -> Self {
        let pico_usd = counts.input * model.input_pico_usd + counts.output * model.output_pico_usd;
        Self {
            payer: Payer {
                model: name.to_owned(),
                user: body["user"].as_str().unwrap_or_default().to_owned(),
            },
            calls: 1,
            input: counts.input,
            output: counts.output,
            hidden: 0,
            pico_usd,
        }
    }
}

/// What surrounds one answer.
pub(crate) struct Setting<'a> {
    /// Differs from call to call, and is the same on every run.
    pub(crate) seed: u64,
    /// Unix seconds.
    pub(crate) created: u64,
    pub(crate) script: &'a Script,
    /// What earlier calls left behind.
    pub(crate) objects: &'a Objects,
}

impl Setting<'_> {
    /// Whether the call is answered as planned; one that is refused leaves nothing behind.
    pub(crate) fn is_kept(&self) -> bool {
        let refused = self
            .script
            .status
            .is_some_and(|status| status.as_u16() >= 400);
        !refused && self.script.raw.is_none()
    }

    /// The counts to report and bill: the scripted ones if there are any.
    pub(crate) fn counts(&self, counted: TokenCounts) -> TokenCounts {
        match &self.script.usage {
            UsageWish::Exact(counts) => *counts,
            UsageWish::Counted | UsageWish::Raw(_) | UsageWish::Omitted => counted,
        }
    }

    /// The usage object to report, if any is.
    pub(crate) fn usage(&self, honest: Value) -> Option<Value> {
        match &self.script.usage {
            UsageWish::Omitted => None,
            UsageWish::Raw(usage) => Some(usage.clone()),
            UsageWish::Counted | UsageWish::Exact(_) => Some(honest),
        }
    }

    pub(crate) fn served<'m>(&'m self, model: &'m Model) -> &'m str {
        self.script.answer.model.as_deref().unwrap_or(model.served)
    }
}
