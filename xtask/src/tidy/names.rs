//! File and module names that say nothing.
//!
//! Invariants: the list is of whole names, so `commonality.rs` passes.
//! Does not know: whether a name fits what it names.

use crate::tidy::Violation;
use crate::tree::Tree;

/// Names under which anything gathers, and abbreviations.
const EMPTY_NAMES: [&str; 10] = [
    "util", "utils", "common", "manager", "helper", "helpers", "misc", "req", "resp", "ctx",
];

/// Checks every Rust file.
pub(crate) fn check(tree: &Tree) -> Vec<Violation> {
    let stem = |path: &str| {
        path.rsplit('/')
            .next()
            .unwrap_or(path)
            .trim_end_matches(".rs")
            .to_owned()
    };
    let empty = tree
        .rust()
        .filter(|file| EMPTY_NAMES.contains(&stem(&file.path).as_str()));
    empty
        .map(|file| {
            Violation::at(
                file,
                0,
                "has a name that says nothing; name it by what it holds",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::expect;
    use crate::tree::Tree;

    #[test]
    fn a_name_that_says_nothing_fails() {
        let tree = Tree::of(&[
            ("crates/a/src/utils.rs", ""),
            ("crates/a/src/commonality.rs", ""),
            ("utils.md", ""),
        ]);
        expect(&check(&tree), &[("crates/a/src/utils.rs", 0)]);
    }
}
