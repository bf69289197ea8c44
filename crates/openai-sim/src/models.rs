//! `GET /models` and `GET /models/{id}`.
//!
//! Invariants: costs nothing; lists what the catalogue has, in its order.
//! Does not know: what the models do.
//! Source: OpenAI API reference, "Models".

use serde_json::{Value, json};

use crate::catalogue::{MODELS, Model, find};
use crate::plan::Plan;
use crate::refusal::Refusal;

pub(crate) fn list() -> Plan {
    Plan::free(
        json!({"object": "list", "data": MODELS.iter().map(|model| object(model, model.id)).collect::<Vec<_>>()}),
    )
}

pub(crate) fn one(name: &str) -> Result<Plan, Refusal> {
    find(name)
        .map(|model| Plan::free(object(model, name)))
        .ok_or_else(|| Refusal::unknown_model(name))
}

fn object(model: &Model, name: &str) -> Value {
    json!({"id": name, "object": "model", "created": model.created, "owned_by": model.owned_by})
}
