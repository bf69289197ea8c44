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

/// What the simulator says of a lie that it can't read.
const UNREAD: &str = "holds no lie";
/// How much of a panic is shown.
const SAID_LINES_MAX: usize = 4;
const SAID_LETTERS_MAX: usize = 200;

/// A lie as the simulator lists it.
struct Lie {
    name: String,
    text: String,
    stands_for: String,
}

/// A test that failed, and what it said first: whoever reads the report sees whether it failed for the lie.
struct Caught {
    test: String,
    says: String,
}

/// What became of a lie.
struct Row {
    lie: Lie,
    caught_by: Option<Caught>,
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
            caught_by.as_ref().map_or("SURVIVED", |caught| &caught.test)
        ));
        rows.push(Row {
            lie,
            caught_by,
            took: start.elapsed(),
        });
    }
    // What failed by itself meanwhile has caught no lie.
    for tests in [Some(&first), second.as_ref()].into_iter().flatten() {
        tests.expect_honest()?;
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
        tests.expect_honest()?;
        Ok(tests)
    }

    fn expect_honest(&self) -> anyhow::Result<()> {
        match self.run(None)? {
            Some(Caught { test, .. }) => {
                bail!("without a lie `{test}` fails too; type: cargo xtask test-mock --repeat 20")
            }
            None => Ok(()),
        }
    }

    /// The first test that fails, if one does.
    fn run(&self, lie: Option<&str>) -> anyhow::Result<Option<Caught>> {
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
            "immediate",
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
        let caught = caught(&text);
        ensure!(
            output.status.success() || caught.is_some(),
            "the tests could not run: {}",
            text.lines().last().unwrap_or_default()
        );
        // A simulator that can't read its lie tells none, and fails every test.
        let unread = caught
            .as_ref()
            .filter(|caught| caught.says.contains(UNREAD));
        if let Some(Caught { says, .. }) = unread {
            bail!("the simulator could not read the lie: {says}");
        }
        Ok(caught)
    }
}

/// The first test that failed in what nextest wrote, and the first words of its panic.
fn caught(text: &str) -> Option<Caught> {
    let test = text.lines().find_map(failed_test)?;
    let mut lines = text.lines().map(str::trim);
    let _panic = lines.find(|line| line.contains(" panicked at "));
    let is_end = |line: &str| line.starts_with("note: ") || line.starts_with("stack backtrace:");
    let said = lines.take_while(|line| !is_end(line));
    let said: Vec<&str> = said.take(SAID_LINES_MAX).collect();
    let says = said.join(" ").chars().take(SAID_LETTERS_MAX).collect();
    Some(Caught { test, says })
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
        "# Drill\n\n| lie | stands for | caught by | says | seconds |\n|---|---|---|---|---|\n"
            .to_owned();
    for row in rows {
        let (caught, says) = match &row.caught_by {
            Some(Caught { test, says }) => (format!("`{test}`"), says.replace('|', "\\|")),
            None => ("**SURVIVED**".to_owned(), String::new()),
        };
        // Writing to a String can't fail.
        let _ = writeln!(
            text,
            "| {} | {} | {caught} | {says} | {:.1} |",
            row.lie.name,
            row.lie.stands_for,
            row.took.as_secs_f64()
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Row, caught, lie, report};
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
        assert!(report(&[row]).contains("| renamed | a new name | **SURVIVED** |  | 1.5 |"));
    }

    #[test]
    fn why_a_test_failed_stands_beside_it() {
        let text = "        FAIL [   0.1s] (1/9) contracts::it mock::chat::one\n  stderr ───\n\n    thread 'mock::chat::one' (7) panicked at x.rs:1:2:\n    \
                    assertion failed: |it|\n      left: 1\n    note: run with more\n    and more\n";
        let seen = caught(text).unwrap();
        assert_eq!(
            (seen.test.as_str(), seen.says.as_str()),
            (
                "contracts::it mock::chat::one",
                "assertion failed: |it| left: 1"
            )
        );
        assert!(caught("        PASS [   0.1s] contracts::it mock::chat::one").is_none());
    }
}
