//! Reads single members of a body: names, numbers, flags.
//!
//! Invariants: a value of another type than asked is refused by the field's name; what is read equals what any other reader reads.
//! Does not know: which operation asks.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::object::Object;
use crate::status::Refusal;

/// The longest end-user name that the ledger keeps, in bytes.
const END_USER_BYTES_MAX: usize = 256;
/// The longest model name, in bytes.
const MODEL_BYTES_MAX: usize = 256;

/// The name of the model.
pub(super) fn model(object: &Object<'_>) -> Result<Arc<str>, Refusal> {
    const MODEL: Refusal = Refusal::InvalidField {
        field: "model",
        expected: "the name of a model, at most 256 bytes",
    };
    let name = text(object.get("model").ok_or(MODEL)?).ok_or(MODEL)?;
    if name.is_empty() || name.len() > MODEL_BYTES_MAX || name.chars().any(char::is_control) {
        return Err(MODEL);
    }
    Ok(Arc::from(name.as_ref()))
}

/// The end user that the body names.
pub(super) fn end_user(object: &Object<'_>) -> Result<Option<Arc<str>>, Refusal> {
    for field in ["safety_identifier", "user"] {
        if let Some(value) = object.get(field) {
            let name = text(value).ok_or(Refusal::InvalidField {
                field,
                expected: "a string",
            })?;
            return end_user_name(field, &name);
        }
    }
    Ok(None)
}

/// A name is kept up to its longest; one that reads as every name is none.
pub(super) fn end_user_name(field: &'static str, name: &str) -> Result<Option<Arc<str>>, Refusal> {
    if name == "*" {
        let expected = "the name of one end user";
        return Err(Refusal::InvalidField { field, expected });
    }
    let end = name.floor_char_boundary(END_USER_BYTES_MAX);
    Ok((end > 0).then(|| name[..end].into()))
}

#[derive(Deserialize)]
struct Text<'input>(#[serde(borrow)] Cow<'input, str>);

/// A string, decoded.
pub(super) fn text(value: &RawValue) -> Option<Cow<'_, str>> {
    serde_json::from_str::<Text<'_>>(value.get())
        .ok()
        .map(|text| text.0)
}

/// A whole number.
pub(super) fn number(object: &Object<'_>, field: &'static str) -> Result<Option<u64>, Refusal> {
    let Some(value) = object.get(field) else {
        return Ok(None);
    };
    value
        .get()
        .parse()
        .map(Some)
        .map_err(|_| Refusal::InvalidField {
            field,
            expected: "a whole number",
        })
}

/// A maximum of tokens. Some upstreams take zero for none at all, and would generate without a bound.
pub(super) fn tokens(object: &Object<'_>, field: &'static str) -> Result<Option<u64>, Refusal> {
    match number(object, field)? {
        Some(0) => Err(Refusal::InvalidField {
            field,
            expected: "a whole number above zero",
        }),
        tokens => Ok(tokens),
    }
}

/// A count from 1 to `most`; 1 where it is not said.
pub(super) fn count(
    object: &Object<'_>,
    field: &'static str,
    most: u64,
    expected: &'static str,
) -> Result<u64, Refusal> {
    match number(object, field)?.unwrap_or(1) {
        count if (1..=most).contains(&count) => Ok(count),
        _ => Err(Refusal::InvalidField { field, expected }),
    }
}

/// `true` or `false`.
pub(super) fn flag(value: Option<&RawValue>, field: &'static str) -> Result<Option<bool>, Refusal> {
    match value.map(RawValue::get) {
        None => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(_) => Err(Refusal::InvalidField {
            field,
            expected: "true or false",
        }),
    }
}
