//! `POST /embeddings`: texts or token ids to vectors.
//!
//! Invariants: one vector for each input, in order; vectors have length 1.
//! Does not know: scripts beyond usage and model, how vectors come about.
//! Source: OpenAI API reference, "Create embeddings".

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::catalogue::{EMBEDDING_INPUT_TOKENS_MAX, Kind};
use crate::fields;
use crate::plan::{Charge, Plan, PlannedBody, Setting};
use crate::refusal::Refusal;
use crate::script::TokenCounts;
use crate::{tokens, vector};

/// Inputs of one request.
const INPUTS_MAX: usize = 2048;

struct Input {
    text: String,
    tokens: u64,
}

pub(crate) fn plan(body: &Value, setting: &Setting<'_>) -> Result<Plan, Refusal> {
    let (name, model) = fields::model(body)?;
    let Kind::Embedding {
        dimensions_max,
        shorter,
    } = model.kind
    else {
        return Err(Refusal::not_for(name, "v1/embeddings"));
    };
    let wanted = fields::number(body, "dimensions", dimensions_max as u64)?;
    if wanted.is_some() && !shorter {
        return Err(Refusal::invalid(
            "This model does not support specifying dimensions.",
            Some("dimensions"),
            None,
        ));
    }
    let dimensions = wanted
        .and_then(|wanted| usize::try_from(wanted).ok())
        .unwrap_or(dimensions_max);
    let base64 = match fields::text(body, "encoding_format")? {
        None | Some("float") => false,
        Some("base64") => true,
        Some(other) => {
            let message =
                format!("Invalid value: '{other}'. Supported values are: 'float' and 'base64'.");
            return Err(Refusal::invalid(
                message,
                Some("encoding_format"),
                Some("invalid_value"),
            ));
        }
    };
    let inputs = inputs(body)?;
    let object = |(index, input): (usize, &Input)| {
        let values = vector::embed(&input.text, model.id, dimensions_max, dimensions);
        json!({"object": "embedding", "index": index, "embedding": if base64 { in_base64(&values) } else { in_floats(&values) }})
    };
    let data: Vec<Value> = inputs.iter().enumerate().map(object).collect();
    let input = inputs.iter().map(|input| input.tokens).sum();
    let counts = setting.counts(TokenCounts {
        input,
        ..TokenCounts::default()
    });
    let mut answer = json!({"object": "list", "data": data, "model": setting.served(model)});
    if let Some(usage) =
        setting.usage(json!({"prompt_tokens": counts.input, "total_tokens": counts.input}))
    {
        answer["usage"] = usage;
    }
    let charge = Charge::new(body, name, model, counts);
    Ok(Plan::charged(PlannedBody::Whole(answer), charge))
}

fn in_base64(values: &[f32]) -> Value {
    let bytes: Vec<u8> = values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    Value::String(STANDARD.encode(bytes))
}

/// Rounded to nine decimals, about the digits that the API gives.
fn in_floats(values: &[f32]) -> Value {
    values
        .iter()
        .map(|value| (f64::from(*value) * 1e9).round() / 1e9)
        .collect()
}

fn inputs(body: &Value) -> Result<Vec<Input>, Refusal> {
    let input = fields::present(body, "input").ok_or_else(|| Refusal::missing("input"))?;
    let inputs = match input {
        Value::String(_) => vec![one(input)?],
        Value::Array(items) if items.first().is_some_and(Value::is_number) => vec![one(input)?],
        Value::Array(items) => items.iter().map(one).collect::<Result<Vec<_>, _>>()?,
        other => return Err(Refusal::wrong_type("input", "a string or an array", other)),
    };
    if inputs.is_empty() || inputs.len() > INPUTS_MAX {
        let message = format!(
            "'input' must hold from 1 to {INPUTS_MAX} items, but holds {}.",
            inputs.len()
        );
        return Err(Refusal::invalid(
            message,
            Some("input"),
            Some("invalid_value"),
        ));
    }
    Ok(inputs)
}

fn one(input: &Value) -> Result<Input, Refusal> {
    let read = match input {
        Value::String(text) => Input {
            text: text.clone(),
            tokens: tokens::count(text),
        },
        Value::Array(ids) => of_ids(ids)?,
        other => {
            return Err(Refusal::wrong_type(
                "input",
                "a string or an array of token ids",
                other,
            ));
        }
    };
    match read.tokens {
        0 => Err(Refusal::invalid(
            "'input' cannot be an empty string or an empty array.",
            Some("input"),
            Some("invalid_value"),
        )),
        tokens if tokens > EMBEDDING_INPUT_TOKENS_MAX => Err(Refusal::context_too_long(
            EMBEDDING_INPUT_TOKENS_MAX,
            tokens,
            "input",
        )),
        _ => Ok(read),
    }
}

/// The ids stand for words of their own: the same ids are near, and that is all that can be said of them.
fn of_ids(ids: &[Value]) -> Result<Input, Refusal> {
    let word = |id: &Value| {
        id.as_u64()
            .map(|id| format!("t{id}t "))
            .ok_or_else(|| Refusal::wrong_type("input", "token ids", id))
    };
    let text = ids.iter().map(word).collect::<Result<String, _>>()?;
    Ok(Input {
        text,
        tokens: ids.len() as u64,
    })
}
