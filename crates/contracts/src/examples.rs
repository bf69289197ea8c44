//! Makes answers that a contract allows, so that a client can show that it reads them all.
//!
//! Invariants: an example differs from the contract in nothing, except where its name says that it is null against it;
//! the same contract gives the same examples.
//! Does not know: clients, laws between values.

use serde_json::{Map, Value, json};

use crate::contract::Contract;
use crate::headers::HeaderRule;
use crate::path::{self, Step};
use crate::shape::{Field, Kind, Shape};

/// A made-up answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// What is special, as in ``without `usage` ``.
    pub what: String,
    /// The answer.
    pub value: Value,
}

/// A place of a shape.
struct Place<'a> {
    path: String,
    steps: Vec<Step>,
    optional: bool,
    shape: &'a Shape,
}

impl Contract {
    /// What a client has to read: the most that there can be, then that with one change (without an optional field, with
    /// it null, also where the contract has no null, for servers write absence so; with another of its types; with each
    /// word of a closed set), then the least. In this order the first that can't be read tells which field it is.
    pub fn examples(&self) -> Vec<Example> {
        let most = most(&self.shape);
        let mut examples = vec![example("the most", most.clone())];
        for place in places(&self.shape) {
            let with = |value: &Value| set(&most, &place.steps, Some(value));
            let path = &place.path;
            if place.optional {
                examples.push(example(
                    format!("without `{path}`"),
                    set(&most, &place.steps, None),
                ));
            }
            if place.optional || place.shape.has(Kind::Null) {
                examples.push(example(format!("`{path}` null"), with(&Value::Null)));
            }
            for kind in kinds(place.shape).into_iter().skip(1) {
                let value = with(&of_kind(place.shape, kind, most_of));
                examples.push(example(format!("`{path}` as {kind}"), value));
            }
            for word in place.shape.words.iter().flatten() {
                let value = with(&json!(word));
                examples.push(example(format!("`{path}` '{word}'"), value));
            }
        }
        examples.push(example("the least", least(&self.shape)));
        examples
    }

    /// What may come without a warning: a field more in every object, and a new word in each closed set that has more
    /// than one. A client has to read these too.
    pub fn surprises(&self) -> Vec<Example> {
        let most = most(&self.shape);
        let mut grown = most.clone();
        grow(&mut grown);
        let mut surprises = vec![example("a new field in every object", grown)];
        for place in places(&self.shape) {
            if place
                .shape
                .words
                .as_ref()
                .is_some_and(|words| words.len() > 1)
            {
                let value = set(&most, &place.steps, Some(&json!("a_new_word")));
                surprises.push(example(format!("`{}` 'a_new_word'", place.path), value));
            }
        }
        surprises
    }

    /// Every header, with a value of its form.
    pub fn head(&self) -> Vec<(String, String)> {
        let line = |(name, rule): (&String, &HeaderRule)| (name.clone(), rule.example());
        self.headers.iter().map(line).collect()
    }
}

fn example(what: impl Into<String>, value: Value) -> Example {
    Example {
        what: what.into(),
        value,
    }
}

/// All places below the top, parents first.
fn places(shape: &Shape) -> Vec<Place<'_>> {
    let mut all = Vec::new();
    collect("", &[], shape, &mut all);
    all
}

fn collect<'a>(path: &str, steps: &[Step], shape: &'a Shape, all: &mut Vec<Place<'a>>) {
    let mut add = |path: String, step: Step, optional: bool, shape: &'a Shape| {
        let steps = [steps, &[step]].concat();
        all.push(Place {
            path: path.clone(),
            steps: steps.clone(),
            optional,
            shape,
        });
        collect(&path, &steps, shape, all);
    };
    for (name, field) in &shape.fields {
        let step = Step::Field(name.clone());
        add(path::field(path, name), step, field.optional, &field.shape);
    }
    if let Some(element) = &shape.element {
        add(path::element(path), Step::Element, false, element);
    }
}

/// The types of a place, the one that says most first, without null.
fn kinds(shape: &Shape) -> Vec<Kind> {
    const BY_WORTH: [Kind; 6] = [
        Kind::Object,
        Kind::Array,
        Kind::String,
        Kind::Number,
        Kind::Integer,
        Kind::Boolean,
    ];
    let has = |kind: &Kind| shape.has(*kind);
    BY_WORTH.into_iter().filter(has).collect()
}

fn least(shape: &Shape) -> Value {
    match kinds(shape).first() {
        Some(_) if shape.has(Kind::Null) => Value::Null,
        Some(kind) => of_kind(shape, *kind, least_of),
        None => Value::Null,
    }
}

