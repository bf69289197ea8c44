//! `/conversations`: what several responses said, under one id.
//!
//! Invariants: items stand in the order in which they were said.
//! Does not know: how a response is made.
//! Source: OpenAI API reference, "Conversations".

use serde_json::{Value, json};

use crate::hash::hexadecimal;
use crate::lists;
use crate::plan::{Plan, Setting};
use crate::refusal::Refusal;
use crate::route::Visit;

/// Everything of one conversation.
#[derive(Clone)]
pub(crate) struct Conversation {
    object: Value,
    pub(crate) items: Vec<Value>,
}

pub(crate) fn create(visit: &Visit<'_>, setting: &Setting<'_>) -> Result<Plan, Refusal> {
    let body = match visit.call.body.is_empty() {
        true => Value::Null,
        false => visit.json()?,
    };
    let metadata = body["metadata"].as_object().cloned().unwrap_or_default();
    let id = format!("conv_{}", hexadecimal(setting.seed));
    let object = json!({"id": id, "object": "conversation", "created_at": setting.created, "metadata": metadata});
    if setting.is_kept() {
        let items = body["items"].as_array().cloned().unwrap_or_default();
        let conversation = Conversation {
            object: object.clone(),
            items,
        };
        let bytes = visit.call.body.len();
        setting.objects.conversations.put(&id, conversation, bytes);
    }
    Ok(Plan::free(object))
}

pub(crate) fn get(visit: &Visit<'_>, setting: &Setting<'_>) -> Result<Plan, Refusal> {
    Ok(Plan::free(known(visit, setting)?.object))
}

pub(crate) fn items(visit: &Visit<'_>, setting: &Setting<'_>) -> Result<Plan, Refusal> {
    Ok(lists::page(known(visit, setting)?.items, visit.query()))
}

pub(crate) fn delete(visit: &Visit<'_>, setting: &Setting<'_>) -> Result<Plan, Refusal> {
    let id = known(visit, setting)?.object["id"].clone();
    setting.objects.conversations.remove(visit.id());
    Ok(Plan::free(
        json!({"id": id, "object": "conversation.deleted", "deleted": true}),
    ))
}

fn known(visit: &Visit<'_>, setting: &Setting<'_>) -> Result<Conversation, Refusal> {
    let known = setting.objects.conversations.get(visit.id());
    known.ok_or_else(|| Refusal::not_found("Conversation", visit.id()))
}
