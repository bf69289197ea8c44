//! `cargo xtask test`: everything that needs no key, in one run.
//!
//! Invariants: the first failure stops the rest, and the rest is listed as not run. The last line counts the tests.
//! Does not know: the live tier, which is a command of its own.

use crate::console::say;
use crate::marks::Marks;
use crate::step::{Log, run as run_command};
use crate::tier::{self, Counts};
use crate::tree::cargo;
use crate::{integration, mock, tidy};

/// Runs all steps.
pub(crate) fn run() -> anyhow::Result<()> {
    let mut log = Log::default();
    let outcome = steps(&mut log);
    log.not_reached(&NAMES);
    log.print();
    let counts = outcome?;
    say("\nthe live tier is a command of its own: cargo xtask test-live");
    say(&format!(
        "{} passed, {} failed",
        counts.passed, counts.failed
    ));
    Ok(())
}

/// All steps in their order.
const NAMES: [&str; 7] = [
    "tidy",
    "fmt",
    "clippy",
    "doc tests",
    "mock tests",
    "clients",
    "integration",
];

fn steps(log: &mut Log) -> anyhow::Result<Counts> {
    log.step("tidy", || tidy::run().map(|()| Counts::default()))?;
    log.step("fmt", || plain(&["fmt", "--all", "--check"]))?;
    log.step("clippy", || {
        plain(&[
            "clippy",
            "--workspace",
            "--all-targets",
            "--locked",
            "--",
            "-D",
            "warnings",
        ])
    })?;
    let documentation = log.step("doc tests", || {
        tier::run(
            cargo().args(["test", "--workspace", "--doc", "--locked"]),
            &Marks::none(),
        )
    })?;
    let mock = log.step("mock tests", mock::tests)?;
    let integration = integration::steps(log)?;
    Ok(documentation.and(mock).and(integration))
}

fn plain(arguments: &[&str]) -> anyhow::Result<Counts> {
    run_command(cargo().args(arguments))?;
    Ok(Counts::default())
}
