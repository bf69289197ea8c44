//! Words that may not stand anywhere in the tree: folders of one machine, hosts of package registries.
//!
//! Invariants: the words are put together here, so that this file does not find itself.
//! Does not know: the lockfile of cargo, whose sources cargo writes.

use crate::tidy::{Violation, numbered};
use crate::tree::{SourceFile, Tree};

/// Written by cargo, with the registry in it.
const EXEMPT: [&str; 1] = ["Cargo.lock"];

/// Checks every text file.
pub(crate) fn check(tree: &Tree) -> Vec<Violation> {
    let words = words();
    let files = tree
        .files
        .iter()
        .filter(|file| !EXEMPT.contains(&file.path.as_str()));
    files.flat_map(|file| one(file, &words)).collect()
}

/// The words, each with the reason. One that begins with `/` counts only where a path begins.
fn words() -> Vec<(String, &'static str)> {
    let machine = "is a folder of one machine";
    let registry = "is the host of a package registry; name the package, its client knows the way";
    let mut words = Vec::new();
    for folder in ["root", "work"] {
        words.push((format!("/{folder}/"), machine));
    }
    for parts in [["..", "/shared"], ["bash", "_jobs"]] {
        words.push((parts.concat(), machine));
    }
    for parts in [
        ["pypi", ".org"],
        ["pythonhosted", ".org"],
        ["registry.npmjs", ".org"],
        ["index.crates", ".io"],
        ["static.crates", ".io"],
        ["deb.debian", ".org"],
    ] {
        words.push((parts.concat(), registry));
    }
    words
}

fn one(file: &SourceFile, words: &[(String, &'static str)]) -> Vec<Violation> {
    let mut found = Vec::new();
    for (line, text) in numbered(&file.text) {
        let standing = words.iter().filter(|(word, _)| stands(text, word));
        found.extend(
            standing.map(|(word, reason)| Violation::at(file, line, format!("`{word}` {reason}"))),
        );
    }
    found
}

fn stands(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        !word.starts_with('/')
            || before.is_none_or(|letter| !(letter.is_alphanumeric() || "_-.}".contains(letter)))
    })
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::expect;
    use crate::tree::Tree;

    fn one(text: &str, fails: bool) {
        expect(
            &check(&Tree::of(&[("a.md", text)])),
            if fails { &[("a.md", 1)] } else { &[] },
        );
    }

    #[test]
    fn folders_of_a_machine_fail() {
        one(&format!("see /{}/main", "work"), true);
        one(&format!("`/{}/.cargo`", "root"), true);
        one(&format!("{}/shared/DESIGN.md", ".."), true);
        one("src/root/leaf.rs, ./work/, $HOME/work/x", false);
    }

    #[test]
    fn hosts_of_registries_fail() {
        one(&format!("https://{}.org/simple", "pypi"), true);
        one("from PyPI, npm and crates.io", false);
    }

    #[test]
    fn the_lockfile_of_cargo_is_left_alone() {
        let text = format!("{}.io", "index.crates");
        expect(&check(&Tree::of(&[("Cargo.lock", &text)])), &[]);
    }
}
