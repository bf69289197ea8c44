//! Signed tokens of several parts in base64url, whose first part begins like a JSON object.
//!
//! Invariants: all parts go, also those that are cut short.
//! Does not know: what is claimed, or whether a signature is right.
//! Source: RFC 7515 section 7.1, RFC 7516 section 7.1.

use std::ops::Range;

use super::{Look, Shape, is_inside_word, is_token, run_end};

pub(super) const JWT: Shape = Shape {
    name: "jwt",
    hints: &["eyJ"],
    any_case: false,
    look,
};

/// Of the first and of the second part.
const PART_BYTES_MIN: usize = 10;

fn look(text: &[u8], hint: Range<usize>) -> Look {
    if is_inside_word(text, hint.start) {
        return Look::Nothing { until: hint.end };
    }
    let header_end = run_end(text, hint.start, is_token);
    let is_dotted =
        text.get(header_end) == Some(&b'.') && header_end - hint.start >= PART_BYTES_MIN;
    if !is_dotted {
        return Look::Nothing { until: header_end };
    }
    let payload_end = run_end(text, header_end + 1, is_token);
    if payload_end - header_end <= PART_BYTES_MIN {
        return Look::Nothing { until: header_end };
    }
    let is_part = |byte: u8| is_token(byte) || byte == b'.';
    let end = run_end(text, payload_end, is_part);
    // A full stop at the very end is that of a sentence.
    let stops = text[payload_end..end]
        .iter()
        .rev()
        .take_while(|byte| **byte == b'.')
        .count();
    Look::Secret(hint.start..end - stops)
}

#[cfg(test)]
mod tests {
    use crate::detect::tests::{check, made_up, untouched};

    #[test]
    fn signed_and_encrypted_tokens() {
        let header = made_up("eyJ", 20);
        let part = made_up("", 30);
        check(
            &["t=", &header, ".", &part, ".", &part, " "],
            "t=[redacted:jwt] ",
        );
        check(
            &[&header, ".", &part, "..", &part, ".", &part, "."],
            "[redacted:jwt].",
        );
        check(&[&header, ".", &part], "[redacted:jwt]");
    }

    #[test]
    fn other_base64_is_left() {
        untouched(
            "eyJhbGciOiJ no dots; eyJhbGciOiJ.short; eyJ.eyJ.eyJ; keyJoined_words_here.other_words_here",
        );
    }
}