fn most(shape: &Shape) -> Value {
    match kinds(shape).first() {
        Some(kind) => of_kind(shape, *kind, most_of),
        // Anything goes, or nothing but null.
        None if shape.kinds.is_empty() => json!({"anything": ["goes", 1]}),
        None => Value::Null,
    }
}

fn least_of(shape: &Shape, optional: bool) -> Option<Value> {
    (!optional).then(|| least(shape))
}

fn most_of(shape: &Shape, _: bool) -> Option<Value> {
    Some(most(shape))
}

/// A value of one type; `inner` makes what is in it, or leaves it out.
fn of_kind(shape: &Shape, kind: Kind, inner: fn(&Shape, bool) -> Option<Value>) -> Value {
    match kind {
        Kind::Null => Value::Null,
        Kind::Boolean => json!(true),
        Kind::Integer => json!(1),
        Kind::Number => json!(0.5),
        Kind::String => match shape.words.iter().flatten().next() {
            Some(word) => json!(word),
            None => json!("text"),
        },
        Kind::Array => shape
            .element
            .iter()
            .filter_map(|element| inner(element, false))
            .collect(),
        Kind::Object => {
            let field = |(name, field): (&String, &Field)| {
                Some((name.clone(), inner(&field.shape, field.optional)?))
            };
            Value::Object(shape.fields.iter().filter_map(field).collect::<Map<_, _>>())
        }
    }
}

/// The value with another at a place, or without it.
fn set(value: &Value, steps: &[Step], new: Option<&Value>) -> Value {
    let Some((step, rest)) = steps.split_first() else {
        return new.cloned().unwrap_or_default();
    };
    let mut value = value.clone();
    match (step, &mut value) {
        (Step::Field(name), Value::Object(fields)) => {
            if rest.is_empty() && new.is_none() {
                fields.remove(name);
            } else if let Some(field) = fields.get_mut(name) {
                *field = set(field, rest, new);
            }
        }
        (Step::Element, Value::Array(elements)) => {
            for element in elements {
                *element = set(element, rest, new);
            }
        }
        _ => {}
    }
    value
}

fn grow(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(grow),
        Value::Object(fields) => {
            fields.values_mut().for_each(grow);
            fields.insert("a_new_field".to_owned(), json!({"deep": [1, null]}));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::Example;
    use crate::contract::Contract;
    use crate::difference::Grade;
    use serde_json::json;

    fn contract() -> Contract {
        let lines = r#"
            origin = "documented"
            when = ""
            [headers]
            "openai-x" = "duration"
            [shape]
            "a" = "integer"
            "b" = "optional 'x' | 'y' | null"
            "c" = "array | string"
            "c[]" = "object"
            "c[].d" = "optional number"
            "e" = "optional anything""#;
        Contract::read(lines).unwrap()
    }

    fn of<'a>(examples: &'a [Example], what: &str) -> &'a serde_json::Value {
        let found = examples.iter().find(|example| example.what == what);
        &found
            .unwrap_or_else(|| panic!("no {what}: {examples:#?}"))
            .value
    }

    #[test]
    fn examples_are_the_contract_s_own() {
        let (contract, examples) = (contract(), contract().examples());
        let e = json!({"anything": ["goes", 1]});
        assert_eq!(*of(&examples, "the least"), json!({"a": 1, "c": [{}]}));
        let most = json!({"a": 1, "b": "x", "c": [{"d": 0.5}], "e": e});
        assert_eq!(*of(&examples, "the most"), most);
        assert_eq!(
            *of(&examples, "without `c[].d`"),
            json!({"a": 1, "b": "x", "c": [{}], "e": e})
        );
        assert_eq!(of(&examples, "`c` as string")["c"], "text");
        assert_eq!(of(&examples, "`b` 'y'")["b"], "y");
        assert_eq!(of(&examples, "`c[].d` null")["c"], json!([{"d": null}]));
        for example in examples {
            let fits = contract
                .check(std::slice::from_ref(&example.value))
                .is_empty();
            assert_eq!(fits, example.what != "`c[].d` null", "{}", example.what);
        }
        assert_eq!(
            contract.head(),
            [("openai-x".to_owned(), "6m0s".to_owned())]
        );
    }

    #[test]
    fn surprises_are_additive() {
        let surprises = contract().surprises();
        assert_eq!(surprises.len(), 2);
        for surprise in surprises {
            let differences = contract().check(&[surprise.value]);
            assert!(!differences.is_empty());
            assert!(
                differences
                    .iter()
                    .all(|difference| difference.grade == Grade::Additive)
            );
        }
    }
}
