//! `cargo xtask drill`: plants known lies in the simulator, one at a time, and looks which test catches each.
//!
//! Invariants: the honest run must be green first; a lie that no test catches fails the drill; nothing is built between two lies.
//! Does not know: the lies; `openai-sim --list-lies` tells them.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde_json::Value;

use crate::console::say;
use crate::live::build;
use crate::mock::REMOVED_VARIABLES;
use crate::step::{could_not_run, now, read};
use crate::tier::failed_test;
use crate::tree::{cargo, target};

/// Whose tests look first, and who looks at what they let pass.
const FIRST: &[&str] = &["contracts", "openai-client"];
const SECOND: &[&str] = &["gateway"];
/// The variable that makes every simulator of a process lie.
const LIE: &str = "OPENAI_SIM_LIE";
/// Fewest lies that make a drill.
const LIES_MIN: usize = 25;

/// A lie as the simulator lists it.
struct Lie {
    name: String,
    text: String,
    stands_for: String,
}

/// What became of a lie.
struct Row {
    lie: Lie,
    caught_by: Option<String>,
    took: Duration,
}

/// Runs the drill, or one lie of it.
pub(crate) fn run(options: &[&str]) -> anyhow::Result<()> {
    let only = match options {
        [] => None,
        ["--only", name] => Some(*name),
        _ => {
            return Err(could_not_run(format!(
                "cannot read `{}`; type: cargo xtask help",
                options.join(" ")
            )));
        }
    };
    build("openai-sim", "openai-sim", false)?;
    let mut lies = lies()?;
    ensure!(
        lies.len() >= LIES_MIN,
        "the simulator knows {} lies; a drill has at least {LIES_MIN}",
        lies.len()
    );
    if let Some(only) = only {
        lies.retain(|lie| lie.name == only);
        ensure!(
            !lies.is_empty(),
            "there is no lie `{only}`; type: cargo run -p openai-sim -- --list-lies"
        );
    }
    let first = Tests::prepare("first", FIRST)?;
    say(&format!("honest: all pass; {} lies follow", lies.len()));
    let mut second = None;
    let mut rows = Vec::new();
    for lie in lies {
        let start = now();
        let mut caught_by = first.run(Some(&lie.text))?;
        if caught_by.is_none() {
            let second = match &second {
                Some(tests) => tests,
                None => second.insert(Tests::prepare("second", SECOND)?),
            };
            caught_by = second.run(Some(&lie.text))?;
        }
        say(&format!(
            "{:<34} {}",
            lie.name,
            caught_by.as_deref().unwrap_or("SURVIVED")
        ));
        rows.push(Row {
            lie,
            caught_by,
            took: start.elapsed(),
        });
    }
    finish(&rows)
}

fn lies() -> anyhow::Result<Vec<Lie>> {
    let text = read(
        Command::new(target().join("debug").join("openai-sim"))
            .arg("--list-lies")
            .env_remove(LIE),
    )?;
    text.lines()
        .map(|line| lie(line).with_context(|| format!("a lie in `{line}`")))
        .collect()
}

fn lie(line: &str) -> Option<Lie> {
    let value: Value = serde_json::from_str(line).ok()?;
    Some(Lie {
        name: value.get("name")?.as_str()?.to_owned(),
        text: value.get("lie")?.to_string(),
        stands_for: value.get("stands_for")?.as_str()?.to_owned(),
    })
}

/// The test binaries, built once, as nextest finds them again.
struct Tests {
    binaries: PathBuf,
    workspace: PathBuf,
}

