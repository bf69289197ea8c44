//! Secrets known by their shape alone, for those that nobody told us.
//!
//! A shape has hints, short texts that every secret of it contains; one pass over the text finds all hints, and the
//! shape looks around each. A new shape is a file in `detect/` and a row in `ALL`.
//!
//! Invariants: time is linear in the text (what a shape has looked at in vain is not looked at again); no shape finds
//! anything in a marker; ids of requests, calls, files and keys are never taken for secrets.
//! Does not know: which secrets are real.

mod authorization;
mod connection_url;
mod jwt;
mod pair;
mod private_key;
mod token;

use std::ops::Range;

/// The names of the shapes, as they stand in `[redacted:name]`.
///
/// - `api_key`: `sk-…` and its kinds, at least 16 characters with a digit or a capital, or at least 40
/// - `virtual_key`: `kw-…`, the same from 24
/// - `aws_key`: `AKIA…` and `ASIA…`, 20 characters
/// - `github_token`: `ghp_…`, `gho_…`, `ghu_…`, `ghs_…`, `ghr_…`, `github_pat_…`
/// - `slack_token`: `xoxb-…` and its kinds
/// - `authorization`: what follows `Bearer` or `Basic`
/// - `jwt`: `eyJ….….…`
/// - `private_key`: a PEM block, to its end or the end of the text
/// - `url_password`: `scheme://user:…@`
/// - `pair`: the value of `api_key=…`, `"password": "…"` and the like
pub const SHAPES: [&str; ALL.len()] = {
    let mut names = [""; ALL.len()];
    let mut number = 0;
    while number < ALL.len() {
        names[number] = ALL[number].name;
        number += 1;
    }
    names
};

const ALL: [&Shape; 10] = [
    &token::API_KEY,
    &token::VIRTUAL_KEY,
    &token::AWS_KEY,
    &token::GITHUB_TOKEN,
    &token::SLACK_TOKEN,
    &authorization::AUTHORIZATION,
    &jwt::JWT,
    &private_key::PRIVATE_KEY,
    &connection_url::URL_PASSWORD,
    &pair::PAIR,
];

/// One kind of secret.
struct Shape {
    name: &'static str,
    /// At least three bytes each, in lower case if `any_case`.
    hints: &'static [&'static str],
    any_case: bool,
    /// Looks at the text around a hint.
    look: fn(&[u8], Range<usize>) -> Look,
}

/// What was seen around a hint.
#[derive(Debug, PartialEq, Eq)]
enum Look {
    Secret(Range<usize>),
    /// Hints of this shape before `until` are not worth a look.
    Nothing {
        until: usize,
    },
}

/// Finds the hints of all shapes at once: bit n of the three tables is set for the first, second and third byte of hint
/// n, so that three look-ups and two ands tell which hints may begin at a place.
pub(crate) struct Detectors {
    hints: Vec<Hint>,
    tables: Box<[[u64; 256]; 3]>,
}

struct Hint {
    text: &'static [u8],
    shape: usize,
}

impl Detectors {
    pub(crate) fn new() -> Self {
        let hints_of = |(shape, row): (usize, &&'static Shape)| {
            let hint = move |text: &&'static str| Hint {
                text: text.as_bytes(),
                shape,
            };
            row.hints.iter().map(hint).collect::<Vec<_>>()
        };
        let hints: Vec<Hint> = ALL.iter().enumerate().flat_map(hints_of).collect();
        debug_assert!(hints.len() <= 64, "one bit for each hint");
        let mut tables = Box::new([[0; 256]; 3]);
        for (number, hint) in hints.iter().enumerate() {
            for (table, byte) in tables.iter_mut().zip(hint.text) {
                table[usize::from(byte.to_ascii_lowercase())] |= 1 << number;
                table[usize::from(byte.to_ascii_uppercase())] |= 1 << number;
            }
        }
        Self { hints, tables }
    }

    /// Tells each secret, with the name of its shape.
    pub(crate) fn find(&self, text: &[u8], mut tell: impl FnMut(Range<usize>, &'static str)) {
        let [first, second, third] = &*self.tables;
        let mut looked_to = [0; ALL.len()];
        for (at, [one, two, three]) in text.array_windows().enumerate() {
            let mut may_begin =
                first[usize::from(*one)] & second[usize::from(*two)] & third[usize::from(*three)];
            while may_begin != 0 {
                let number = may_begin.trailing_zeros() as usize;
                may_begin &= may_begin - 1;
                let Hint {
                    text: hint,
                    shape: row,
                } = self.hints[number];
                let shape = ALL[row];
                if at < looked_to[row] || !shape.begins(&text[at..], hint) {
                    continue;
                }
                looked_to[row] = match (shape.look)(text, at..at + hint.len()) {
                    Look::Nothing { until } => until,
                    Look::Secret(range) => {
                        tell(range.clone(), shape.name);
                        range.end
                    }
                };
            }
        }
    }
}

impl Shape {
    fn begins(&self, text: &[u8], hint: &[u8]) -> bool {
        text.get(..hint.len()).is_some_and(|start| {
            if self.any_case {
                start.eq_ignore_ascii_case(hint)
            } else {
                start == hint
            }
        })
    }
}

/// The end of the longest run of such bytes from `start`.
fn run_end(text: &[u8], start: usize, is_inside: impl Fn(u8) -> bool) -> usize {
    start
        + text[start..]
            .iter()
            .take_while(|byte| is_inside(**byte))
            .count()
}

/// Letters, digits, `-` and `_`: what most tokens and base64url are made of.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

/// Whether a word goes on to the left, so that a hint is only the end of it (`task-…`).
fn is_inside_word(text: &[u8], at: usize) -> bool {
    at > 0 && text[at - 1].is_ascii_alphanumeric()
}

fn has_digit(text: &[u8]) -> bool {
    text.iter().any(u8::is_ascii_digit)
}

fn has_capital(text: &[u8]) -> bool {
    text.iter().any(u8::is_ascii_uppercase)
}

#[cfg(test)]
mod tests;
