//! Lies about counted tokens.
//!
//! Invariants: an answer without usage stays as it is; the fields of usage stay the same.
//! Does not know: what was really counted.

use serde_json::{Value, json};

use super::twist::Twist;

/// How far a twisted count is off, in tokens.
const OFF_TOKENS: i64 = 7;

pub(super) fn twist(value: &mut Value, twist: Twist) {
    // The events of a response have it inside.
    let holder = match value.get("response") {
        Some(_) => &mut value["response"],
        None => value,
    };
    let Some(usage) = holder.get_mut("usage").filter(|usage| usage.is_object()) else {
        return;
    };
    let count = |usage: &Value, name: &str| usage.get(name).and_then(Value::as_i64).unwrap_or(0);
    match twist {
        Twist::UsageZero => each(usage, &|_| 0),
        Twist::UsageNegative => each(usage, &|count| -count - 1),
        Twist::UsageTotalWrong => {
            usage["total_tokens"] = json!(count(usage, "total_tokens") + OFF_TOKENS)
        }
        Twist::UsageCachedAbovePrompt => {
            for name in ["prompt_tokens", "input_tokens"] {
                let whole = count(usage, name);
                if let Some(details) = usage
                    .get_mut(format!("{name}_details"))
                    .filter(|details| details.is_object())
                {
                    details["cached_tokens"] = json!(whole + OFF_TOKENS);
                }
            }
        }
        _ => {}
    }
}

fn each(value: &mut Value, change: &dyn Fn(i64) -> i64) {
    match value {
        Value::Object(fields) => fields.values_mut().for_each(|field| each(field, change)),
        Value::Number(number) => *value = json!(change(number.as_i64().unwrap_or(0))),
        _ => {}
    }
}
