//! Every crate stands in the map of ARCHITECTURE.md.
//!
//! Invariants: the folder name stands there as code or at the start of a row of the map.
//! Does not know: whether what the map says is true.

use crate::metadata::Package;
use crate::tidy::{Violation, has_word};
use crate::tree::Tree;

const MAP: &str = "ARCHITECTURE.md";

/// Checks that the map names each crate.
pub(crate) fn check(tree: &Tree, packages: &[Package]) -> Vec<Violation> {
    let Some(map) = tree.text(MAP) else {
        return vec![Violation::whole(
            MAP,
            "is missing: it is the map of the crates",
        )];
    };
    let missing = packages
        .iter()
        .filter(|package| !has_word(map, &package.name));
    missing
        .map(|package| Violation::whole(MAP, format!("does not name the crate `{}`", package.name)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::metadata::Package;
    use crate::tidy::expect;
    use crate::tree::Tree;

    #[test]
    fn a_missing_map_or_crate_fails() {
        let packages = [Package {
            name: "rig".to_owned(),
            uses: Vec::new(),
            tests_use: Vec::new(),
        }];
        expect(&check(&Tree::of(&[]), &packages), &[("ARCHITECTURE.md", 0)]);
        expect(
            &check(
                &Tree::of(&[("ARCHITECTURE.md", "it was rigged")]),
                &packages,
            ),
            &[("ARCHITECTURE.md", 0)],
        );
        expect(
            &check(
                &Tree::of(&[("ARCHITECTURE.md", "rig   load generator")]),
                &packages,
            ),
            &[],
        );
    }
}
