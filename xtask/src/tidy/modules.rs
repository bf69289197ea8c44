//! Where a Rust file may stand and what it may import and pass on.
//!
//! Invariants: one level of folders, `foo.rs` beside `foo/`, one integration binary per crate.
//! Does not know: what a module does.

use crate::rust_text::blank;
use crate::tidy::{Violation, is_test_file, is_word, numbered, test_start};
use crate::tree::{SourceFile, Tree};

/// Checks every Rust file.
pub(crate) fn check(tree: &Tree) -> Vec<Violation> {
    tree.rust()
        .flat_map(|file| place(tree, file).into_iter().chain(imports(file)))
        .collect()
}

fn place(tree: &Tree, file: &SourceFile) -> Vec<Violation> {
    let (folder, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
    let mut messages = Vec::new();
    if name == "mod.rs" {
        messages.push("is called mod.rs; name it like its folder and put it beside it".to_owned());
    }
    if let Some((_, inside)) = file.path.split_once("/src/") {
        let depth = inside.matches('/').count();
        let moved_tests = name == "tests.rs" && depth <= 2;
        if depth > 1 && !moved_tests {
            messages.push("stands deeper than one folder under src".to_owned());
        }
        let beside = format!("{folder}.rs");
        if depth > 0 && !folder.ends_with("/src/bin") && tree.text(&beside).is_none() {
            messages.push(format!("has no `{beside}` beside its folder"));
        }
    }
    if let Some((_, inside)) = file.path.split_once("/tests/")
        && !inside.starts_with("it/")
        && !file.path.contains("/src/")
    {
        messages.push("is a second integration binary; tests go into tests/it".to_owned());
    }
    messages
        .into_iter()
        .map(|message| Violation::at(file, 0, message))
        .collect()
}

fn imports(file: &SourceFile) -> Vec<Violation> {
    let code = blank(&file.text);
    let in_tests = |line: usize| {
        is_test_file(&file.path) || test_start(&code).is_some_and(|start| line > start)
    };
    let mut found = Vec::new();
    for (line, text) in numbered(&code) {
        let text = text.trim();
        let glob =
            text.contains("::*") && !(text.contains("super::*") || text.contains("prelude::*"));
        let test_glob = text.contains("::*") && !in_tests(line);
        if text.contains("use ") && (glob || test_glob) {
            found.push(Violation::at(
                file,
                line,
                "imports everything with `*`; name what is used",
            ));
        }
        if text.starts_with("#[allow") || text.starts_with("#![allow") {
            found.push(Violation::at(
                file,
                line,
                "silences a lint with `allow`; use `expect` with a reason",
            ));
        }
        if let Some(path) = text.strip_prefix("pub use ")
            && !is_own(&code, path)
        {
            found.push(Violation::at(
                file,
                line,
                "passes on names of another crate with `pub use`",
            ));
        }
    }
    found
}

/// Whether the path of a `pub use` begins in this crate.
fn is_own(code: &str, path: &str) -> bool {
    let first: String = path.chars().take_while(|letter| is_word(*letter)).collect();
    let declared = format!("mod {first};");
    matches!(first.as_str(), "crate" | "self" | "super")
        || (!path.starts_with("::") && code.contains(&declared))
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::expect;
    use crate::tree::Tree;

    fn one(path: &str, text: &str, lines: &[usize]) {
        let tree = Tree::of(&[(path, text), ("crates/a/src/b.rs", "")]);
        let places: Vec<(&str, usize)> = lines.iter().map(|line| (path, *line)).collect();
        expect(&check(&tree), &places);
    }

    #[test]
    fn places_are_held() {
        one("crates/a/src/b/c.rs", "", &[]);
        one("crates/a/src/b/tests.rs", "", &[]);
        one("crates/a/tests/it/mock/b.rs", "", &[]);
        one("crates/a/src/x/c.rs", "", &[0]); // nothing beside
        one("crates/a/src/b/c/d.rs", "", &[0, 0]); // too deep, nothing beside
        one("crates/a/tests/other.rs", "", &[0]);
    }

    #[test]
    fn a_mod_rs_fails() {
        one("crates/a/src/b/mod.rs", "", &[0]);
    }

    #[test]
    fn globs_fail_outside_of_tests() {
        one("crates/a/src/c.rs", "use super::*;\n", &[1]);
        one(
            "crates/a/src/c.rs",
            "#[cfg(test)]\nmod tests {\n use super::*;\n use proptest::prelude::*;\n use b::*;\n}\n",
            &[5],
        );
        one(
            "crates/a/src/c.rs",
            "// use a::*;\nlet x = a::b * c;\n",
            &[],
        );
    }

    #[test]
    fn a_bare_allow_fails() {
        one(
            "crates/a/src/c.rs",
            "#[allow(dead_code)]\nfn a() {}\n#![allow(x)]\n",
            &[1, 3],
        );
    }

    #[test]
    fn names_of_other_crates_are_not_passed_on() {
        one(
            "crates/a/src/c.rs",
            "mod own;\npub use own::A;\npub use crate::b::B;\npub use http::StatusCode;\npub use ::own::A;\n",
            &[4, 5],
        );
    }
}
