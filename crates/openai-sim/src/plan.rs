//! A planned answer: what the simulator would say to a call, before a script has its way with it.
//!
//! Invariants: the tokens of a stream's events add up to the counted output of its charge.
//! Does not know: HTTP bodies, time, connections.

use serde_json::Value;

use crate::bill::Payer;
use crate::catalogue::Model;
use crate::script::{Script, TokenCounts, UsageWish};

pub(crate) struct Plan {
    pub(crate) body: PlannedBody,
    pub(crate) charge: Option<Charge>,
}

pub(crate) enum PlannedBody {
    Whole(Value),
    Stream(Vec<Event>),
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
    pub(crate) input: u64,
    pub(crate) output: u64,
    /// The part of a stream's output that stands in none of its events, such as reasoning: it comes before them.
    pub(crate) hidden: u64,
    /// Exact, from the catalogue's prices.
    pub(crate) pico_usd: u64,
}

impl Charge {
    pub(crate) fn new(body: &Value, name: &str, model: &Model, counts: TokenCounts) -> Self {
        let pico_usd = counts.input * model.input_pico_usd + counts.output * model.output_pico_usd;
        Self {
            payer: Payer {
                model: name.to_owned(),
                user: body["user"].as_str().unwrap_or_default().to_owned(),
            },
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
}

impl Setting<'_> {
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
