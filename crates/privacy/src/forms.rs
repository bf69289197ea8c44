//! The forms in which a secret may stand in a text without any character of it being written as it is.
//!
//! Invariants: a form is determined by the secret alone, whatever stands before and after it in the text; no form is
//! shorter than a block of the index.
//! Does not know: percent-encoding and backslash escapes (they mix with plain text, so the text is decoded instead).
//! Source: RFC 4648 for base64 and hex.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use crate::index::BLOCK_BYTES;

/// A secret must have this many characters; shorter ones are ordinary words.
pub(crate) const SECRET_CHARACTERS_MIN: usize = 8;

/// A run of this many bytes of a secret is a leak, too.
const PIECE_BYTES: usize = 16;

/// What is left of a line when nothing else helps. No secret may be kept that stands in it.
pub(crate) const LAST_RESORT: &str = "[redacted]";

/// One way in which a secret may be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Form {
    pub(crate) bytes: Box<[u8]>,
    /// A run of this many bytes of the form is a finding; never more than the form has.
    pub(crate) run_min: usize,
    pub(crate) label: Arc<str>,
}

/// All forms of a secret, or none if it is too short to be told from ordinary text.
pub(crate) fn forms(secret: &str, label: &Arc<str>) -> Result<Vec<Form>, Unfit> {
    if secret.chars().take(SECRET_CHARACTERS_MIN).count() < SECRET_CHARACTERS_MIN {
        return Err(Unfit::TooShort);
    }
    let bytes = secret.as_bytes();
    let mut written: Vec<(Vec<u8>, usize)> = vec![
        (bytes.to_vec(), PIECE_BYTES),
        (
            secret.chars().rev().collect::<String>().into_bytes(),
            PIECE_BYTES,
        ),
        (hex(bytes, b"0123456789abcdef"), 2 * PIECE_BYTES),
        (hex(bytes, b"0123456789ABCDEF"), 2 * PIECE_BYTES),
        (decimal(bytes, ", "), 4 * PIECE_BYTES),
        (decimal(bytes, ","), 3 * PIECE_BYTES),
    ];
    for offset in 0..3 {
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            let inner = base64_inside(bytes, offset, engine).into_bytes();
            written.push((inner, (PIECE_BYTES * 8).div_ceil(6)));
        }
    }
    let stands_in_marker = |(form, _): &(Vec<u8>, usize)| contains(LAST_RESORT.as_bytes(), form);
    if written.iter().any(stands_in_marker) {
        return Err(Unfit::StandsInMarker);
    }
    let mut forms: Vec<Form> = Vec::new();
    for (bytes, run) in written {
        let is_new = !forms.iter().any(|form| *form.bytes == *bytes);
        if is_new && bytes.len() >= BLOCK_BYTES {
            forms.push(Form {
                run_min: run.min(bytes.len()),
                bytes: bytes.into(),
                label: Arc::clone(label),
            });
        }
    }
    Ok(forms)
}

/// Why a secret can't be searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    TooShort,
    StandsInMarker,
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(text, part).is_some()
}

/// The characters of base64 that the secret alone determines when `offset` bytes (mod 3) stand before it.
fn base64_inside(secret: &[u8], offset: usize, engine: &impl Engine) -> String {
    let mut shifted = vec![0; offset];
    shifted.extend_from_slice(secret);
    let encoded = engine.encode(&shifted);
    let first = (offset * 8).div_ceil(6);
    let past_last = shifted.len() * 8 / 6;
    encoded[first..past_last].to_owned()
}

fn hex(bytes: &[u8], digits: &[u8; 16]) -> Vec<u8> {
    let digit = |value: u8| digits[usize::from(value & 0x0f)];
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(*byte)])
        .collect()
}

fn decimal(bytes: &[u8], separator: &str) -> Vec<u8> {
    let mut list = Vec::with_capacity(bytes.len() * (3 + separator.len()));
    for (number, byte) in bytes.iter().enumerate() {
        if number > 0 {
            list.extend_from_slice(separator.as_bytes());
        }
        let digits = [byte / 100, byte / 10 % 10, byte % 10].map(|digit| b'0' + digit);
        let zeros = usize::from(*byte < 100) + usize::from(*byte < 10);
        list.extend_from_slice(&digits[zeros..]);
    }
    list
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::{Unfit, forms};

    fn written(secret: &str) -> Vec<String> {
        let forms = forms(secret, &Arc::from("label")).unwrap();
        forms
            .iter()
            .map(|form| String::from_utf8(form.bytes.to_vec()).unwrap())
            .collect()
    }

    #[test]
    fn each_form_is_made_once() {
        let expected = [
            "passwort",
            "trowssap",
            "70617373776f7274",
            "70617373776F7274",
            "112, 97, 115, 115, 119, 111, 114, 116",
            "112,97,115,115,119,111,114,116",
            "cGFzc3dvcn",
            "hc3N3b3J0",
            "wYXNzd29yd",
        ];
        let mut made = written("passwort");
        made.sort();
        let mut expected = expected.map(str::to_owned).to_vec();
        // The offsets of 1 and 2 bytes: two, then three leading characters depend on what stands before.
        let around = |before: &str| STANDARD.encode(format!("{before}passwort"));
        expected[7] = around("?")[2..12].to_owned();
        expected[8] = around("??")[3..13].to_owned();
        expected.sort();
        assert_eq!(made, expected);
    }

    #[test]
    fn base64url_is_a_form_of_its_own_where_it_differs() {
        let secret = "?????>>>>>";
        let count = written(secret)
            .iter()
            .filter(|form| form.contains('_') || form.contains('-'))
            .count();
        assert_eq!(count, 3);
    }

    #[test]
    fn what_can_not_be_told_from_text_is_unfit() {
        let label = Arc::from("label");
        assert_eq!(forms("seven77", &label), Err(Unfit::TooShort));
        assert_eq!(forms("ääääääü", &label), Err(Unfit::TooShort));
        assert_eq!(forms("redacted", &label), Err(Unfit::StandsInMarker));
        assert_eq!(forms("detcader", &label), Err(Unfit::StandsInMarker));
        assert!(forms("redacted!", &label).is_ok());
    }
}
