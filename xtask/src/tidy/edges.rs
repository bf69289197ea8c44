//! Which crate may use which: the layers of the design, as a table.
//!
//! Invariants: an edge that is not here fails, and so does one here that no crate has; a crate that is not here fails.
//! Does not know: dependencies from the registry; `deny.toml` holds those.
//! Source: ARCHITECTURE.md, the map.

use crate::metadata::Package;
use crate::tidy::Violation;

/// A crate, what it uses, and what only its tests use beyond that.
struct Row {
    name: &'static str,
    uses: &'static [&'static str],
    tests_use: &'static [&'static str],
}

const fn row(
    name: &'static str,
    uses: &'static [&'static str],
    tests_use: &'static [&'static str],
) -> Row {
    Row {
        name,
        uses,
        tests_use,
    }
}

/// The allowed edges. A new edge or crate is its own commit that says why.
const EDGES: [Row; 14] = [
    row("access", &["storage"], &[]),
    row(
        "app",
        &[
            "access",
            "config",
            "cost-accounting",
            "gateway",
            "openai-client",
            "openai-sim",
            "privacy",
            "resilience",
            "storage",
        ],
        // Its tests run the soak of money, and a PostgreSQL server for it.
        &["rig"],
    ),
    row("config", &[], &[]),
    row("contracts", &[], &["openai-sim"]),
    row("cost-accounting", &["storage"], &[]),
    row(
        "gateway",
        &[
            "access",
            "config",
            "cost-accounting",
            "openai-client",
            "privacy",
            "resilience",
        ],
        &["openai-sim", "storage"],
    ),
    // Holds real answers against the contracts, and plays cassettes. It drives the built keyward, so it knows no crate inside.
    row("live", &["contracts", "openai-sim"], &[]),
    // The client's doc test shows keyward's headers, which the simulator answers when asked.
    // Its types read whatever the contracts allow.
    row("openai-client", &[], &["contracts", "openai-sim"]),
    row("openai-sim", &[], &[]),
    row("privacy", &[], &[]),
    row("resilience", &[], &[]),
    row("rig", &[], &[]),
    // A database server that a test may stop, freeze and cut off.
    row("storage", &[], &["rig"]),
    row("xtask", &[], &[]),
];

/// Compares the table with what cargo says.
pub(crate) fn check(packages: &[Package]) -> Vec<Violation> {
    compare(&EDGES, packages)
}

fn compare(rows: &[Row], packages: &[Package]) -> Vec<Violation> {
    let mut found = Vec::new();
    for package in packages {
        let Some(row) = rows.iter().find(|row| row.name == package.name) else {
            found.push(violation(format!(
                "crate `{}` is not in the table of edges",
                package.name
            )));
            continue;
        };
        found.extend(differences(row.name, "uses", row.uses, &package.uses));
        found.extend(differences(
            row.name,
            "has tests that use",
            row.tests_use,
            &package.tests_use,
        ));
    }
    let gone = rows
        .iter()
        .filter(|row| !packages.iter().any(|package| package.name == row.name));
    found.extend(gone.map(|row| {
        violation(format!(
            "crate `{}` is in the table of edges and nowhere else",
            row.name
        ))
    }));
    found
}

fn differences(name: &str, verb: &str, allowed: &[&str], real: &[String]) -> Vec<Violation> {
    let new = real.iter().filter(|edge| !allowed.contains(&edge.as_str()));
    let new = new.map(|edge| {
        violation(format!(
            "`{name}` {verb} `{edge}`, which the table of edges does not allow"
        ))
    });
    let gone = allowed
        .iter()
        .filter(|edge| !real.iter().any(|real| real == *edge));
    let gone = gone.map(|edge| {
        violation(format!(
            "`{name}` no longer {verb} `{edge}`: take it out of the table of edges"
        ))
    });
    new.chain(gone).collect()
}

fn violation(message: String) -> Violation {
    Violation::whole("xtask/src/tidy/edges.rs", message)
}

#[cfg(test)]
mod tests {
    use super::{compare, row};
    use crate::metadata::Package;

    fn package(name: &str, uses: &[&str], tests_use: &[&str]) -> Package {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Package {
            name: name.to_owned(),
            uses: owned(uses),
            tests_use: owned(tests_use),
        }
    }

    fn check(packages: &[Package], expected: &[&str]) {
        let rows = [
            row("gateway", &["privacy"], &["sim"]),
            row("privacy", &[], &[]),
        ];
        let found = compare(&rows, packages);
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (violation, part) in found.iter().zip(expected) {
            assert!(
                violation.message.contains(part),
                "{violation:?} has no {part}"
            );
        }
    }

    #[test]
    fn the_table_as_it_is_passes() {
        check(
            &[
                package("gateway", &["privacy"], &["sim"]),
                package("privacy", &[], &[]),
            ],
            &[],
        );
    }

    #[test]
    fn a_new_edge_fails_and_so_does_one_that_moved_out_of_the_tests() {
        check(
            &[
                package("gateway", &["privacy", "sim"], &[]),
                package("privacy", &["gateway"], &[]),
            ],
            &[
                "`gateway` uses `sim`",
                "no longer has tests that use `sim`",
                "`privacy` uses `gateway`",
            ],
        );
    }

    #[test]
    fn crates_and_table_have_the_same_names() {
        check(
            &[
                package("gateway", &["privacy"], &["sim"]),
                package("stray", &[], &[]),
            ],
            &["`stray`", "`privacy` is in the table"],
        );
    }
}