impl Tests {
    /// Builds the tests of some packages, and sees that they pass without a lie.
    fn prepare(name: &str, of: &[&str]) -> anyhow::Result<Self> {
        let folder = target().join("drill");
        std::fs::create_dir_all(&folder)?;
        let tests = Self {
            binaries: folder.join(format!("{name}.binaries.json")),
            workspace: folder.join("workspace.json"),
        };
        let mut list = cargo();
        list.args([
            "nextest",
            "list",
            "--locked",
            "--message-format",
            "json",
            "--list-type",
            "binaries-only",
        ]);
        list.args(of.iter().flat_map(|name| ["-p", name]));
        std::fs::write(&tests.binaries, read(&mut list)?)?;
        let workspace =
            read(cargo().args(["metadata", "--format-version", "1", "--locked", "--offline"]))?;
        std::fs::write(&tests.workspace, workspace)?;
        if let Some(name) = tests.run(None)? {
            bail!("without a lie `{name}` fails already; type: cargo xtask test-mock");
        }
        Ok(tests)
    }

    /// The first test that fails, if one does.
    fn run(&self, lie: Option<&str>) -> anyhow::Result<Option<String>> {
        let mut command = cargo();
        command.args([
            "nextest",
            "run",
            "--profile",
            "mock",
            "--no-tests",
            "fail",
            "--fail-fast",
            "--failure-output",
            "never",
        ]);
        command
            .arg("--binaries-metadata")
            .arg(&self.binaries)
            .arg("--cargo-metadata")
            .arg(&self.workspace);
        // The simulator answers in integration tests only.
        command.args(["-E", "kind(test)"]);
        for variable in REMOVED_VARIABLES {
            command.env_remove(variable);
        }
        if let Some(lie) = lie {
            command.env(LIE, lie);
        }
        command.env("CARGO_TERM_COLOR", "never");
        let output = command.output().context("start nextest")?;
        let text = String::from_utf8_lossy(&output.stderr);
        let failed = text.lines().find_map(failed_test);
        ensure!(
            output.status.success() || failed.is_some(),
            "the tests could not run: {}",
            text.lines().last().unwrap_or_default()
        );
        Ok(failed)
    }
}

/// Writes the report, and fails if a lie survived.
fn finish(rows: &[Row]) -> anyhow::Result<()> {
    let caught = rows.iter().filter(|row| row.caught_by.is_some()).count();
    let path = target().join("drill").join("report.md");
    std::fs::write(&path, report(rows)).with_context(|| format!("write {}", path.display()))?;
    say(&format!(
        "\n{caught} of {} lies caught; the report: {}",
        rows.len(),
        path.display()
    ));
    let survivors: Vec<&str> = rows
        .iter()
        .filter(|row| row.caught_by.is_none())
        .map(|row| row.lie.name.as_str())
        .collect();
    ensure!(
        survivors.is_empty(),
        "no test catches: {}",
        survivors.join(", ")
    );
    Ok(())
}

fn report(rows: &[Row]) -> String {
    let mut text =
        "# Drill\n\n| lie | stands for | caught by | seconds |\n|---|---|---|---|\n".to_owned();
    for row in rows {
        let caught = row
            .caught_by
            .as_ref()
            .map_or_else(|| "**SURVIVED**".to_owned(), |name| format!("`{name}`"));
        // Writing to a String can't fail.
        let _ = writeln!(
            text,
            "| {} | {} | {caught} | {:.1} |",
            row.lie.name,
            row.lie.stands_for,
            row.took.as_secs_f64()
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Row, lie, report};
    use std::time::Duration;

    #[test]
    fn lies_are_read_and_reported() {
        let read = lie(
            r#"{"name": "renamed", "lie": {"rename": {"a": "b"}}, "stands_for": "a new name"}"#,
        )
        .unwrap();
        assert_eq!(
            (read.name.as_str(), read.text.as_str()),
            ("renamed", r#"{"rename":{"a":"b"}}"#)
        );
        assert!(lie("{}").is_none());
        let row = Row {
            lie: read,
            caught_by: None,
            took: Duration::from_millis(1500),
        };
        assert!(report(&[row]).contains("| renamed | a new name | **SURVIVED** | 1.5 |"));
    }
}
