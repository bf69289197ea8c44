//! What the simulator would charge for: its own count of calls and tokens, to hold a ledger against.
//!
//! Invariants: only ever grows until it is reset; counts what was generated, also what nobody received.
//! Does not know: prices, what a caller was told in `usage` (a script may make the two differ).

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Calls and tokens, by model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bill {
    /// By the model's name as the requests gave it.
    pub models: BTreeMap<String, ModelBill>,
}

/// Calls and tokens of one model. Units: tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ModelBill {
    /// Calls that were charged for, also those that generated nothing.
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

    pub(crate) fn charge(
        &mut self,
        model: &str,
        calls: u64,
        input_tokens: u64,
        output_tokens: u64,
    ) {
        let bill = self.models.entry(model.to_owned()).or_default();
        bill.calls += calls;
        bill.input_tokens += input_tokens;
        bill.output_tokens += output_tokens;
    }

    pub(crate) fn to_json(&self) -> Value {
        let one = |bill: &ModelBill| json!({"calls": bill.calls, "input_tokens": bill.input_tokens, "output_tokens": bill.output_tokens});
        let models: BTreeMap<&String, Value> = self
            .models
            .iter()
            .map(|(model, bill)| (model, one(bill)))
            .collect();
        json!({"models": models, "total": one(&self.total())})
    }
}
