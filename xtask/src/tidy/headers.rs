//! Every Rust file opens with what it is, what always holds and what it must not know.
//!
//! Invariants: the three parts stand in the leading `//!` block.
//! Does not know: whether what the header says is true.

use crate::tidy::Violation;
use crate::tree::{SourceFile, Tree};

/// What a header holds besides its first sentence.
const PARTS: [&str; 2] = ["Invariants:", "Does not know:"];

/// Checks every Rust file.
pub(crate) fn check(tree: &Tree) -> Vec<Violation> {
    tree.rust().flat_map(file).collect()
}

fn file(file: &SourceFile) -> Vec<Violation> {
    let header: Vec<&str> = file
        .text
        .lines()
        .map_while(|line| line.strip_prefix("//!"))
        .collect();
    if header.first().is_none_or(|line| line.trim().is_empty()) {
        return vec![Violation::at(
            file,
            1,
            "begins without a `//!` header that says what the file is",
        )];
    }
    let missing = PARTS.iter().filter(|part| {
        !header
            .iter()
            .any(|line| line.trim_start().starts_with(*part))
    });
    missing
        .map(|part| Violation::at(file, 1, format!("the header has no line `{part}`")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::expect;
    use crate::tree::Tree;

    const GOOD: &str = "//! Cuts bytes.\n//!\n//! Invariants: none are lost.\n//! Does not know: JSON.\n\nfn a() {}\n";

    #[test]
    fn a_whole_header_passes() {
        expect(&check(&Tree::of(&[("a.rs", GOOD), ("a.md", "text")])), &[]);
    }

    #[test]
    fn a_missing_header_or_part_fails() {
        expect(
            &check(&Tree::of(&[("a.rs", "fn a() {}\n")])),
            &[("a.rs", 1)],
        );
        expect(
            &check(&Tree::of(&[(
                "a.rs",
                "//!\n//! Invariants: a\n//! Does not know: b\n",
            )])),
            &[("a.rs", 1)],
        );
        expect(
            &check(&Tree::of(&[(
                "a.rs",
                "//! Cuts bytes.\nfn a() {}\n//! Invariants:\n",
            )])),
            &[("a.rs", 1), ("a.rs", 1)],
        );
    }
}
