//! Tokens that begin with the mark of who gave them out.
//!
//! Invariants: a token ends at the first byte that can't belong to it, whatever that is (a full stop, a quote).
//! Does not know: exact lengths, where those who give tokens out have changed them.

use std::ops::Range;

use super::{Look, Shape, has_capital, has_digit, is_inside_word, is_token, run_end};

/// From this length on no word of ordinary text goes, digit or not.
const SURE_LENGTH: usize = 40;

pub(super) const API_KEY: Shape = Shape {
    name: "api_key",
    hints: &["sk-"],
    any_case: false,
    look: |text, hint| marked(text, &hint, 16),
};

pub(super) const VIRTUAL_KEY: Shape = Shape {
    name: "virtual_key",
    hints: &["kw-"],
    any_case: false,
    look: |text, hint| marked(text, &hint, 24),
};

pub(super) const AWS_KEY: Shape = Shape {
    name: "aws_key",
    hints: &["AKIA", "ASIA"],
    any_case: false,
    look: look_at_aws,
};

pub(super) const GITHUB_TOKEN: Shape = Shape {
    name: "github_token",
    hints: &["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"],
    any_case: false,
    look: |text, hint| marked(text, &hint, 20),
};

pub(super) const SLACK_TOKEN: Shape = Shape {
    name: "slack_token",
    hints: &["xox"],
    any_case: false,
    look: look_at_slack,
};

/// At least `length_min` token characters after the mark, of which one is no small letter.
fn marked(text: &[u8], mark: &Range<usize>, length_min: usize) -> Look {
    if is_inside_word(text, mark.start) {
        return Look::Nothing { until: mark.end };
    }
    let end = run_end(text, mark.end, is_token);
    let body = &text[mark.end..end];
    let is_random = has_digit(body) || has_capital(body) || body.len() >= SURE_LENGTH;
    if body.len() >= length_min && is_random {
        Look::Secret(mark.start..end)
    } else {
        Look::Nothing { until: end }
    }
}

/// Twenty capitals and digits.
fn look_at_aws(text: &[u8], mark: Range<usize>) -> Look {
    let end = (mark.end + 16).min(text.len());
    let is_whole = end == mark.end + 16
        && text[mark.end..end]
            .iter()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        && !text.get(end).is_some_and(u8::is_ascii_alphanumeric);
    if is_whole && !is_inside_word(text, mark.start) {
        Look::Secret(mark.start..end)
    } else {
        Look::Nothing { until: mark.end }
    }
}

/// One letter for the kind and a hyphen, then the token.
fn look_at_slack(text: &[u8], mark: Range<usize>) -> Look {
    match text.get(mark.end..mark.end + 2) {
        Some([kind, b'-']) if kind.is_ascii_lowercase() => {
            marked(text, &(mark.start..mark.end + 2), 10)
        }
        _ => Look::Nothing { until: mark.end },
    }
}

#[cfg(test)]
mod tests {
    use crate::detect::tests::{check, made_up, untouched};

    #[test]
    fn api_keys_of_every_kind() {
        for mark in ["sk-", "sk-proj-", "sk-admin-", "sk-svcacct-", "sk-None-"] {
            let key = made_up(mark, 40);
            check(&["", &key, ""], "[redacted:api_key]");
            check(
                &["Incorrect API key provided: ", &key, "."],
                "Incorrect API key provided: [redacted:api_key].",
            );
            check(
                &["{\"key\":\"", &key, "\"}"],
                "{\"key\":\"[redacted:api_key]\"}",
            );
        }
        check(
            &["OLD_", &made_up("sk-", 16), ","],
            "OLD_[redacted:api_key],",
        );
    }

    #[test]
    fn virtual_keys() {
        check(
            &["key ", &made_up("kw-", 72), "!"],
            "key [redacted:virtual_key]!",
        );
    }

    #[test]
    fn tokens_of_others() {
        check(
            &["<", &made_up("AKIA", 0), "ABCD2345ABCD2345", ">"],
            "<[redacted:aws_key]>",
        );
        check(
            &["<", &made_up("ghp_", 36), ">"],
            "<[redacted:github_token]>",
        );
        check(
            &["<", &made_up("github_pat_", 60), ">"],
            "<[redacted:github_token]>",
        );
        check(
            &["<", &made_up("xoxb-", 40), ">"],
            "<[redacted:slack_token]>",
        );
    }

    #[test]
    fn words_are_no_tokens() {
        untouched(
            "sk-learn and sk-a-package-of-words, task-1234567890abcdefgh, disk-0123456789abcdef01",
        );
        untouched(
            "sk-short1 kw-short2 xoxo-hugs-and-kisses xox1-a1b2c3d4e5f6 AKIA AKIAabcd ghp_ kw-",
        );
    }
}
