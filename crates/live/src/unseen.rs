//! Fields that the contracts call optional and an upstream never sends: no drift, and good to know.
//!
//! Invariants: below a field that is not there nothing more is named.
//! Does not know: which fields matter.

use contracts::{Call, Contracts, Event, EventData, Exchange, Part, Payload, Shape};
use serde_json::Value;

/// The fields of one contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unseen {
    /// The contract.
    pub contract: String,
    /// Paths in its shape.
    pub fields: Vec<String>,
}

/// For each contract of an answer that came at all: its optional fields that never did.
pub(crate) fn unseen(contracts: &Contracts, exchanges: &[Exchange]) -> Vec<Unseen> {
    let mut all = Vec::new();
    for stem in contracts.stems() {
        let Some(contract) = contracts.get(stem) else {
            continue;
        };
        let Some(call) = contract.call.as_ref().filter(|call| call.route.is_some()) else {
            continue;
        };
        let values: Vec<&Value> = exchanges
            .iter()
            .flat_map(|exchange| values(call, exchange))
            .collect();
        let mut fields = Vec::new();
        walk("", &contract.shape, &values, &mut fields);
        if !fields.is_empty() {
            all.push(Unseen {
                contract: stem.to_owned(),
                fields,
            });
        }
    }
    all
}

/// The values of an exchange that a contract's shape describes.
fn values<'a>(call: &Call, exchange: &'a Exchange) -> Vec<&'a Value> {
    let status = (call.status.0..=call.status.1).contains(&exchange.status);
    if !status || call.route.as_ref() != Some(&exchange.route) {
        return Vec::new();
    }
    match (&exchange.answer, call.part) {
        (Payload::Json(value), Part::Json) => vec![value],
        (Payload::Events(events), Part::Events) => events.iter().filter_map(json).collect(),
        _ => Vec::new(),
    }
}

fn json(event: &Event) -> Option<&Value> {
    match &event.data {
        EventData::Json(value) => Some(value),
        EventData::Text(_) => None,
    }
}

fn walk(path: &str, shape: &Shape, values: &[&Value], fields: &mut Vec<String>) {
    let is_there = values.iter().any(|value| value.is_object());
    for (name, field) in shape.fields.iter().filter(|_| is_there) {
        let path = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        let below: Vec<&Value> = values.iter().filter_map(|value| value.get(name)).collect();
        if !below.is_empty() {
            walk(&path, &field.shape, &below, fields);
        } else if field.optional {
            fields.push(path);
        }
    }
    if let Some(element) = &shape.element {
        let below: Vec<&Value> = values
            .iter()
            .filter_map(|value| value.as_array())
            .flatten()
            .collect();
        walk(&format!("{path}[]"), element, &below, fields);
    }
}

#[cfg(test)]
mod tests {
    use super::unseen;
    use contracts::{Contracts, Exchange, Payload};
    use serde_json::{Value, json};

    const CONTRACT: &str = r#"
        origin = "documented"
        when = "2026-11-22"
        [call]
        route = "/a"
        [shape]
        "must" = "integer"
        "may" = "optional object"
        "may.deep" = "optional integer"
        "list" = "array"
        "list[]" = "object"
        "list[].also" = "optional string | null"
    "#;

    fn fields(answers: &[Value]) -> Vec<String> {
        let contracts = Contracts::read([("a".to_owned(), CONTRACT.to_owned())]).unwrap();
        let exchange = |answer: &Value| Exchange {
            method: "GET".to_owned(),
            route: "/a".to_owned(),
            status: 200,
            headers: Vec::new(),
            request: None,
            answer: Payload::Json(answer.clone()),
        };
        let exchanges: Vec<Exchange> = answers.iter().map(exchange).collect();
        unseen(&contracts, &exchanges)
            .into_iter()
            .flat_map(|unseen| unseen.fields)
            .collect()
    }

    #[test]
    fn a_field_is_unseen_only_if_no_answer_has_it() {
        assert_eq!(
            fields(&[json!({"must": 1, "list": [{}]})]),
            ["list[].also", "may"]
        );
        assert_eq!(
            fields(&[
                json!({"must": 1, "list": []}),
                json!({"may": {}, "list": [{"also": null}]})
            ]),
            ["may.deep"]
        );
        assert_eq!(fields(&[]), [""; 0]);
    }
}
