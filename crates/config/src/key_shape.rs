//! Tells a key from other text by its shape, so that a pasted one is refused and never shown.
//!
//! Invariants: a shape counts only where a word begins; answers name the shape, never the text.
//! Does not know: files, fields, logs. The log scrubber has its own, wider rules: it may hide too much, this may not refuse too much.

/// Characters after a prefix from which on it is a key and not a word such as `sk-learn`.
const BODY_BYTES_MIN: usize = 16;
/// From this length on, text that looks random is taken for a secret.
const RANDOM_BYTES_MIN: usize = 20;
/// Bits a character; hexadecimal digits reach 3.6 at 32 of them, English words and paths stay near or below 3 at 20.
const RANDOM_BITS_MIN: f64 = 3.3;

/// The prefixes that vendors give their keys, with what to call them.
const PREFIXES: [(&str, &str); 4] = [
    ("sk-", "an API key (sk-…)"),
    ("kw-", "a virtual key (kw-…)"),
    ("AKIA", "an AWS key id (AKIA…)"),
    ("ASIA", "an AWS key id (ASIA…)"),
];

/// The shape of the first key in the text, if there is one.
pub(crate) fn find(text: &str) -> Option<&'static str> {
    if text.contains("-----BEGIN ") && text.contains("KEY") {
        return Some("a private key (PEM)");
    }
    PREFIXES
        .iter()
        .find(|(prefix, _)| stands_in(text, prefix))
        .map(|(_, name)| *name)
}

fn stands_in(text: &str, prefix: &str) -> bool {
    text.match_indices(prefix).any(|(at, _)| {
        let begins = text[..at]
            .chars()
            .next_back()
            .is_none_or(|before| !before.is_ascii_alphanumeric());
        let body = &text.as_bytes()[at + prefix.len()..];
        let length = body
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            .count();
        begins && length >= BODY_BYTES_MIN
    })
}

/// Whether the text is one long word with as much variety as a secret has.
pub(crate) fn looks_random(text: &str) -> bool {
    let one_word =
        !text.contains(|character: char| character.is_whitespace()) && !text.contains("://");
    one_word
        && text.len() >= RANDOM_BYTES_MIN
        && bits_per_character(text) >= RANDOM_BITS_MIN
        && text.bytes().any(|byte| byte.is_ascii_digit())
}

/// Shannon's measure over the characters that occur.
fn bits_per_character(text: &str) -> f64 {
    let mut counts = std::collections::BTreeMap::<char, u32>::new();
    for character in text.chars() {
        *counts.entry(character).or_default() += 1;
    }
    let total: u32 = counts.values().sum();
    counts
        .values()
        .map(|count| f64::from(*count) / f64::from(total))
        .map(|share| -share * share.log2())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_by_their_prefix() {
        let body = "a1b2c3d4e5f6g7h8";
        for prefix in ["sk-", "sk-proj-", "sk-admin-", "kw-", "AKIA", "ASIA"] {
            assert!(find(&format!("{prefix}{body}")).is_some(), "{prefix}");
            assert!(
                find(&format!("url = \"https://x/?k={prefix}{body}\" # old")).is_some(),
                "{prefix} inside a line"
            );
        }
        assert!(find(&["-----BEGIN RSA", "PRIVATE KEY-----"].join(" ")).is_some());
    }

    #[test]
    fn words_are_left_alone() {
        for text in [
            "",
            "sk-learn",
            "task-a1b2c3d4e5f6g7h8i9",
            "risk-assessment-of-the-day",
            "kw-short",
            "gpt-4o-mini-2024-07-18",
            "# -----BEGIN of a table",
            "AKIAbc",
        ] {
            assert_eq!(find(text), None, "{text}");
        }
    }

    #[test]
    fn random_text_is_told_from_names() {
        for text in [
            "9f86d081884c7d659a2feaa0c55ad015",
            "Zm9vYmFyMTIzNDU2Nzg5MHF3ZXJ0eQ",
            "q8Jx2LmNv71ZpRt0sKeW",
        ] {
            assert!(looks_random(text), "{text}");
        }
        for text in [
            "server.body_bytes_max",
            "consecutive_failures_max",
            "https://api.openai.com/v1/x9",
            "a sentence of some length, with 1 digit",
            "short1",
            "11111111111111111111111",
        ] {
            assert!(!looks_random(text), "{text}");
        }
    }
}
