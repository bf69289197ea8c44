//! Writes the response object.
//!
//! Invariants: every field that the API always sends is there, null where it has nothing to say; usage is null until
//! the end.
//! Does not know: events.
//! Source: OpenAI API reference, "The response object"; the types of openai 3.54.0 (Python), Response.

use serde_json::{Value, json};

use super::answer::{Answer, End};
use super::ask::Ask;
use crate::plan::Setting;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Queued,
    InProgress,
    Cancelled,
    Ended,
}

pub(super) fn write(answer: &Answer, ask: &Ask<'_>, setting: &Setting<'_>, phase: Phase) -> Value {
    let (status, ended) = match phase {
        Phase::Queued => ("queued", false),
        Phase::InProgress => ("in_progress", false),
        Phase::Cancelled => ("cancelled", false),
        Phase::Ended => (answer.end.status(), true),
    };
    let mut object = asked(ask.body);
    let given = json!({
        "id": answer.id,
        "object": "response",
        "created_at": answer.created,
        "status": status,
        "background": ask.background,
        "completed_at": null,
        "error": null,
        "incomplete_details": null,
        "model": answer.model,
        "output": [],
        "service_tier": ask.body["service_tier"].as_str().unwrap_or("auto"),
        "store": ask.store,
        "usage": null,
    });
    extend(&mut object, given);
    if let Some(id) = &ask.conversation {
        object["conversation"] = json!({"id": id});
    }
    if !ended {
        return object;
    }
    object["service_tier"] = json!(answer.service_tier);
    match &answer.end {
        End::Completed => object["completed_at"] = json!(answer.created),
        End::Incomplete(reason) => object["incomplete_details"] = json!({"reason": reason}),
        End::Failed(error) => object["error"] = error.clone(),
    }
    let output = answer.items.iter().map(|item| item.ended(status));
    object["output"] = output.collect();
    object["usage"] = setting.usage(usage(answer)).unwrap_or_default();
    if let Some(usage) = &answer.tool_usage {
        object["tool_usage"] = usage.clone();
    }
    object
}

fn usage(answer: &Answer) -> Value {
    let counts = answer.counts;
    json!({
        "input_tokens": counts.input,
        "input_tokens_details": {"cached_tokens": counts.cached, "cache_write_tokens": counts.cache_write},
        "output_tokens": counts.output,
        "output_tokens_details": {"reasoning_tokens": counts.reasoning},
        "total_tokens": counts.input + counts.output,
    })
}

/// What is said back of the request.
fn asked(body: &Value) -> Value {
    let or = |name: &str, usual: Value| match &body[name] {
        Value::Null => usual,
        value => value.clone(),
    };
    let format = match &body["text"]["format"] {
        Value::Null => json!({"type": "text"}),
        format => format.clone(),
    };
    let verbosity = body["text"]["verbosity"].as_str().unwrap_or("medium");
    let reasoning = &body["reasoning"];
    json!({
        "instructions": body["instructions"],
        "max_output_tokens": body["max_output_tokens"],
        "max_tool_calls": body["max_tool_calls"],
        "metadata": or("metadata", json!({})),
        "parallel_tool_calls": or("parallel_tool_calls", json!(true)),
        "previous_response_id": body["previous_response_id"],
        "prompt_cache_key": body["prompt_cache_key"],
        "prompt_cache_retention": body["prompt_cache_retention"],
        "reasoning": {"effort": reasoning["effort"], "summary": reasoning["summary"]},
        "safety_identifier": body["safety_identifier"],
        "temperature": or("temperature", json!(1.0)),
        "text": {"format": format, "verbosity": verbosity},
        "tool_choice": or("tool_choice", json!("auto")),
        "tools": or("tools", json!([])),
        "top_logprobs": or("top_logprobs", json!(0)),
        "top_p": or("top_p", json!(1.0)),
        "truncation": or("truncation", json!("disabled")),
        "user": body["user"],
    })
}

fn extend(object: &mut Value, fields: Value) {
    if let (Value::Object(object), Value::Object(fields)) = (object, fields) {
        object.extend(fields);
    }
}
