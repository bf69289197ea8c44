//! How shapes are tested, and what no shape may touch.
//!
//! Invariants: no text in these tests has the shape of a secret before it is put together.
//! Does not know: known secrets.

use std::borrow::Cow;

use proptest::prelude::*;

use super::{ALL, Detectors, Look, SHAPES};
use crate::Scrubber;

/// Scrubs the joined parts; twice, since the second time must change nothing.
#[track_caller]
pub(super) fn check(parts: &[&str], expected: &str) {
    let scrubber = Scrubber::new();
    assert_eq!(scrubber.scrub(&parts.concat()), expected);
    assert!(
        matches!(scrubber.scrub(expected), Cow::Borrowed(_)),
        "scrubbed again"
    );
}

#[track_caller]
pub(super) fn untouched(text: &str) {
    check(&[text], text);
}

/// A mark and so many characters that look random.
pub(super) fn made_up(mark: &str, length: usize) -> String {
    let letters = "a7Kp2xQm9Zt4";
    mark.chars()
        .chain(letters.chars().cycle().take(length))
        .collect()
}

#[test]
fn ids_are_no_secrets() {
    let random = made_up("", 29);
    for mark in [
        "chatcmpl-",
        "call_",
        "file-",
        "req_",
        "key_",
        "resp_",
        "msg_",
        "asst_",
        "org-",
        "proj_",
        "run_",
    ] {
        untouched(&format!("id {mark}{random} and \"{mark}{random}\""));
    }
    untouched("0193f2a4-7c1e-7b7d-9d2f-5f0c4f1b2a3c 4bf92f3577b34da6a3ce929d0e0e4736");
    untouched("gpt-4o-mini-2024-07-18 text-embedding-ada-002 POST /v1/chat/completions 200 12 ms");
    untouched(
        "{\"level\":\"info\",\"key_id\":\"key_abcdefgh2345\",\"tokens\":16,\"cost_usd\":\"0.0000016\"}",
    );
}

#[test]
fn names_are_told_and_different() {
    let mut names = SHAPES.to_vec();
    assert!(names.contains(&"private_key"));
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), ALL.len());
}

#[test]
fn hints_are_as_the_tables_need_them() {
    for shape in ALL {
        assert!(
            shape
                .hints
                .iter()
                .all(|hint| hint.len() >= 3 && (!shape.any_case || hint.to_lowercase() == **hint))
        );
    }
}

/// Each shape looks at a place at most once, so a text of nothing but hints costs no more than its length.
#[test]
fn what_was_looked_at_in_vain_is_not_looked_at_again() {
    for shape in ALL {
        for hint in shape.hints {
            let text = hint.repeat(64);
            let mut from = 0;
            let mut looks = 0;
            while let Some(found) = text[from..].find(hint) {
                let start = from + found;
                looks += 1;
                from = match (shape.look)(text.as_bytes(), start..start + hint.len()) {
                    Look::Nothing { until } => until.max(start + 1),
                    Look::Secret(range) => range.end,
                };
            }
            assert!(looks <= 64, "{hint}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_gone_through(text in "(sk-|kw-|AKIA|ghp_|xoxb-|Bearer |eyJ|\\.|-----BEGIN |PRIVATE KEY|://|:|@|api_key|=|\"|\\\\|%|[a-zA-Z0-9 é]){0,40}") {
        Detectors::new().find(text.as_bytes(), |range, _| assert!(!range.is_empty() && range.end <= text.len()));
        let scrubber = Scrubber::new();
        let once = scrubber.scrub(&text).into_owned();
        prop_assert!(matches!(scrubber.scrub(&once), Cow::Borrowed(_)));
    }

    #[test]
    fn ordinary_words_are_untouched(text in "[a-z]{1,12}( [a-zA-Z]{1,7}[,.]?){0,12} [0-9]{1,6}") {
        prop_assert!(matches!(Scrubber::new().scrub(&text), Cow::Borrowed(_)));
    }
}
