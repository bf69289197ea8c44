//! Private keys in PEM.
//!
//! Invariants: a block without an end goes to the end of the text.
//! Does not know: the lines of a block that are written one by one.
//! Source: RFC 7468.

use std::ops::Range;

use memchr::memmem;

use super::{Look, Shape};

pub(super) const PRIVATE_KEY: Shape = Shape {
    name: "private_key",
    hints: &["-----BEGIN "],
    any_case: false,
    look,
};

/// The longest title of a block.
const TITLE_BYTES_MAX: usize = 48;

fn look(text: &[u8], begin: Range<usize>) -> Look {
    let rest = &text[begin.end..];
    let title = &rest[..rest.len().min(TITLE_BYTES_MAX)];
    let title = &title[..memmem::find(title, b"-----").unwrap_or(title.len())];
    if memmem::find(title, b"PRIVATE KEY").is_none() {
        return Look::Nothing { until: begin.end };
    }
    let end = memmem::find(rest, b"-----END ").map_or(text.len(), |found| {
        let after_end = begin.end + found + b"-----END ".len();
        memmem::find(&text[after_end..], b"-----")
            .map_or(text.len(), |dashes| after_end + dashes + 5)
    });
    Look::Secret(begin.start..end)
}

#[cfg(test)]
mod tests {
    use crate::detect::tests::{check, untouched};

    const TITLE: &str = "RSA PRIVATE KEY";

    #[test]
    fn whole_blocks() {
        let block = [
            "-----BEGIN ",
            TITLE,
            "-----\nMIIabc\ndef=\n-----END ",
            TITLE,
            "-----",
        ]
        .concat();
        check(
            &["key: ", &block, " end"],
            "key: [redacted:private_key] end",
        );
        check(
            &["\"", &block.replace('\n', "\\n"), "\","],
            "\"[redacted:private_key]\",",
        );
    }

    #[test]
    fn a_block_that_is_cut_goes_to_the_end() {
        check(
            &["key: -----BEGIN ", TITLE, "-----\nMIIabc"],
            "key: [redacted:private_key]",
        );
        check(
            &["key: -----BEGIN ", TITLE, "-----\nMIIabc -----END ", "RSA"],
            "key: [redacted:private_key]",
        );
    }

    #[test]
    fn certificates_are_public() {
        untouched("-----BEGIN CERTIFICATE-----\nMIIabc\n-----END CERTIFICATE-----");
    }
}
