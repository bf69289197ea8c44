//! The files of this repository as git sees them: tracked, and new ones that are not ignored.
//!
//! Invariants: paths are relative to the top and use `/`; a file that is not UTF-8 is left out of the texts.
//! Does not know: what is checked in them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::step::read;

/// One text file.
pub(crate) struct SourceFile {
    /// Relative to the top, with `/`.
    pub(crate) path: String,
    /// The whole text.
    pub(crate) text: String,
}

/// All text files.
pub(crate) struct Tree {
    /// In the order of their paths.
    pub(crate) files: Vec<SourceFile>,
}

impl Tree {
    /// Reads the tree under `root`.
    pub(crate) fn load(root: &Path) -> anyhow::Result<Self> {
        let mut git = Command::new("git");
        git.args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(root);
        let list = read(&mut git)?;
        let mut files = Vec::new();
        for path in list.split('\0').filter(|path| !path.is_empty()) {
            match std::fs::read(root.join(path)) {
                Ok(bytes) => files.extend(String::from_utf8(bytes).ok().map(|text| SourceFile {
                    path: path.to_owned(),
                    text,
                })),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {} // deleted and not yet committed
                Err(error) => return Err(error).with_context(|| format!("read {path}")),
            }
        }
        files.sort_by(|one, two| one.path.cmp(&two.path));
        files.dedup_by(|one, two| one.path == two.path);
        if files.is_empty() {
            bail!("git lists no file under {}", root.display());
        }
        Ok(Self { files })
    }

    /// A tree of made-up files.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let file = |(path, text): &(&str, &str)| SourceFile {
            path: (*path).to_owned(),
            text: (*text).to_owned(),
        };
        Self {
            files: files.iter().map(file).collect(),
        }
    }

    /// The Rust files.
    pub(crate) fn rust(&self) -> impl Iterator<Item = &SourceFile> {
        self.files.iter().filter(|file| file.path.ends_with(".rs"))
    }

    /// The text of one file.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files
            .iter()
            .find(|file| file.path == path)
            .map(|file| file.text.as_str())
    }
}

/// The top of the repository: the folder above this crate.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// `cargo`, at the top of the repository.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(root());
    command
}

/// Where cargo builds to.
pub(crate) fn target() -> PathBuf {
    match crate::step::variable("CARGO_TARGET_DIR") {
        Some(folder) => root().join(folder),
        None => root().join("target"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Tree, root};

    #[test]
    fn this_file_is_in_the_tree_and_built_things_are_not() {
        let tree = Tree::load(&root()).unwrap();
        assert!(tree.text("xtask/src/tree.rs").is_some());
        assert!(
            !tree
                .files
                .iter()
                .any(|file| file.path.starts_with("target/"))
        );
    }
}
