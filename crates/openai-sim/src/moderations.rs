//! `POST /moderations`: free, and as clever as a list of words.
//!
//! Invariants: one result for each text; costs nothing.
//! Does not know: what is harmful.
//! Source: OpenAI API reference, "Create moderation".

use serde_json::{Map, Value, json};

use crate::catalogue::Kind;
use crate::hash::{hash, letters};
use crate::plan::{Plan, Setting};
use crate::refusal::Refusal;
use crate::route::Visit;
use crate::{fields, words};

const MODEL: &str = "omni-moderation-latest";
/// Every category, and a word that makes a text fall under it.
const CATEGORIES: [(&str, &str); 13] = [
    ("harassment", "idiot"),
    ("harassment/threatening", ""),
    ("hate", "hate"),
    ("hate/threatening", ""),
    ("illicit", "burgle"),
    ("illicit/violent", ""),
    ("self-harm", "suicide"),
    ("self-harm/instructions", ""),
    ("self-harm/intent", ""),
    ("sexual", "sex"),
    ("sexual/minors", ""),
    ("violence", "kill"),
    ("violence/graphic", "gore"),
];

pub(crate) fn create(visit: &Visit<'_>, setting: &Setting<'_>) -> Result<Plan, Refusal> {
    let mut body = visit.json()?;
    if fields::present(&body, "model").is_none() {
        body["model"] = json!(MODEL);
    }
    let (name, model) = fields::model(&body)?;
    if model.kind != Kind::Moderation {
        return Err(Refusal::not_for(name, "v1/moderations"));
    }
    let input = fields::present(&body, "input").ok_or_else(|| Refusal::missing("input"))?;
    let results: Vec<Value> = match input {
        Value::String(text) => vec![result(text)],
        // Parts of one input together, texts each by itself.
        Value::Array(parts) if parts.iter().any(Value::is_object) => {
            let texts: Vec<&str> = parts
                .iter()
                .filter_map(|part| part["text"].as_str())
                .collect();
            vec![result(&texts.join("\n"))]
        }
        Value::Array(texts) => texts.iter().filter_map(Value::as_str).map(result).collect(),
        other => return Err(Refusal::wrong_type("input", "a string or an array", other)),
    };
    let id = format!("modr-{}", letters(setting.seed, 24));
    Ok(Plan::free(
        json!({"id": id, "model": setting.served(model), "results": results}),
    ))
}

fn result(text: &str) -> Value {
    let said: Vec<String> = words::words(text).collect();
    let (mut categories, mut scores, mut types) = (Map::new(), Map::new(), Map::new());
    let mut flagged = false;
    for (name, word) in CATEGORIES {
        let hit = said.iter().any(|said| said == word);
        flagged |= hit;
        let small = (hash(text.as_bytes()) ^ hash(name.as_bytes())) % 1000;
        let score = if hit { 0.9 } else { small as f64 / 1e6 };
        categories.insert(name.to_owned(), json!(hit));
        scores.insert(name.to_owned(), json!(score));
        types.insert(name.to_owned(), json!(["text"]));
    }
    json!({
        "flagged": flagged,
        "categories": categories,
        "category_scores": scores,
        "category_applied_input_types": types,
    })
}
