//! Replaces what texts say: word by word, and inside JSON value by value.
//!
//! Invariants: a text keeps its length in bytes, but for escapes in JSON inside it; JSON stays JSON with the same names
//! of fields; words of four letters or more are gone, but for names of fields and values that are kept.
//! Does not know: where a text stands.

use std::collections::BTreeSet;

use serde_json::Value;

use super::edits::Edits;
use super::filler;
use super::literals::{Kind, decoded, literals};

/// What keys begin with, and how long one is at least.
const KEY_PREFIXES: [&str; 2] = ["sk-", "kw-"];
const KEY_BYTES_MIN: usize = 20;

/// The replacements that make `text` say nothing. Values in `kept` stay where they stand alone in JSON.
pub(super) fn edits(text: &str, kept: &BTreeSet<String>) -> Edits {
    if is_json(text) {
        return in_json(text, kept);
    }
    let mut edits = Edits::default();
    for (start, token) in pieces(text, |character| {
        character.is_alphanumeric() || matches!(character, '-' | '_')
    }) {
        if is_key(token) {
            edits.put(start..start + token.len(), filler::secret(token));
            continue;
        }
        for (offset, run) in pieces(token, char::is_alphanumeric) {
            let start = start + offset;
            edits.put(start..start + run.len(), filler::word(run));
        }
    }
    edits
}

/// A number whose digits say something, as the id of a token does.
pub(super) fn number(literal: &str) -> String {
    if literal.contains(['e', 'E']) {
        // Its digits are not its own to change: the power could grow out of bounds.
        return literal.to_owned();
    }
    let mut edits = Edits::default();
    for (start, run) in pieces(literal, |character| character.is_ascii_digit()) {
        edits.put(start..start + run.len(), filler::word(run));
    }
    edits.apply(literal)
}

/// Whether `text` is a whole JSON object or array.
pub(super) fn is_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '[']) && serde_json::from_str::<Value>(text).is_ok()
}

fn in_json(text: &str, kept: &BTreeSet<String>) -> Edits {
    let mut all = Edits::default();
    for literal in literals(text) {
        let written = text.get(literal.range.clone()).unwrap_or_default();
        let new = match literal.kind {
            Kind::Number => number(written),
            Kind::Text => {
                let said = decoded(written);
                if kept.contains(&said) {
                    continue;
                }
                rewritten(written, &said, &edits(&said, kept).apply(&said))
            }
        };
        all.put(literal.range, new);
    }
    all
}

/// The literal that says `new` instead of `old`; as it was written if nothing changes.
pub(super) fn rewritten(literal: &str, old: &str, new: &str) -> String {
    if old == new {
        literal.to_owned()
    } else {
        Value::from(new).to_string()
    }
}

fn is_key(token: &str) -> bool {
    token.len() >= KEY_BYTES_MIN && KEY_PREFIXES.iter().any(|prefix| token.starts_with(prefix))
}

/// The longest parts of `text` whose characters all belong, each with where it starts.
fn pieces(text: &str, belongs: fn(char) -> bool) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = text;
    let mut offset = 0;
    std::iter::from_fn(move || {
        let start = rest.find(belongs)?;
        let tail = rest.get(start..)?;
        let length = tail
            .find(|character| !belongs(character))
            .unwrap_or(tail.len());
        let piece = (offset + start, tail.get(..length)?);
        offset += start + length;
        rest = tail.get(length..)?;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::{edits, is_json, number};
    use proptest::prelude::{Strategy, any, prop, prop_oneof, proptest};
    use serde_json::{Value, json};
    use std::collections::BTreeSet;

    fn scrubbed(text: &str) -> String {
        edits(text, &BTreeSet::new()).apply(text)
    }

    /// Words that can't be made of filler.
    fn words(text: &str) -> impl Iterator<Item = &str> {
        text.split(|character: char| !character.is_alphabetic())
            .filter(|word| word.chars().count() >= 4 && scrubbed(word) != *word)
    }

    fn json_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<String>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from)
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-z]{1,5}", inner, 0..4)
                    .prop_map(|fields| json!(fields)),
            ]
        })
    }

    fn shape(value: &Value) -> Value {
        match value {
            Value::Array(items) => items.iter().map(shape).collect(),
            Value::Object(fields) => fields
                .iter()
                .map(|(name, value)| (name.clone(), shape(value)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
            Value::String(text) => json!(text.chars().count()),
            Value::Number(_) => json!("number"),
            other => other.clone(),
        }
    }

    proptest! {
        #[test]
        fn texts_lose_their_words_and_keep_their_length(text in prop_oneof![any::<String>(), "[a-zA-Zéß0-9 .,{}\\[\\]\"-]{0,40}"]) {
            let once = scrubbed(&text);
            assert_eq!(scrubbed(&once), once);
            if !is_json(&text) {
                assert_eq!(once.len(), text.len());
                assert!(words(&text).all(|word| !once.contains(word)), "{text} {once}");
            }
        }

        #[test]
        fn json_stays_json_with_its_names(value in json_value()) {
            let value = json!([value]);
            let text = value.to_string();
            let once = scrubbed(&text);
            assert_eq!(scrubbed(&once), once);
            assert_eq!(shape(&serde_json::from_str(&once).unwrap()), shape(&value));
        }
    }

    fn check(text: &str, holds: &[&str], lacks: &[&str]) {
        let once = scrubbed(text);
        assert!(holds.iter().all(|part| once.contains(part)), "{once}");
        assert!(!lacks.iter().any(|part| once.contains(part)), "{once}");
    }

    #[test]
    fn structure_stays_and_what_was_said_goes() {
        check(
            "Call Ada on 030-1234567!",
            &["Ada on 030-"],
            &["Call", "1234567"],
        );
        check(
            r#"{"city": "Rome", "code": 123456, "ok": true}"#,
            &[r#"{"city": ""#, r#""code": "#, "true"],
            &["Rome", "123456"],
        );
        check(
            r#"{"inner": "{\"city\": \"Rome\"}"}"#,
            &[r#"{"inner": "{\"city\": \""#],
            &["Rome"],
        );
        check("{ no json at all", &["{ no "], &["json"]);
        let key = ["sk", "-proj-", &"Ab1".repeat(9)].concat();
        check(&format!("key {key}."), &["key xx-xxxx-Xx9"], &["sk-"]);
        let kept = BTreeSet::from(["celsius".to_owned()]);
        let text = r#"{"unit": "celsius", "of": "celsius in Rome"}"#;
        let once = edits(text, &kept).apply(text);
        assert!(
            once.starts_with(r#"{"unit": "celsius", "of": ""#)
                && once.matches("celsius").count() == 1,
            "{once}"
        );
    }

    #[test]
    fn numbers_keep_their_form() {
        assert_eq!(number("-12.5"), "-12.5");
        assert_eq!(number("1e3000"), "1e3000");
        assert_eq!(number("123456").len(), 6);
        assert_ne!(number("123456"), "123456");
    }
}
