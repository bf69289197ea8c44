//! The small language of contract files: `optional 'one' | 'two' | null`.
//!
//! Invariants: words keep their quotes' content whatever it is; what is written reads back.
//! Does not know: what the names in it mean.

/// A part of a description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Term {
    /// A word of a closed set.
    Word(String),
    /// The name of a type or form.
    Name(String),
}

/// What a description begins with if the place may be missing.
pub(crate) const OPTIONAL: &str = "optional ";

/// Whether it begins with `optional`, and its parts.
pub(crate) fn read(description: &str) -> Result<(bool, Vec<Term>), &'static str> {
    let (optional, mut rest) = match description.strip_prefix(OPTIONAL) {
        Some(rest) => (true, rest),
        None => (false, description),
    };
    let mut terms = Vec::new();
    loop {
        rest = match rest.strip_prefix('\'') {
            Some(quoted) => {
                let (word, after) = word(quoted).ok_or("a word has no closing quote")?;
                terms.push(Term::Word(word));
                after
            }
            None => {
                let name = rest.split(' ').next().unwrap_or_default();
                terms.push(Term::Name(name.to_owned()));
                &rest[name.len()..]
            }
        };
        if rest.is_empty() {
            return Ok((optional, terms));
        }
        rest = rest
            .strip_prefix(" | ")
            .ok_or("types are separated by ` | `")?;
    }
}

/// The parts in their form, words first.
pub(crate) fn write<'a>(
    words: impl IntoIterator<Item = &'a String>,
    names: impl IntoIterator<Item = &'static str>,
) -> String {
    let words = words
        .into_iter()
        .map(|word| format!("'{}'", word.replace('\'', "''")));
    let all: Vec<String> = words.chain(names.into_iter().map(str::to_owned)).collect();
    all.join(" | ")
}

/// A word up to its closing quote, and what follows. Two quotes stand for one inside.
fn word(quoted: &str) -> Option<(String, &str)> {
    let mut word = String::new();
    let mut rest = quoted;
    loop {
        let (part, after) = rest.split_once('\'')?;
        word += part;
        match after.strip_prefix('\'') {
            Some(after) => rest = after,
            None => return Some((word, after)),
        }
        word.push('\'');
    }
}
