//! Reads fields of a request with OpenAI's words for what is missing or wrong.
//!
//! Invariants: null and absent are the same; a wrong type is a refusal that names the field.
//! Does not know: which fields a route has.

use serde_json::Value;

use crate::catalogue::{Model, find};
use crate::refusal::Refusal;

/// The value of a field that is neither absent nor null.
pub(crate) fn present<'a>(body: &'a Value, name: &str) -> Option<&'a Value> {
    body.get(name).filter(|value| !value.is_null())
}

pub(crate) fn text<'a>(body: &'a Value, name: &'static str) -> Result<Option<&'a str>, Refusal> {
    let read = |value: &'a Value| {
        value
            .as_str()
            .ok_or_else(|| Refusal::wrong_type(name, "a string", value))
    };
    present(body, name).map(read).transpose()
}

pub(crate) fn truth(body: &Value, name: &'static str) -> Result<bool, Refusal> {
    let read = |value: &Value| {
        value
            .as_bool()
            .ok_or_else(|| Refusal::wrong_type(name, "a boolean", value))
    };
    present(body, name).map_or(Ok(false), read)
}

/// A whole number from 1 to `max`.
pub(crate) fn number(body: &Value, name: &'static str, max: u64) -> Result<Option<u64>, Refusal> {
    number_from(body, name, 1, max)
}

/// A whole number from `min` to `max`.
pub(crate) fn number_from(
    body: &Value,
    name: &'static str,
    min: u64,
    max: u64,
) -> Result<Option<u64>, Refusal> {
    let Some(value) = present(body, name) else {
        return Ok(None);
    };
    let Some(number) = value.as_i64() else {
        return Err(Refusal::wrong_type(name, "an integer", value));
    };
    match u64::try_from(number).ok().filter(|number| *number >= min) {
        None => {
            let message = format!(
                "Invalid '{name}': integer below minimum value. Expected a value >= {min}, but got {number} instead."
            );
            Err(Refusal::invalid(
                message,
                Some(name),
                Some("integer_below_min_value"),
            ))
        }
        Some(number) if number > max => {
            let message = format!(
                "Invalid '{name}': integer above maximum value. Expected a value <= {max}, but got {number} instead."
            );
            Err(Refusal::invalid(
                message,
                Some(name),
                Some("integer_above_max_value"),
            ))
        }
        Some(number) => Ok(Some(number)),
    }
}

pub(crate) fn array<'a>(body: &'a Value, name: &'static str) -> Result<&'a [Value], Refusal> {
    let read = |value: &'a Value| {
        value
            .as_array()
            .ok_or_else(|| Refusal::wrong_type(name, "an array", value))
    };
    present(body, name).map_or(Ok(&[][..]), |value| read(value).map(Vec::as_slice))
}

/// The model that the request names, with its name there.
pub(crate) fn model(body: &Value) -> Result<(&str, &'static Model), Refusal> {
    let missing = || Refusal::invalid("you must provide a model parameter", None, None);
    let name = text(body, "model")?
        .filter(|name| !name.is_empty())
        .ok_or_else(missing)?;
    find(name)
        .map(|model| (name, model))
        .ok_or_else(|| Refusal::unknown_model(name))
}
