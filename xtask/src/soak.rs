//! `cargo xtask soak money`: the built server under load, killed and frozen at random, and its books against the simulator's.
//!
//! Invariants: options are rig's own and are passed on as they are; the report is written whether the laws held or not.
//! Does not know: what is compared; `rig` does that.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use crate::console::say;
use crate::step::{cannot_start, could_not_run, run as run_command};
use crate::tree::{cargo, target};

/// The packages with the programs that take part.
const PACKAGES: [&str; 3] = ["app", "openai-sim", "rig"];
const OPTIONS: [&str; 6] = [
    "--kills",
    "--seconds",
    "--callers",
    "--seed",
    "--database",
    "--budgets",
];

/// Runs it.
pub(crate) fn run(words: &[&str]) -> anyhow::Result<()> {
    check(words)?;
    for package in PACKAGES {
        let words = ["build", "--locked", "--release", "--package", package];
        run_command(cargo().args(words))?;
    }
    let folder = target().join("soak");
    std::fs::create_dir_all(&folder)?;
    let programs = target().join("release");
    let mut command = Command::new(programs.join("rig"));
    command
        .arg("soak")
        .arg("--keyward")
        .arg(programs.join("keyward"))
        .arg("--simulator")
        .arg(programs.join("openai-sim"))
        .arg("--remains")
        .arg(folder.join("remains"))
        .args(words)
        .stdout(Stdio::piped());
    let child = command.spawn();
    let child = child.map_err(|error| cannot_start(&command, &error))?;
    let output = child.wait_with_output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    say(&text);
    write(&folder.join("money.md"), &text)?;
    if !output.status.success() {
        bail!(
            "the soak failed; logs and database are in {}",
            folder.join("remains").display()
        );
    }
    Ok(())
}

/// Every option has a value, and is one of rig's.
fn check(words: &[&str]) -> anyhow::Result<()> {
    for pair in words.chunks(2) {
        let known = matches!(pair, [name, _] if OPTIONS.contains(name));
        if !known {
            return Err(could_not_run(format!(
                "cannot read `{}`; options with a value each: {}",
                pair.join(" "),
                OPTIONS.join(" ")
            )));
        }
    }
    Ok(())
}

fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    let report = format!("# Soak of money\n\n{text}");
    std::fs::write(file, report).with_context(|| format!("write {}", file.display()))?;
    say(&format!("written: {}", file.display()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn only_known_options_with_a_value_are_passed_on() {
        assert!(check(&[]).is_ok());
        assert!(check(&["--kills", "5", "--database", "both"]).is_ok());
        for words in [&["--kills"][..], &["--keyward", "x"], &["5", "--kills"]] {
            assert!(check(words).is_err(), "{words:?}");
        }
    }
}
