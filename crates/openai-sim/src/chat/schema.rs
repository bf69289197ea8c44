//! Makes a value that fits a JSON schema, from words of the conversation where it can.
//!
//! Invariants: every property of an object is there; enums, constants and types are kept; the depth is bounded, so a
//! schema that refers to itself ends.
//! Does not know: tools, answers; `pattern` and formats beyond the common ones.
//! Source: JSON Schema 2020-12, the parts that structured outputs allow.

use serde_json::{Value, json};

use crate::words::{is_stopword, words};

const DEPTH_MAX: usize = 16;
const ITEMS_MAX: u64 = 16;

/// Where the values of a schema come from.
struct Source<'a> {
    root: &'a Value,
    text: &'a str,
    question: &'a str,
}

/// A value for `schema`: strings say `text`, or what the `question` has for them.
pub(super) fn fill(schema: &Value, text: &str, question: &str) -> Value {
    Source {
        root: schema,
        text,
        question,
    }
    .value(schema, 0)
}

impl Source<'_> {
    fn value(&self, schema: &Value, depth: usize) -> Value {
        if depth > DEPTH_MAX {
            return Value::Null;
        }
        if let Some(fixed) = schema.get("const") {
            return fixed.clone();
        }
        if let Some(values) = schema["enum"].as_array() {
            return self.mentioned(values);
        }
        if let Some(pointer) = schema["$ref"]
            .as_str()
            .and_then(|reference| reference.strip_prefix('#'))
        {
            return self
                .root
                .pointer(pointer)
                .map_or(Value::Null, |schema| self.value(schema, depth + 1));
        }
        for union in ["anyOf", "oneOf", "allOf"] {
            if let Some(first) = schema[union].as_array().and_then(|schemas| schemas.first()) {
                return self.value(first, depth + 1);
            }
        }
        let kind = match &schema["type"] {
            Value::Array(kinds) => kinds
                .iter()
                .find_map(|kind| kind.as_str().filter(|kind| *kind != "null")),
            kind => kind.as_str(),
        };
        match kind {
            Some("string") => self.string(schema),
            Some("integer") => json!(self.number(schema).trunc() as i64),
            Some("number") => json!(self.number(schema)),
            Some("boolean") => json!(false),
            Some("null") => Value::Null,
            Some("array") => {
                let items = schema["minItems"].as_u64().unwrap_or(1).min(ITEMS_MAX);
                (0..items)
                    .map(|_| self.value(&schema["items"], depth + 1))
                    .collect()
            }
            _ => self.object(schema, depth),
        }
    }

    fn object(&self, schema: &Value, depth: usize) -> Value {
        let properties = schema["properties"].as_object();
        let fill =
            |(name, schema): (&String, &Value)| (name.clone(), self.value(schema, depth + 1));
        Value::Object(
            properties
                .map(|properties| properties.iter().map(fill).collect())
                .unwrap_or_default(),
        )
    }

    /// The value that the question names, else the first.
    fn mentioned(&self, values: &[Value]) -> Value {
        let asked: Vec<String> = words(self.question).collect();
        let named = |value: &&Value| {
            value
                .as_str()
                .is_some_and(|value| words(value).all(|word| asked.contains(&word)))
        };
        values
            .iter()
            .find(named)
            .or(values.first())
            .cloned()
            .unwrap_or(Value::Null)
    }

    fn string(&self, schema: &Value) -> Value {
        json!(match schema["format"].as_str() {
            Some("date") => "2024-01-01",
            Some("time") => "00:00:00Z",
            Some("date-time") => "2024-01-01T00:00:00Z",
            Some("email") => "someone@example.com",
            Some("uuid") => "00000000-0000-4000-a000-000000000000",
            Some("uri") => "https://example.com/",
            _ if self.text.is_empty() => return json!(subject(self.question)),
            _ => self.text,
        })
    }

    /// The first number of the question, else the least that is allowed.
    fn number(&self, schema: &Value) -> f64 {
        let least = schema["minimum"].as_f64().unwrap_or(0.0);
        let most = schema["maximum"].as_f64().unwrap_or(f64::MAX);
        let is_number =
            |character: char| character.is_ascii_digit() || character == '.' || character == '-';
        let asked = self
            .question
            .split(|character| !is_number(character))
            .find_map(|number| number.trim_end_matches('.').parse().ok());
        asked
            .filter(|number: &f64| (least..=most).contains(number))
            .unwrap_or(least)
    }
}

/// What a question is about: its names (capitalised words after the first), else its last word that says something.
fn subject(question: &str) -> String {
    let words: Vec<&str> = question
        .split(|c: char| !c.is_alphanumeric() && c != '-')
        .filter(|word| !word.is_empty())
        .collect();
    let is_name =
        |word: &&&str| word.starts_with(char::is_uppercase) && !is_stopword(&word.to_lowercase());
    let names: Vec<&str> = words.iter().skip(1).filter(is_name).copied().collect();
    if !names.is_empty() {
        return names.join(" ");
    }
    words
        .iter()
        .rfind(|word| !is_stopword(&word.to_lowercase()))
        .map_or_else(String::new, |word| (*word).to_owned())
}

#[cfg(test)]
mod tests {
    use super::fill;
    use serde_json::{Value, json};

    fn check(schema: &Value, expected: &Value) {
        let question = "How warm is it in New York in 3.5 days, in celsius?";
        assert_eq!(fill(schema, "", question), *expected, "{schema}");
    }

    #[test]
    fn each_type_gets_a_value_of_its_own() {
        let dated = json!({"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]});
        let referring = json!({"properties": {"a": {"$ref": "#/$defs/b"}}, "$defs": {"b": {"type": "boolean"}}});
        for (schema, expected) in [
            (json!({"type": "string"}), json!("New York")),
            (json!({"type": "integer"}), json!(3)),
            (json!({"type": "number", "minimum": 4}), json!(4.0)),
            (json!({"type": ["null", "boolean"]}), json!(false)),
            (json!({"enum": ["fahrenheit", "celsius"]}), json!("celsius")),
            (json!({"const": 7}), json!(7)),
            (
                json!({"type": "array", "items": {"type": "null"}, "minItems": 2}),
                json!([null, null]),
            ),
            (dated, json!("2024-01-01")),
            (referring, json!({"a": false})),
        ] {
            check(&schema, &expected);
        }
    }

    #[test]
    fn a_schema_that_holds_itself_ends() {
        let filled = fill(
            &json!({"type": "object", "properties": {"next": {"$ref": "#"}}}),
            "",
            "",
        );
        assert!(filled["next"]["next"].is_object());
    }
}
