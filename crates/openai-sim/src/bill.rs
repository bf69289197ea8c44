//! What the simulator would charge for: its own count of calls and tokens, to hold a ledger against.
//!
//! Invariants: only ever grows until it is reset; counts what was generated, also what nobody received; the users' parts add up to the models'.
//! Does not know: prices, what a caller was told in `usage` (a script may make the two differ).

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// End users that have a part of their own; what further ones do counts for the user without a name.
const USERS_MAX: usize = 262_144;

/// Calls and tokens, by model, and by end user and model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bill {
    /// By the model's name as the requests gave it.
    pub models: BTreeMap<String, ModelBill>,
    /// The same, by the request's `user` first; calls without one stand under the empty name.
    pub users: BTreeMap<String, BTreeMap<String, ModelBill>>,
}

/// Calls and tokens of one model. Units: tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ModelBill {
    /// Calls that were charged for, also those that generated nothing, and those that are not charged by tokens:
    /// speech by characters, transcriptions by seconds.
    pub calls: u64,
    /// All input tokens, cached ones too.
    pub input_tokens: u64,
    /// All output tokens, reasoning too.
    pub output_tokens: u64,
}

impl Bill {
    /// What was charged for `model`, named as in the requests; nothing if it was never called.
    pub fn of(&self, model: &str) -> ModelBill {
        self.models.get(model).copied().unwrap_or_default()
    }

    /// The sum over all models.
    pub fn total(&self) -> ModelBill {
        self.models
            .values()
            .fold(ModelBill::default(), |sum, one| ModelBill {
                calls: sum.calls + one.calls,
                input_tokens: sum.input_tokens + one.input_tokens,
                output_tokens: sum.output_tokens + one.output_tokens,
            })
    }

    pub(crate) fn charge(&mut self, payer: &Payer, part: ModelBill) {
        self.models
            .entry(payer.model.clone())
            .or_default()
            .add(part);
        let is_new = !self.users.contains_key(&payer.user);
        let user = if is_new && self.users.len() >= USERS_MAX {
            ""
        } else {
            &payer.user
        };
        let models = self.users.entry(user.to_owned()).or_default();
        models.entry(payer.model.clone()).or_default().add(part);
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({"models": by_model(&self.models), "total": self.total().to_json()})
    }

    /// The users' parts, which may be many.
    pub(crate) fn users_to_json(&self) -> Value {
        let users: BTreeMap<&String, Value> = self
            .users
            .iter()
            .map(|(user, models)| (user, by_model(models)))
            .collect();
        json!({"users": users})
    }
}

impl ModelBill {
    fn add(&mut self, part: Self) {
        self.calls += part.calls;
        self.input_tokens += part.input_tokens;
        self.output_tokens += part.output_tokens;
    }

    fn to_json(self) -> Value {
        json!({"calls": self.calls, "input_tokens": self.input_tokens, "output_tokens": self.output_tokens})
    }
}

/// Who a charge is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Payer {
    /// As the request named it.
    pub(crate) model: String,
    /// The request's `user`; empty if it named none.
    pub(crate) user: String,
}

fn by_model(models: &BTreeMap<String, ModelBill>) -> Value {
    models
        .iter()
        .map(|(model, bill)| (model.clone(), bill.to_json()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}
