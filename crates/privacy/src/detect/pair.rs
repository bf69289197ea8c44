//! The value of a name that says it is secret: `api_key=…`, `"password": "…"`, `X-Api-Key: …`.
//!
//! Invariants: a quoted value goes to its closing quote, or to the end of the text; a value in prose must have a digit.
//! Does not know: whether a value is a secret or an example.

use std::ops::Range;

use super::{Look, Shape, has_digit, run_end};

pub(super) const PAIR: Shape = Shape {
    name: "pair",
    hints: &[
        "api_key",
        "api-key",
        "apikey",
        "secret_key",
        "client_secret",
        "access_token",
        "refresh_token",
        "auth_token",
        "password",
        "passwd",
    ],
    any_case: true,
    look,
};

const SPACES_MAX: usize = 8;

/// Of a value after `=`.
const LENGTH_MIN: usize = 4;

/// Of a value after `: ` without quotes: with a digit, and without.
const PROSE_LENGTH_MIN: usize = 8;
const PROSE_SURE_LENGTH: usize = 20;

/// Values that say there is none, or that there was one.
const EMPTY: [&[u8]; 6] = [
    b"null",
    b"none",
    b"true",
    b"false",
    b"undefined",
    b"[redacted",
];

fn look(text: &[u8], name: Range<usize>) -> Look {
    match value(text, name.end) {
        Some(value) if !is_empty(&text[value.clone()]) => Look::Secret(value),
        _ => Look::Nothing { until: name.end },
    }
}

/// Where the value stands, if a separator follows the name and the value is more than a word of prose.
fn value(text: &[u8], name_end: usize) -> Option<Range<usize>> {
    let after_name = name_end + usize::from(text.get(name_end).is_some_and(is_quote));
    let separator = skip_spaces(text, after_name);
    let is_prose = match text.get(separator)? {
        b':' => true,
        b'=' => false,
        _ => return None,
    };
    let after_arrow = separator + 1 + usize::from(text.get(separator + 1) == Some(&b'>'));
    let start = skip_wrapper(text, skip_spaces(text, after_arrow));
    if let Some(quote) = text.get(start).filter(|byte| is_quote(byte)) {
        return Some(start + 1..quoted_end(text, start + 1, *quote));
    }
    let ends = |byte: u8| byte.is_ascii_whitespace() || b",;&)}]\"'`<>\\".contains(&byte);
    let end = run_end(text, start, |byte| !ends(byte));
    let value = &text[start..end];
    let is_long = if is_prose {
        value.len() >= PROSE_SURE_LENGTH || (value.len() >= PROSE_LENGTH_MIN && has_digit(value))
    } else {
        value.len() >= LENGTH_MIN
    };
    is_long.then_some(start..end)
}

fn is_quote(byte: &u8) -> bool {
    matches!(byte, b'"' | b'\'')
}

fn skip_spaces(text: &[u8], start: usize) -> usize {
    start
        + text[start..]
            .iter()
            .take(SPACES_MAX)
            .take_while(|byte| **byte == b' ')
            .count()
}

/// Skips `Some(`, as `Debug` writes it.
fn skip_wrapper(text: &[u8], start: usize) -> usize {
    start
        + if text[start..].starts_with(b"Some(") {
            5
        } else {
            0
        }
}

fn quoted_end(text: &[u8], start: usize, quote: u8) -> usize {
    let mut at = start;
    while let Some(byte) = text.get(at) {
        match byte {
            b'\\' => at += 2,
            same if *same == quote => return at,
            _ => at += 1,
        }
    }
    text.len()
}

fn is_empty(value: &[u8]) -> bool {
    let says = |word: &&[u8]| {
        value
            .get(..word.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(word))
    };
    value.iter().all(|byte| *byte == b'*') || EMPTY.iter().any(says)
}

#[cfg(test)]
mod tests {
    use crate::detect::tests::{check, untouched};

    #[test]
    fn quoted_values() {
        check(
            &["{\"api_key\":\"", "a", "\"}"],
            "{\"api_key\":\"[redacted:pair]\"}",
        );
        check(
            &["password = '", "it\\'s me", "' x"],
            "password = '[redacted:pair]' x",
        );
        check(
            &["Settings { client_secret: Some(\"", "ab c", "\") }"],
            "Settings { client_secret: Some(\"[redacted:pair]\") }",
        );
        check(
            &["access_token: \"", "cut short"],
            "access_token: \"[redacted:pair]",
        );
        check(
            &["'passwd' => '", "x", "'"],
            "'passwd' => '[redacted:pair]'",
        );
    }

    #[test]
    fn values_in_another_json_text() {
        check(
            &[r#"{"body":"{\"api_key\":\""#, "abc", r#"\",\"n\":1}"}"#],
            r#"{"body":"{\"api_key\":\"[redacted:pair]\",\"n\":1}"}"#,
        );
    }

    #[test]
    fn bare_values() {
        check(
            &["MY_API_KEY=", "abcd", " next"],
            "MY_API_KEY=[redacted:pair] next",
        );
        check(&["?apikey=", "abcd", "&x=1"], "?apikey=[redacted:pair]&x=1");
        check(
            &["x-api-key: ", "abcdefg1", ", y"],
            "x-api-key: [redacted:pair], y",
        );
        check(
            &["password:", "without-any-digits-long"],
            "password:[redacted:pair]",
        );
    }

    #[test]
    fn names_without_a_secret() {
        untouched(
            "api_key: missing; password is wrong, \"param\":\"api_key\",\"code\":null api_key_id=key_1234",
        );
        untouched(
            "password=\"\" api_key: null, api_key=None password: ****** access_token: [redacted:upstream]",
        );
        untouched("password = \"[redacted:pair]\"");
    }
}
