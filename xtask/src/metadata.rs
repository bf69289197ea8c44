//! What `cargo metadata` says of the crates in this workspace.
//!
//! Invariants: only packages of the workspace; only edges between them.
//! Does not know: which edges are allowed.

use anyhow::Context;
use serde_json::Value;

use crate::step::read;
use crate::tree::cargo;

/// One crate of the workspace.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Package {
    /// Its name.
    pub(crate) name: String,
    /// Crates of ours that it uses when built or run.
    pub(crate) uses: Vec<String>,
    /// Crates of ours that only its tests use.
    pub(crate) tests_use: Vec<String>,
}

/// Asks cargo; does not resolve or download anything.
pub(crate) fn packages() -> anyhow::Result<Vec<Package>> {
    let text = read(cargo().args([
        "metadata",
        "--format-version",
        "1",
        "--no-deps",
        "--offline",
    ]))?;
    parse(&text)
}

/// Reads the answer of `cargo metadata --no-deps`.
pub(crate) fn parse(text: &str) -> anyhow::Result<Vec<Package>> {
    let answer: Value = serde_json::from_str(text).context("read the answer of cargo metadata")?;
    let packages = answer
        .get("packages")
        .and_then(Value::as_array)
        .context("`packages` in the answer of cargo metadata")?;
    let mut read: Vec<Package> = packages
        .iter()
        .map(package)
        .collect::<Option<_>>()
        .context("a package in the answer of cargo metadata")?;
    read.sort_by(|one, two| one.name.cmp(&two.name));
    Ok(read)
}

fn package(value: &Value) -> Option<Package> {
    let mut package = Package {
        name: value.get("name")?.as_str()?.to_owned(),
        uses: Vec::new(),
        tests_use: Vec::new(),
    };
    for dependency in value.get("dependencies")?.as_array()? {
        if dependency.get("path").is_none() {
            continue; // from a registry
        }
        let name = dependency.get("name")?.as_str()?.to_owned();
        let dev = dependency.get("kind")?.as_str() == Some("dev");
        if dev {
            package.tests_use.push(name)
        } else {
            package.uses.push(name)
        }
    }
    package.uses.sort();
    package.tests_use.sort();
    Some(package)
}

#[cfg(test)]
mod tests {
    use super::{Package, packages, parse};

    #[test]
    fn edges_of_ours_are_read_and_told_apart() {
        let text = r#"{"packages":[{"name":"a","dependencies":[
            {"name":"b","kind":null,"path":"/x/b"},
            {"name":"c","kind":"dev","path":"/x/c"},
            {"name":"serde","kind":null}]}]}"#;
        let expected = Package {
            name: "a".to_owned(),
            uses: vec!["b".to_owned()],
            tests_use: vec!["c".to_owned()],
        };
        assert_eq!(parse(text).unwrap(), [expected]);
        assert!(parse("{}").is_err());
    }

    #[test]
    fn this_workspace_is_read() {
        assert!(
            packages()
                .unwrap()
                .iter()
                .any(|package| package.name == "xtask" && package.uses.is_empty())
        );
    }
}
