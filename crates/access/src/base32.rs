//! Bytes as lower-case base32 without padding.
//!
//! Invariants: one text for one value; five bits a character, most significant first, the last filled up with zeros.
//! Does not know: decoding, which nothing needs: secrets are compared by digest.
//! Source: RFC 4648, section 6, in lower case.

const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Appends the first `characters` of the encoding.
pub(crate) fn push(text: &mut String, bytes: &[u8], characters: usize) {
    for index in 0..characters {
        let value = (0..5).fold(0, |value, bit| value << 1 | bit_at(bytes, index * 5 + bit));
        text.push(char::from(ALPHABET[value]));
    }
}

/// Whether a character may stand in an encoding.
pub(crate) fn is_character(byte: u8) -> bool {
    ALPHABET.contains(&byte)
}

fn bit_at(bytes: &[u8], index: usize) -> usize {
    let byte = bytes.get(index / 8).copied().unwrap_or(0);
    usize::from(byte >> (7 - index % 8) & 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4648, section 10.
    #[test]
    fn vectors_of_the_standard() {
        for (bytes, expected) in [
            ("", ""),
            ("f", "my"),
            ("fo", "mzxq"),
            ("foo", "mzxw6"),
            ("foob", "mzxw6yq"),
            ("fooba", "mzxw6ytb"),
            ("foobar", "mzxw6ytboi"),
        ] {
            let mut text = String::new();
            push(&mut text, bytes.as_bytes(), expected.len());
            assert_eq!(text, expected);
            assert!(text.bytes().all(is_character));
        }
    }
}
