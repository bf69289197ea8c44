//! What stands after `Bearer` or `Basic`.
//!
//! Invariants: after the name of the header any value goes; in a sentence only one that is no word.
//! Does not know: whether the value is valid.
//! Source: RFC 9110 section 11.6.2; the characters of token68.

use std::ops::Range;

use super::{Look, Shape, has_capital, has_digit, is_inside_word, run_end};

pub(super) const AUTHORIZATION: Shape = Shape {
    name: "authorization",
    hints: &["bearer ", "basic "],
    any_case: true,
    look,
};

/// A value that is no word has at least this length, or the larger one if it looks like a word.
const LENGTH_MIN: usize = 8;
const SURE_LENGTH: usize = 20;

/// How far before the scheme the name of the header may end, for `"authorization": "Bearer …"`.
const HEADER_GAP_MAX: usize = 8;

const SPACES_MAX: usize = 8;

fn look(text: &[u8], scheme: Range<usize>) -> Look {
    let spaces = text[scheme.end..]
        .iter()
        .take(SPACES_MAX)
        .take_while(|byte| **byte == b' ')
        .count();
    let start = scheme.end + spaces;
    let end = run_end(text, start, |byte| {
        byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte)
    });
    let value = &text[start..end];
    // `Basic dXNlcjpwYXNz`, but not `basic Authentication`.
    let is_random = has_digit(value) || has_capital(value.get(1..).unwrap_or_default());
    let is_no_word = value.len() >= SURE_LENGTH || (value.len() >= LENGTH_MIN && is_random);
    let is_secret = if stands_in_header(text, scheme.start) {
        !value.is_empty()
    } else {
        is_no_word
    };
    if is_secret && !is_inside_word(text, scheme.start) {
        Look::Secret(start..end)
    } else {
        Look::Nothing { until: scheme.end }
    }
}

/// Whether the name of the header stands before the scheme, with nothing but quotes, colons and the like between.
fn stands_in_header(text: &[u8], scheme_start: usize) -> bool {
    let before = &text[..scheme_start];
    let is_gap = |byte: &&u8| !byte.is_ascii_alphanumeric();
    let gap = before
        .iter()
        .rev()
        .take(HEADER_GAP_MAX)
        .take_while(is_gap)
        .count();
    let name = b"authorization";
    let before = &before[..before.len() - gap];
    before
        .len()
        .checked_sub(name.len())
        .is_some_and(|start| before[start..].eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use crate::detect::tests::{check, untouched};

    #[test]
    fn values_that_are_no_words() {
        check(
            &["Bearer ", "abc123defg"],
            "Bearer [redacted:authorization]",
        );
        check(
            &["basic ", "dXNlcjpwYXNz"],
            "basic [redacted:authorization]",
        );
        check(
            &["BEARER  ", "a-b_c.d~e+f/g1=", " sent"],
            "BEARER  [redacted:authorization] sent",
        );
    }

    #[test]
    fn anything_after_the_name_of_the_header() {
        check(
            &["authorization: Bearer ", "word"],
            "authorization: Bearer [redacted:authorization]",
        );
        let json = "{\"Authorization\": \"Basic [redacted:authorization]\"}";
        check(&["{\"Authorization\": \"Basic ", "x", "\"}"], json);
    }

    #[test]
    fn sentences() {
        untouched(
            "Bearer authentication is needed; basic information, a bearer of news, basic 1234567",
        );
        untouched("forbearer a1b2c3d4e5f6, Bearer , authorization: Bearer");
    }
}
