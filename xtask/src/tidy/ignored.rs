//! No test is left out in silence: only the tier that xtask runs by name may carry `#[ignore]`.
//!
//! Invariants: every test belongs to exactly one tier, by its place: mock or integration.
//! Does not know: how a tier is run.

use crate::rust_text::blank;
use crate::tidy::{Violation, numbered};
use crate::tree::{SourceFile, Tree};

/// Files with a test that another test runs as a child process.
pub(crate) const CHILDREN: [&str; 1] = ["crates/storage/tests/it/mock/crash.rs"];

/// Checks every Rust file.
pub(crate) fn check(tree: &Tree, children: &[&str]) -> Vec<Violation> {
    let files = tree
        .rust()
        .filter(|file| !children.contains(&file.path.as_str()));
    let gone = children.iter().filter(|path| {
        !tree
            .text(path)
            .is_some_and(|text| text.contains("#[ignore"))
    });
    let gone = gone.map(|path| {
        Violation::whole(
            path,
            "is listed for an ignored test and has none: take it out of the list",
        )
    });
    files.flat_map(file).chain(gone).collect()
}

fn file(file: &SourceFile) -> Vec<Violation> {
    let code = blank(&file.text);
    let lines: Vec<&str> = code.lines().map(str::trim).collect();
    let own_tier = file.path.contains("/tests/it/integration");
    let mut found = Vec::new();
    for (line, text) in numbered(&code) {
        let text = text.trim();
        if text.starts_with("#[ignore") && !own_tier {
            found.push(Violation::at(
                file,
                line,
                "is ignored outside of the integration tier, so nothing runs it",
            ));
        }
        let is_test = text.starts_with("#[test]") || text.starts_with("#[tokio::test");
        if is_test && own_tier && !has_ignore(&lines, line - 1) {
            found.push(Violation::at(
                file,
                line,
                "is of the integration tier and lacks `#[ignore]`, so the mock tier runs it",
            ));
        }
    }
    found
}

/// Whether an attribute beside the one on this line (counted from 0) is `#[ignore]`.
fn has_ignore(lines: &[&str], at: usize) -> bool {
    let attribute = |line: &&&str| line.starts_with("#[");
    let before = lines
        .get(..at)
        .unwrap_or_default()
        .iter()
        .rev()
        .take_while(attribute);
    let after = lines
        .get(at + 1..)
        .unwrap_or_default()
        .iter()
        .take_while(attribute);
    before.chain(after).any(|line| line.starts_with("#[ignore"))
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::expect;
    use crate::tree::Tree;

    #[test]
    fn an_ignored_test_that_no_tier_runs_fails() {
        let text = "#[test]\n#[ignore = \"slow\"]\nfn a() {}\n";
        expect(
            &check(&Tree::of(&[("crates/a/src/b.rs", text)]), &[]),
            &[("crates/a/src/b.rs", 2)],
        );
        expect(
            &check(
                &Tree::of(&[("crates/a/tests/it/integration/b.rs", text)]),
                &[],
            ),
            &[],
        );
    }

    #[test]
    fn a_child_of_another_test_is_listed_and_the_list_is_held() {
        let text = "#[test]\n#[ignore = \"the child of b\"]\nfn a() {}\n";
        expect(&check(&Tree::of(&[("a.rs", text)]), &["a.rs"]), &[]);
        expect(
            &check(&Tree::of(&[("a.rs", "")]), &["a.rs"]),
            &[("a.rs", 0)],
        );
    }

    #[test]
    fn an_integration_test_that_the_mock_tier_would_run_fails() {
        let text = "#[tokio::test]\nasync fn a() {}\n#[ignore]\n#[test]\nfn b() {}\n";
        let path = "crates/a/tests/it/integration.rs";
        expect(&check(&Tree::of(&[(path, text)]), &[]), &[(path, 1)]);
    }
}
