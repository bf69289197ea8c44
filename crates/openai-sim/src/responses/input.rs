//! The items of a request's input: what they say, and how they are kept.
//!
//! Invariants: every kept item has an id and a type; a text is one item of the user.
//! Does not know: models, answers.
//! Source: OpenAI API reference, `input` of "Create a model response"; the list of input items.

use serde_json::{Value, json};

use crate::fields;
use crate::hash::letters;
use crate::refusal::Refusal;

const ROLES: [&str; 5] = ["assistant", "developer", "system", "tool", "user"];

/// The items that a request sends.
pub(super) fn items(body: &Value, seed: u64) -> Result<Vec<Value>, Refusal> {
    let input = fields::present(body, "input").ok_or_else(|| Refusal::missing("input"))?;
    let items = match input {
        Value::String(text) => vec![json!({"role": "user", "content": text})],
        Value::Array(items) => items.clone(),
        other => return Err(Refusal::wrong_type("input", "a string or an array", other)),
    };
    items
        .into_iter()
        .enumerate()
        .map(|(index, item)| kept(item, seed.wrapping_add(index as u64)))
        .collect()
}

/// An item as it is listed later.
fn kept(mut item: Value, seed: u64) -> Result<Value, Refusal> {
    if !item.is_object() {
        return Err(Refusal::wrong_type("input", "an array of objects", &item));
    }
    let kind = item["type"].as_str().unwrap_or("message").to_owned();
    if kind == "message" {
        let role = item["role"].as_str().unwrap_or_default().to_owned();
        if !ROLES.contains(&role.as_str()) {
            let message = format!(
                "Invalid value: '{role}'. Supported values are: 'assistant', 'system', 'developer', and 'user'."
            );
            return Err(Refusal::invalid(
                message,
                Some("input"),
                Some("invalid_value"),
            ));
        }
        if let Some(text) = item["content"].as_str() {
            item["content"] = match role.as_str() {
                "assistant" => json!([{"type": "output_text", "text": text, "annotations": []}]),
                _ => json!([{"type": "input_text", "text": text}]),
            };
        }
        item["status"] = json!("completed");
    }
    if !item["id"].is_string() {
        let prefix = match kind.as_str() {
            "message" => "msg",
            "function_call" => "fc",
            "function_call_output" => "fco",
            "reasoning" => "rs",
            _ => "item",
        };
        item["id"] = json!(format!("{prefix}_{}", letters(!seed, 48)));
    }
    item["type"] = json!(kind);
    Ok(item)
}

/// Who speaks in an item, and what it says.
pub(super) fn says(item: &Value) -> (&'static str, String) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match item["type"].as_str() {
        Some("function_call_output" | "custom_tool_call_output") => ("tool", said(&item["output"])),
        Some("function_call") => (
            "assistant",
            text(&item["name"]) + " " + &text(&item["arguments"]),
        ),
        Some("message") => {
            let role = ROLES
                .into_iter()
                .find(|role| item["role"] == **role)
                .unwrap_or("user");
            (role, said(&item["content"]))
        }
        _ => ("assistant", String::new()),
    }
}

/// The images of an item.
pub(super) fn images(item: &Value) -> u64 {
    let parts = item["content"].as_array().into_iter().flatten();
    parts.filter(|part| part["type"] == "input_image").count() as u64
}

fn said(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let texts: Vec<&str> = parts
                .iter()
                .filter_map(|part| part["text"].as_str().or(part["refusal"].as_str()))
                .collect();
            texts.join("\n")
        }
        _ => String::new(),
    }
}
