//! The files that may look inside a secret; tests, whose secrets are made up, are not counted.
//!
//! Invariants: a file that is not listed fails, and so does a listed one that no longer needs it.
//! Does not know: what is done with the secret there; a reader of this list looks.

use crate::rust_text::blank;
use crate::tidy::{Violation, has_word, is_test_file, numbered, test_start};
use crate::tree::Tree;

/// The files, each with the reason.
pub(crate) const ALLOWED: [(&str, &str); 9] = [
    (
        "crates/access/src/secret.rs",
        "digests a virtual key and judges the strength of an imported one",
    ),
    (
        "crates/app/src/cli/keys.rs",
        "shows a new virtual key, once",
    ),
    (
        "crates/app/src/cli/serve.rs",
        "shows the first virtual key of a development start, once",
    ),
    (
        "crates/app/src/upstream.rs",
        "gives the simulator the key that it asks for",
    ),
    (
        "crates/app/src/webhook.rs",
        "sends to an address that may be a secret, and signs with one",
    ),
    (
        "crates/config/src/secret_key.rs",
        "derives keys and makes fingerprints",
    ),
    (
        "crates/openai-client/src/key.rs",
        "makes the authorization header and scrubs the key from errors",
    ),
    (
        "crates/privacy/src/scrubber.rs",
        "makes the forms of a secret that are looked for in every line",
    ),
    (
        "crates/storage/src/postgres/address.rs",
        "reads the URL of a database server, which may hold a password",
    ),
];

/// Checks every Rust file.
pub(crate) fn check(tree: &Tree, allowed: &[(&str, &str)]) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut used = Vec::new();
    for file in tree.rust().filter(|file| !is_test_file(&file.path)) {
        let code = blank(&file.text);
        let product_lines = test_start(&code).unwrap_or(usize::MAX);
        let mut product = numbered(&code).take_while(|(line, _)| *line < product_lines);
        let Some((line, _)) = product.find(|(_, text)| has_word(text, WORD)) else {
            continue;
        };
        used.push(file.path.as_str());
        if !allowed.iter().any(|(path, _)| *path == file.path) {
            found.push(Violation::at(
                file,
                line,
                "looks inside a secret and is not listed in xtask/src/tidy/exposure.rs",
            ));
        }
    }
    let unused = allowed.iter().filter(|(path, _)| !used.contains(path));
    found.extend(unused.map(|(path, _)| {
        Violation::whole(
            path,
            "may look inside a secret and does not: take it out of the list",
        )
    }));
    found
}

const WORD: &str = "expose_secret";

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::expect;
    use crate::tree::Tree;

    #[test]
    fn the_list_is_held_in_both_directions() {
        let tree = Tree::of(&[
            ("a.rs", "// expose_secret\n\nkey.expose_secret()"),
            ("b.rs", "\"expose_secret\""),
        ]);
        expect(&check(&tree, &[("a.rs", "sends it")]), &[]);
        expect(&check(&tree, &[]), &[("a.rs", 3)]);
        expect(
            &check(&tree, &[("a.rs", "sends it"), ("b.rs", "no")]),
            &[("b.rs", 0)],
        );
    }

    #[test]
    fn tests_may_look() {
        let inline = "fn a() {}\n#[cfg(test)]\nmod tests { key.expose_secret() }";
        let tree = Tree::of(&[("a.rs", inline), ("a/tests.rs", "key.expose_secret()")]);
        expect(&check(&tree, &[]), &[]);
    }
}
