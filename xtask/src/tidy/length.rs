//! How long a file may be.
//!
//! Invariants: a file in the ratchet may shrink and never grow, and its row shrinks with it.
//! Does not know: how long a function is.

use crate::rust_text::{blank, block};
use crate::tidy::{Violation, is_test_file};
use crate::tree::{SourceFile, Tree};

/// Most lines of a file, tests included.
const FILE_LINES_MAX: usize = 500;
/// Most lines of a file without its inline tests.
const CODE_LINES_MAX: usize = 350;
/// Most lines of tests beside the code; past that they move to `<module>/tests.rs`.
const TEST_LINES_MAX: usize = 150;

/// Files over a limit, with the lines they have now. A row is only ever lowered or taken out.
pub(crate) const RATCHET: [(&str, usize); 0] = [];

/// Checks every Rust file.
pub(crate) fn check(tree: &Tree, ratchet: &[(&str, usize)]) -> Vec<Violation> {
    let mut found: Vec<Violation> = tree.rust().filter_map(|file| one(file, ratchet)).collect();
    let gone = ratchet.iter().filter(|(path, _)| tree.text(path).is_none());
    found.extend(gone.map(|(path, _)| {
        Violation::whole(path, "is in the ratchet and nowhere else: take it out")
    }));
    found
}

fn one(file: &SourceFile, ratchet: &[(&str, usize)]) -> Option<Violation> {
    let lines = file.text.lines().count();
    let over = if is_test_file(&file.path) {
        (lines > FILE_LINES_MAX).then(|| format!("has {lines} lines; at most {FILE_LINES_MAX}"))
    } else {
        over(lines, test_lines(&file.text))
    };
    let held = ratchet
        .iter()
        .find(|(path, _)| *path == file.path)
        .map(|(_, lines)| *lines);
    let message = match (held, over) {
        (None, None) => return None,
        (None, Some(message)) => message,
        (Some(_), None) => "is within the limits now: take it out of the ratchet".to_owned(),
        (Some(held), Some(_)) if lines == held => return None,
        (Some(held), Some(_)) if lines < held => {
            format!("has {lines} lines now: lower its row in the ratchet from {held}")
        }
        (Some(held), Some(_)) => {
            format!("has {lines} lines and may have {held}: it only ever shrinks")
        }
    };
    Some(Violation::at(file, 0, message))
}

fn over(lines: usize, test_lines: usize) -> Option<String> {
    let code_lines = lines - test_lines;
    if lines > FILE_LINES_MAX {
        return Some(format!("has {lines} lines; at most {FILE_LINES_MAX}"));
    }
    if code_lines > CODE_LINES_MAX {
        return Some(format!(
            "has {code_lines} lines without its tests; at most {CODE_LINES_MAX}"
        ));
    }
    let beside = test_lines > TEST_LINES_MAX;
    beside.then(|| format!("has {test_lines} lines of inline tests; past {TEST_LINES_MAX} they move to a `tests.rs` of the module"))
}

/// Lines of the module `tests` in the file, attribute included; 0 if it is elsewhere.
fn test_lines(text: &str) -> usize {
    let code = blank(text);
    let Some(at) = code.find("#[cfg(test)]\nmod tests {") else {
        return 0;
    };
    let Some(rest) = code.get(at..) else { return 0 };
    let Some(opening) = rest.find('{') else {
        return 0;
    };
    let body = rest
        .get(opening..)
        .and_then(block)
        .unwrap_or(rest.len() - opening);
    rest.get(..opening + body)
        .map_or(0, |module| module.lines().count())
}

#[cfg(test)]
mod tests {
    use super::{check, test_lines};
    use crate::tidy::expect;
    use crate::tree::Tree;

    fn lines(count: usize) -> String {
        "let a = 1;\n".repeat(count)
    }

    fn with_tests(code: usize, tests: usize) -> String {
        format!(
            "{}#[cfg(test)]\nmod tests {{\n{}}}\n",
            lines(code),
            lines(tests - 3)
        )
    }

    fn one(text: &str, ratchet: &[(&str, usize)], fails: bool) {
        let found = check(&Tree::of(&[("a.rs", text)]), ratchet);
        expect(&found, if fails { &[("a.rs", 0)] } else { &[] });
    }

    #[test]
    fn each_limit_is_held_on_both_sides() {
        one(&lines(350), &[], false);
        one(&lines(351), &[], true);
        one(&with_tests(350, 150), &[], false);
        one(&with_tests(10, 151), &[], true);
        one(&with_tests(350, 151), &[], true);
    }

    #[test]
    fn a_file_of_tests_may_be_as_long_as_any_file() {
        let check_tests = |lines: &str| check(&Tree::of(&[("a/tests.rs", lines)]), &[]);
        expect(&check_tests(&lines(500)), &[]);
        expect(&check_tests(&lines(501)), &[("a/tests.rs", 0)]);
    }

    #[test]
    fn the_ratchet_only_tightens() {
        one(&lines(400), &[("a.rs", 400)], false);
        one(&lines(401), &[("a.rs", 400)], true);
        one(&lines(399), &[("a.rs", 400)], true);
        one(&lines(100), &[("a.rs", 400)], true);
        expect(
            &check(&Tree::of(&[("a.rs", "")]), &[("gone.rs", 400)]),
            &[("gone.rs", 0)],
        );
    }

    #[test]
    fn inline_tests_are_measured_to_their_brace() {
        assert_eq!(test_lines("a\n#[cfg(test)]\nmod tests {\n}\nb\n"), 3);
        assert_eq!(test_lines("a\n#[cfg(test)]\nmod tests;\n"), 0);
    }
}
