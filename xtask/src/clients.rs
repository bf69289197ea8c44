//! Prepares the real SDKs that the integration tier speaks with, each in its own folder under `target/clients`.
//!
//! Invariants: what is installed is asked for its version, and a version that is not the pinned one fails.
//! Does not know: what the client scripts do.

mod node;
mod python;

use std::path::{Path, PathBuf};

use crate::console::say;
use crate::tree::{root, target};

/// Where the prepared programs are.
pub(crate) struct Clients {
    /// The interpreter of the virtual environment with the present SDK.
    pub(crate) python: PathBuf,
    /// The interpreter of the one for llama-index, which needs an older SDK.
    pub(crate) llama: PathBuf,
    /// A Node of the pinned major.
    pub(crate) node: PathBuf,
    /// The folder that holds the `openai` package.
    pub(crate) node_modules: PathBuf,
}

/// Installs what is missing and prints the versions.
pub(crate) fn prepare() -> anyhow::Result<Clients> {
    let sources = root().join("crates/app/tests/clients");
    let prepared = target().join("clients");
    let python = python::prepare(&sources.join("python"), &prepared.join("python"))?;
    let llama = python::prepare(&sources.join("llama"), &prepared.join("llama"))?;
    let (node, node_modules) = node::prepare(&sources.join("node"), &prepared.join("node"))?;
    Ok(Clients {
        python,
        llama,
        node,
        node_modules,
    })
}

/// Fails unless a package has the pinned version, and prints it.
fn hold(what: &str, installed: &str, pinned: &str) -> anyhow::Result<()> {
    let installed = installed.trim();
    anyhow::ensure!(
        installed == pinned,
        "{what} is {installed} and {pinned} is pinned"
    );
    say(&format!("{what} {installed}"));
    Ok(())
}

/// Whether the folder was prepared from exactly these texts.
fn is_prepared(folder: &Path, texts: &str) -> bool {
    std::fs::read_to_string(folder.join(STAMP)).is_ok_and(|stamp| stamp == texts)
}

/// Remembers from which texts the folder was prepared.
fn stamp(folder: &Path, texts: &str) -> anyhow::Result<()> {
    Ok(std::fs::write(folder.join(STAMP), texts)?)
}

const STAMP: &str = "prepared-from.txt";

#[cfg(test)]
mod tests {
    use super::hold;

    #[test]
    fn another_version_fails() {
        assert!(hold("openai", "3.54.0\n", "3.54.0").is_ok());
        let error = hold("openai", "2.1.0", "3.54.0").unwrap_err();
        assert_eq!(error.to_string(), "openai is 2.1.0 and 3.54.0 is pinned");
    }
}
