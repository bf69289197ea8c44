//! `cargo xtask tidy`: the house rules that a machine can check.
//!
//! Invariants: every check has a test that shows it fails on bad input; all violations are listed at once.
//! Does not know: style that needs judgement.

mod edges;
mod exposure;
mod forbidden;
mod functions;
mod headers;
mod ignored;
mod length;
mod map;
mod modules;
mod names;
mod settings;
mod shapes;

use anyhow::bail;

use crate::console::say;
use crate::metadata::{Package, packages};
use crate::tree::{SourceFile, Tree, root};

/// One place that breaks one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    /// File, relative to the top.
    path: String,
    /// Counted from 1; 0 for the file as a whole.
    line: usize,
    /// What is wrong and what to do.
    message: String,
}

impl Violation {
    fn at(file: &SourceFile, line: usize, message: impl Into<String>) -> Self {
        Self {
            path: file.path.clone(),
            line,
            message: message.into(),
        }
    }

    fn whole(path: &str, message: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line: 0,
            message: message.into(),
        }
    }
}

type Check = fn(&Tree, &[Package]) -> Vec<Violation>;

/// All checks, in the order they are reported; the map is last, since it is written last.
const CHECKS: [(&str, Check); 12] = [
    ("edges", |_, packages| edges::check(packages)),
    ("headers", |tree, _| headers::check(tree)),
    ("modules", |tree, _| modules::check(tree)),
    ("names", |tree, _| names::check(tree)),
    ("length", |tree, _| length::check(tree, &length::RATCHET)),
    ("functions", |tree, _| functions::check(tree)),
    ("exposure", |tree, _| {
        exposure::check(tree, &exposure::ALLOWED)
    }),
    ("ignored", |tree, _| {
        ignored::check(tree, &ignored::CHILDREN)
    }),
    ("forbidden", |tree, _| forbidden::check(tree)),
    ("shapes", |tree, _| shapes::check(tree)),
    ("settings", |tree, _| settings::check(tree)),
    ("map", map::check),
];

/// Checks the tree and prints every violation.
pub(crate) fn run() -> anyhow::Result<()> {
    let tree = Tree::load(&root())?;
    let packages = packages()?;
    let mut found = 0;
    for (name, check) in CHECKS {
        let violations = check(&tree, &packages);
        found += violations.len();
        for violation in &violations {
            say(&format!("{name}: {}", show(violation)));
        }
    }
    if found > 0 {
        bail!("tidy found {found} violations");
    }
    say(&format!(
        "tidy: {} checks over {} files, nothing found",
        CHECKS.len(),
        tree.files.len()
    ));
    Ok(())
}

fn show(violation: &Violation) -> String {
    match violation.line {
        0 => format!("{}: {}", violation.path, violation.message),
        line => format!("{}:{line}: {}", violation.path, violation.message),
    }
}

/// The lines of a text, counted from 1.
fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line))
}

/// Whether the character may be part of a word in Rust.
fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// Whether `word` stands in `code` with no word character on either side.
fn has_word(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        let before = code.get(..at).and_then(|before| before.chars().next_back());
        let after = code
            .get(at + word.len()..)
            .and_then(|after| after.chars().next());
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

/// Whether the whole file is tests.
fn is_test_file(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("/tests.rs")
}

/// The line on which the inline tests of blanked code begin.
fn test_start(code: &str) -> Option<usize> {
    numbered(code)
        .find(|(_, text)| text.trim() == "#[cfg(test)]")
        .map(|(line, _)| line)
}

/// Asserts that a check finds these lines of these files and nothing else.
#[cfg(test)]
fn expect(found: &[Violation], places: &[(&str, usize)]) {
    let found_places: Vec<(&str, usize)> = found
        .iter()
        .map(|violation| (violation.path.as_str(), violation.line))
        .collect();
    assert_eq!(found_places, places, "{found:?}");
}

#[cfg(test)]
mod tests {
    use super::{Violation, has_word, show};

    #[test]
    fn a_violation_is_shown_so_that_an_editor_can_jump_to_it() {
        let mut violation = Violation::whole("a.rs", "is wrong");
        assert_eq!(show(&violation), "a.rs: is wrong");
        violation.line = 3;
        assert_eq!(show(&violation), "a.rs:3: is wrong");
    }

    #[test]
    fn words_are_whole() {
        assert!(has_word("a req b", "req"));
        assert!(!has_word("a request b", "req") && !has_word("a_req", "req"));
    }
}
