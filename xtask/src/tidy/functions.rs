//! How long a function may be: a screen.
//!
//! Invariants: counted from the signature to the closing brace, comments included, tests too.
//! Does not know: how long a file is.

use crate::rust_text::{blank, functions};
use crate::tidy::Violation;
use crate::tree::{SourceFile, Tree};

/// Most lines of a function.
const FUNCTION_LINES_MAX: usize = 70;

/// Checks every Rust file.
pub(crate) fn check(tree: &Tree) -> Vec<Violation> {
    tree.rust().flat_map(file).collect()
}

fn file(file: &SourceFile) -> Vec<Violation> {
    let code = blank(&file.text);
    let long = functions(&code)
        .into_iter()
        .filter(|function| function.lines > FUNCTION_LINES_MAX);
    let message = |lines: usize, name: &str| {
        format!("`{name}` has {lines} lines; at most {FUNCTION_LINES_MAX}")
    };
    long.map(|function| Violation::at(file, function.line, message(function.lines, function.name)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::expect;
    use crate::tree::Tree;

    #[test]
    fn seventy_lines_pass_and_one_more_fails() {
        let function = |lines: usize| format!("\nfn a() {{\n{}}}\n", "// }\n".repeat(lines - 2));
        expect(&check(&Tree::of(&[("a.rs", &function(70))])), &[]);
        expect(
            &check(&Tree::of(&[("a.rs", &function(71))])),
            &[("a.rs", 2)],
        );
    }
}
