//! Stands in for words, ids and secrets: other characters of the same kind and length.
//!
//! Invariants: what stands in stands in for itself; equal words get equal stand-ins, whatever their case; every
//! character keeps its length in UTF-8, and stays a small letter, a capital, a digit or another letter.
//! Does not know: which texts are private.

use crate::hash::{Sequence, hash};

/// Letters and digits of a run that stays as it is. Alone they say little, and texts that differ in them only stay
/// different.
const RUN_KEPT_MAX: usize = 3;

/// Letters that no word of four letters or more is made of.
const SMALL: [char; 7] = ['j', 'k', 'q', 'v', 'w', 'x', 'z'];
const CAPITALS: [char; 7] = ['J', 'K', 'Q', 'V', 'W', 'X', 'Z'];
const HEXADECIMAL: [char; 3] = ['d', 'e', 'f'];
const DIGITS: [char; 3] = ['7', '8', '9'];
/// Letters of other scripts, by their bytes in UTF-8.
const TWO_BYTES: [char; 4] = ['ĵ', 'ķ', 'ŵ', 'ž'];
const THREE_BYTES: [char; 4] = ['ゐ', 'ゑ', 'ヰ', 'ヱ'];
const FOUR_BYTES: [char; 4] = ['𝐣', '𝐤', '𝐪', '𝐯'];

/// Stand-ins of one length are as many as this can tell apart: so few that a long word, which may be a password,
/// can't be found again by trying.
const WORD_HASH_BITS: u64 = 0xffff;

/// What comes before the part of an id that differs.
const ID_PREFIXES: [&str; 22] = [
    "chatcmpl-",
    "cmpl-",
    "call_",
    "req_",
    "resp_",
    "msg_",
    "fp_",
    "embd-",
    "batch_req_",
    "batch_",
    "conv_",
    "fc_",
    "fco_",
    "file-",
    "file_",
    "item_",
    "modr-",
    "part_",
    "rs_",
    "upload_",
    "vs_",
    "ws_",
];

/// Stands in for a run of letters and digits.
pub(super) fn word(run: &str) -> String {
    let seed = hash(run.to_lowercase().as_bytes()) & WORD_HASH_BITS;
    stand_in(run, seed, &SMALL)
}

/// Stands in for an id; the parts that all ids of its kind share stay.
pub(super) fn id(text: &str) -> String {
    let prefix = ID_PREFIXES.iter().find(|prefix| text.starts_with(**prefix));
    let (prefix, rest) = text.split_at(prefix.map_or(0, |prefix| prefix.len()));
    let hexadecimal = rest
        .chars()
        .filter(|character| character.is_alphanumeric())
        .all(|character| matches!(character, '0'..='9' | 'a'..='f'));
    let small: &[char] = if hexadecimal { &HEXADECIMAL } else { &SMALL };
    format!("{prefix}{}", stand_in(rest, hash(rest.as_bytes()), small))
}

/// Stands in for a secret: nothing of it is left but its length and which characters are letters.
pub(super) fn secret(text: &str) -> String {
    let other = |character: char| match alphabet(character, &SMALL) {
        None => character,
        Some(_) if character.is_ascii_lowercase() => 'x',
        Some(_) if character.is_ascii_uppercase() => 'X',
        Some(letters) => letters.last().copied().unwrap_or(character),
    };
    text.chars().map(other).collect()
}

fn stand_in(text: &str, seed: u64, small: &[char]) -> String {
    let counted = text.chars().filter(|character| character.is_alphanumeric());
    let is_one = |character: char| {
        alphabet(character, small).is_none_or(|letters| letters.contains(&character))
    };
    if counted.count() <= RUN_KEPT_MAX || text.chars().all(is_one) {
        return text.to_owned();
    }
    let mut sequence = Sequence::new(seed);
    let mut other = |character: char| match alphabet(character, small) {
        None => character,
        Some(letters) => {
            let place = sequence.next() % letters.len() as u64;
            usize::try_from(place)
                .ok()
                .and_then(|place| letters.get(place))
                .copied()
                .unwrap_or(character)
        }
    };
    text.chars().map(&mut other).collect()
}

/// What may stand in for the character, if it says something.
fn alphabet(character: char, small: &[char]) -> Option<&[char]> {
    match character {
        _ if !character.is_alphanumeric() => None,
        '0'..='9' => Some(&DIGITS),
        'A'..='Z' => Some(&CAPITALS),
        'a'..='z' => Some(small),
        _ => Some(match character.len_utf8() {
            2 => &TWO_BYTES,
            3 => &THREE_BYTES,
            _ => &FOUR_BYTES,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::{id, secret, word};
    use proptest::prelude::{any, proptest};

    fn shape(text: &str) -> Vec<(usize, bool, bool)> {
        text.chars()
            .map(|character| {
                (
                    character.len_utf8(),
                    character.is_alphanumeric(),
                    character.is_ascii_digit(),
                )
            })
            .collect()
    }

    proptest! {
        #[test]
        fn stand_ins_have_the_shape_and_stand_in_for_themselves(text in any::<String>()) {
            for stand_in in [word, id, secret] {
                let once = stand_in(&text);
                assert_eq!(shape(&once), shape(&text));
                assert_eq!(stand_in(&once), once);
            }
        }

        #[test]
        fn a_word_is_gone_and_case_does_not_matter(text in "[a-zA-Z]{4,20}") {
            let other = word(&text);
            assert_eq!(other == text, text.chars().all(|letter| "jkqvwxzJKQVWXZ".contains(letter)));
            assert_eq!(word(&text.to_lowercase()), other.to_lowercase());
        }

        #[test]
        fn ids_keep_their_kind_and_differ_as_they_did(one in "[a-f0-9]{12}", other in "[a-zA-Z0-9]{24}") {
            let hexadecimal = id(&format!("req_{one}"));
            assert!(hexadecimal.starts_with("req_") && hexadecimal[4..].chars().all(|digit| digit.is_ascii_hexdigit()));
            let letters = id(&format!("chatcmpl-{other}"));
            assert!(letters.starts_with("chatcmpl-") && !letters.contains(&other));
            assert_ne!(id(&format!("chatcmpl-{other}A")), id(&format!("chatcmpl-{other}B")));
        }
    }

    #[test]
    fn short_runs_stay() {
        for text in ["", "a", "the", "42", "é1é"] {
            assert_eq!((word(text), id(text)), (text.to_owned(), text.to_owned()));
        }
        assert_ne!(word("2026"), "2026");
        assert_eq!(secret("Abc-12é4"), "Xxx-99ž9");
    }
}
