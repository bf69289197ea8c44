//! Cuts text into tokens by a rule of its own that comes near OpenAI's counts for plain English.
//!
//! Invariants: joining the tokens gives back the text; the same text always gives the same tokens; a text that is not
//! empty has at least one token.
//! Does not know: any vocabulary; a test that needs an exact count scripts the usage.

/// Letters of one token; longer words are several tokens.
const WORD_LETTERS_MAX: usize = 8;
/// Digits of one token, as in OpenAI's vocabularies.
const DIGITS_MAX: usize = 3;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Letter,
    Digit,
    Space,
    Other,
}

fn class(character: char) -> Class {
    match character {
        _ if character.is_whitespace() => Class::Space,
        _ if character.is_ascii_digit() => Class::Digit,
        // Latin letters join to words; of other scripts each character is a token.
        _ if character.is_alphabetic() && character < '\u{250}' => Class::Letter,
        _ => Class::Other,
    }
}

/// The tokens of `text`, in order. One space before a word belongs to the word.
pub(crate) fn split(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (token, tail) = rest.split_at(first_token_bytes(rest));
        tokens.push(token);
        rest = tail;
    }
    tokens
}

/// How many tokens `text` has.
pub(crate) fn count(text: &str) -> u64 {
    let mut rest = text;
    let mut tokens = 0;
    while !rest.is_empty() {
        rest = &rest[first_token_bytes(rest)..];
        tokens += 1;
    }
    tokens
}

fn first_token_bytes(text: &str) -> usize {
    let spaces = run_bytes(text, Class::Space, usize::MAX);
    let word = &text[spaces..];
    let letters = run_bytes(word, Class::Letter, WORD_LETTERS_MAX);
    match text[..spaces].chars().next_back() {
        Some(' ') if letters > 0 && spaces == 1 => return 1 + letters,
        Some(' ') if letters > 0 => return spaces - 1,
        Some(_) => return spaces,
        None => {}
    }
    let digits = run_bytes(word, Class::Digit, DIGITS_MAX);
    if letters + digits > 0 {
        letters + digits
    } else {
        word.chars().next().map_or(0, char::len_utf8)
    }
}

fn run_bytes(text: &str, wanted: Class, characters_max: usize) -> usize {
    text.chars()
        .take(characters_max)
        .take_while(|character| class(*character) == wanted)
        .map(char::len_utf8)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::{count, split};
    use proptest::prelude::{any, proptest};

    fn check(text: &str, expected: &[&str]) {
        assert_eq!(split(text), expected);
    }

    #[test]
    fn words_carry_their_space_and_long_ones_are_cut() {
        check("The quick fox.", &["The", " quick", " fox", "."]);
        check("internationally  so", &["internat", "ionally", " ", " so"]);
        check(
            "in 2024: 3.5",
            &["in", " ", "202", "4", ":", " ", "3", ".", "5"],
        );
        check("你好", &["你", "好"]);
        check("a\n\n b", &["a", "\n\n", " b"]);
    }

    proptest! {
        #[test]
        fn tokens_join_to_the_text(text in any::<String>()) {
            let tokens = split(&text);
            assert_eq!(tokens.concat(), text);
            assert_eq!(tokens.len() as u64, count(&text));
            assert!(tokens.iter().all(|token| !token.is_empty()));
        }
    }
}
