//! The password in a URL with user information: `postgres://user:password@host`.
//!
//! Invariants: only the password goes; who connects where is for the reader of the log.
//! Does not know: passwords with characters that a URL may not hold unencoded.
//! Source: RFC 3986 section 3.2.1.

use std::ops::Range;

use super::{Look, Shape};

pub(super) const URL_PASSWORD: Shape = Shape {
    name: "url_password",
    hints: &["://"],
    any_case: false,
    look,
};

/// The longest user information that is looked through.
const AUTHORITY_BYTES_MAX: usize = 4_096;

const MARKER_START: &[u8] = b"[redacted";

fn look(text: &[u8], separator: Range<usize>) -> Look {
    let ends = |byte: &u8| byte.is_ascii_whitespace() || b"/?#\"'<>\\`".contains(byte);
    let rest = &text[separator.end..];
    let length = rest
        .iter()
        .take(AUTHORITY_BYTES_MAX)
        .position(ends)
        .unwrap_or(rest.len().min(AUTHORITY_BYTES_MAX));
    let authority = &rest[..length];
    let nothing = Look::Nothing {
        until: separator.end,
    };
    let Some(at) = authority.iter().rposition(|byte| *byte == b'@') else {
        return nothing;
    };
    let Some(colon) = authority[..at].iter().position(|byte| *byte == b':') else {
        return nothing;
    };
    let password = &authority[colon + 1..at];
    if password.is_empty() || password.starts_with(MARKER_START) {
        return nothing;
    }
    Look::Secret(separator.end + colon + 1..separator.end + at)
}

#[cfg(test)]
mod tests {
    use crate::detect::tests::{check, untouched};

    #[test]
    fn passwords_of_any_length() {
        check(
            &["postgres://app:", "x", "@db:5432/keys"],
            "postgres://app:[redacted:url_password]@db:5432/keys",
        );
        check(
            &["redis://:", "p@ss:w", "@[::1]/0"],
            "redis://:[redacted:url_password]@[::1]/0",
        );
        check(
            &["(https://u:", "p", "@h)"],
            "(https://u:[redacted:url_password]@h)",
        );
    }

    #[test]
    fn urls_without_a_password() {
        untouched(
            "https://api.openai.com/v1/chat?x=1 http://127.0.0.1:8080/@scope:a@b postgres://app@db://app:@db",
        );
        untouched("postgres://app:[redacted:database]@db/keys");
    }
}
