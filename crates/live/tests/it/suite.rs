//! The binary `live-suite` as a test sees it: words in, exit code, text and report out.
//!
//! Invariants: its environment is what the test says, and nothing else.
//! Does not know: what is tested.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A run that has ended.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    /// Both outputs.
    pub(crate) text: String,
    pub(crate) folder: TempDir,
}

impl Ran {
    /// What it wrote for programs.
    pub(crate) fn report(&self) -> Value {
        let path = self.folder.path().join("report.json");
        let text = std::fs::read_to_string(path)
            .unwrap_or_else(|error| panic!("no report: {error}\n{}", self.text));
        serde_json::from_str(&text).unwrap()
    }

    /// One line a check: outcome, id, door; then one a drift.
    pub(crate) fn lines(&self) -> Vec<String> {
        let report = self.report();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let checks = report["checks"].as_array().unwrap().iter().map(|check| {
            [&check["outcome"], &check["id"], &check["door"]]
                .map(text)
                .join(" ")
        });
        let drifts = report["drifts"].as_array().unwrap().iter();
        let drifts = drifts.map(|drift| [&drift["state"], &drift["drift"]].map(text).join(" "));
        checks.chain(drifts).collect()
    }

    /// The ids of the checks that ended with this word.
    pub(crate) fn ids(&self, word: &str) -> Vec<String> {
        let lines = self.lines();
        let fitting = lines.iter().filter_map(|line| line.strip_prefix(word));
        fitting.map(|rest| rest.trim().to_owned()).collect()
    }
}

/// A folder of this crate or of the tree above it.
pub(crate) fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Runs the suite with these words, with this key for the upstream, on the contracts of the tree.
pub(crate) fn run(words: &[&str], key: Option<&str>) -> Ran {
    run_on(&here("../../contracts"), words, key)
}

/// The same on contracts in another folder.
pub(crate) fn run_on(contracts: &Path, words: &[&str], key: Option<&str>) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_live-suite"));
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .args(words)
        .arg("--contracts")
        .arg(contracts)
        .arg("--report-dir")
        .arg(folder.path())
        .stdin(Stdio::null());
    if let Some(key) = key {
        command.env("OPENAI_API_KEY", key);
    }
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    Ran {
        code: output.status.code(),
        text: String::from_utf8_lossy(&text).into_owned(),
        folder,
    }
}
