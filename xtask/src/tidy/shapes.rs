//! Nothing that looks like a key stands in the tree, not even a made-up one.
//!
//! Invariants: the value is never shown, only its place.
//! Does not know: whether a key is real; tests put made-up ones together when they run.

use crate::tidy::{Violation, numbered};
use crate::tree::{SourceFile, Tree};

/// A prefix, how many characters have to follow it, and which.
struct Shape {
    prefix: &'static str,
    rest_characters_min: usize,
    is_rest: fn(char) -> bool,
}

const SHAPES: [Shape; 5] = [
    Shape {
        prefix: "sk-",
        rest_characters_min: 20,
        is_rest: is_token,
    },
    Shape {
        prefix: "kw-",
        rest_characters_min: 40,
        is_rest: is_token,
    },
    Shape {
        prefix: "AKIA",
        rest_characters_min: 16,
        is_rest: |letter| letter.is_ascii_uppercase() || letter.is_ascii_digit(),
    },
    Shape {
        prefix: "ghp_",
        rest_characters_min: 30,
        is_rest: |letter| letter.is_ascii_alphanumeric(),
    },
    Shape {
        prefix: "eyJ",
        rest_characters_min: 40,
        is_rest: |letter| is_token(letter) || letter == '.',
    },
];

fn is_token(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '-' || letter == '_'
}

/// Checks every text file.
pub(crate) fn check(tree: &Tree) -> Vec<Violation> {
    tree.files.iter().flat_map(file).collect()
}

fn file(file: &SourceFile) -> Vec<Violation> {
    let bad = numbered(&file.text)
        .filter(|(_, text)| is_private_key(text) || SHAPES.iter().any(|shape| stands(text, shape)));
    bad.map(|(line, _)| {
        Violation::at(
            file,
            line,
            "has the shape of a key; put it together when the program runs",
        )
    })
    .collect()
}

/// The first line of a private key in a file of its own kind.
fn is_private_key(text: &str) -> bool {
    text.split("-----BEGIN ").skip(1).any(|rest| {
        let label: String = rest
            .chars()
            .take_while(|letter| letter.is_ascii_uppercase() || *letter == ' ')
            .collect();
        label.ends_with("PRIVATE KEY")
            && rest
                .get(label.len()..)
                .is_some_and(|rest| rest.starts_with("-----"))
    })
}

fn stands(text: &str, shape: &Shape) -> bool {
    text.match_indices(shape.prefix).any(|(at, _)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let rest = text.get(at + shape.prefix.len()..).unwrap_or_default();
        let length = rest
            .chars()
            .take_while(|letter| (shape.is_rest)(*letter))
            .count();
        !before.is_some_and(|letter| letter.is_ascii_alphanumeric())
            && length >= shape.rest_characters_min
    })
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::expect;
    use crate::tree::Tree;

    fn one(text: &str, fails: bool) {
        expect(
            &check(&Tree::of(&[("a.toml", text)])),
            if fails { &[("a.toml", 1)] } else { &[] },
        );
    }

    #[test]
    fn shapes_of_keys_fail() {
        one(&format!("key = \"sk-{}\"", "a1".repeat(10)), true);
        one(&format!("sk-proj-{}", "a1".repeat(8)), true);
        one(&format!("kw-{}", "a".repeat(40)), true);
        one(&format!("AKIA{}", "A".repeat(16)), true);
        one(&format!("-----BEGIN RSA {} KEY-----", "PRIVATE"), true);
        one(&format!("Bearer eyJ{}", "a.b".repeat(14)), true);
    }

    #[test]
    fn other_words_pass() {
        one("[\"-----BEGIN RSA\", \"PRIVATE KEY-----\"]", false);
        one("sk-… and sk-placeholder", false);
        one(&format!("task-{}", "a1".repeat(10)), false);
    }
}
