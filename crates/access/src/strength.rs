//! How many bits a secret that somebody else made is worth at least, as far as its text tells.
//!
//! The rule, on the safe side, and stated in the error's documentation:
//! 1. A character is worth the logarithm of the smallest of these alphabets that holds them all: 10 digits, 16 of hex,
//!    26 letters of one case, 32 of base32, 36 letters of one case and digits, 62 letters and digits, 64 for all else.
//! 2. If fewer than half as many different characters occur as could, the alphabet is only those.
//! 3. A part between punctuation that is three or more letters, in one case but for the first, may be a word: 2 bits a
//!    letter.
//! 4. A character that ends five which stood there before, or five in a row up, down or alike, is worth nothing.
//!
//! Invariants: a longer text is never worth less than its beginning under the same alphabet; hexadecimal digits of 128
//! random bits are worth 128, bar a rare run.
//! Does not know: dictionaries. A text by a person may be worth less than it looks; a text by a machine is what passes.

/// Hundredths of a bit, so that no float is needed.
const WORD_LETTER_CENTIBITS: u32 = 200;
/// Characters of a repeat or a run that make it one.
const PATTERN_BYTES: usize = 5;
/// Shorter parts of letters occur in random texts all the time.
const WORD_BYTES_MIN: usize = 3;

/// Characters that a text is drawn from.
struct Alphabet {
    size: usize,
    /// What one character is worth, in hundredths of a bit, rounded down.
    centibits: u32,
    holds: fn(u8) -> bool,
}

/// By size; the last holds everything.
const ALPHABETS: [Alphabet; 9] = [
    Alphabet {
        size: 10,
        centibits: 332,
        holds: |byte| byte.is_ascii_digit(),
    },
    Alphabet {
        size: 16,
        centibits: 400,
        holds: |byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'),
    },
    Alphabet {
        size: 16,
        centibits: 400,
        holds: |byte| byte.is_ascii_digit() || matches!(byte, b'A'..=b'F'),
    },
    Alphabet {
        size: 26,
        centibits: 470,
        holds: |byte| byte.is_ascii_lowercase(),
    },
    Alphabet {
        size: 26,
        centibits: 470,
        holds: |byte| byte.is_ascii_uppercase(),
    },
    Alphabet {
        size: 32,
        centibits: 500,
        holds: |byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7'),
    },
    Alphabet {
        size: 36,
        centibits: 516,
        holds: |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9'),
    },
    Alphabet {
        size: 62,
        centibits: 595,
        holds: |byte| byte.is_ascii_alphanumeric(),
    },
    Alphabet {
        size: 64,
        centibits: 600,
        holds: |_| true,
    },
];

/// Estimates a text of visible ASCII.
pub(crate) fn estimate_bits(text: &str) -> u32 {
    let bytes = text.as_bytes();
    let worth = character_centibits(bytes);
    let mut centibits = 0;
    let mut start = 0;
    for part in bytes.split(|byte| !byte.is_ascii_alphanumeric()) {
        let end = start + part.len();
        let letter_worth = if is_word(part) {
            worth.min(WORD_LETTER_CENTIBITS)
        } else {
            worth
        };
        // The mark after the part is counted with it, in full.
        for index in start..bytes.len().min(end + 1) {
            if !ends_pattern(bytes, index) {
                centibits += if index < end { letter_worth } else { worth };
            }
        }
        start = end + 1;
    }
    centibits / 100
}

/// What a character of the text is worth by its alphabet.
fn character_centibits(bytes: &[u8]) -> u32 {
    let mut seen = [false; 256];
    for byte in bytes {
        seen[usize::from(*byte)] = true;
    }
    let different = seen.iter().filter(|seen| **seen).count();
    let holds_all = |alphabet: &&Alphabet| bytes.iter().all(|byte| (alphabet.holds)(*byte));
    let Some(alphabet) = ALPHABETS.iter().find(holds_all) else {
        return 0;
    };
    if different * 2 < bytes.len().min(alphabet.size) {
        return alphabet.centibits.min(different.ilog2() * 100);
    }
    alphabet.centibits
}

fn is_word(part: &[u8]) -> bool {
    let Some((first, rest)) = part.split_first() else {
        return false;
    };
    part.len() >= WORD_BYTES_MIN
        && first.is_ascii_alphabetic()
        && (rest.iter().all(u8::is_ascii_lowercase) || part.iter().all(u8::is_ascii_uppercase))
}

fn ends_pattern(bytes: &[u8], index: usize) -> bool {
    let Some(start) = (index + 1).checked_sub(PATTERN_BYTES) else {
        return false;
    };
    let pattern = &bytes[start..=index];
    let runs = [-1, 0, 1].iter().any(|step| {
        pattern
            .windows(2)
            .all(|pair| i16::from(pair[1]) - i16::from(pair[0]) == *step)
    });
    runs || bytes[..index]
        .windows(PATTERN_BYTES)
        .any(|earlier| earlier == pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, bits: std::ops::RangeInclusive<u32>) {
        let found = estimate_bits(text);
        assert!(bits.contains(&found), "{text}: {found} bits");
    }

    #[test]
    fn machine_made_texts_count_in_full() {
        check("9f86d081884c7d659a2feaa0c55ad015", 128..=128);
        check("9F86D081884C7D659A2FEAA0C55AD015", 128..=128);
        check("pJ3vX8qLz0RtW5mYc7NbKe", 128..=131);
        check("k5zq7w2hm4xn6bt3vr5cj2yd7pf4gl6s", 128..=160);
    }

    #[test]
    fn short_texts_do_not_pass() {
        check("", 0..=0);
        check("9f86d081884c7d659a2feaa0c55ad01", 0..=127);
        check("hunter2", 0..=40);
        // A random UUID has 122 bits.
        check("3f2504e0-4f89-41d3-9a0c-0305e82c3301", 0..=122);
        check("31415926535897932384626433832795028841", 0..=127);
    }

    #[test]
    fn words_do_not_pass() {
        check("correct-horse-battery-staple-and-some-more", 0..=100);
        check("CorrectHorseBatteryStaple", 0..=150);
        check("thequickbrownfoxjumpsoverthelazydogs", 0..=80);
        check("my-very-secret-password-for-production", 0..=100);
    }

    #[test]
    fn repetition_does_not_pass() {
        check(&"a".repeat(500), 0..=20);
        check(&"ab".repeat(250), 0..=20);
        check(&"9f86d0".repeat(50), 0..=60);
        check(
            "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
            0..=127,
        );
        check("00000000000000000000000000000000deadbeef", 0..=80);
    }
}
