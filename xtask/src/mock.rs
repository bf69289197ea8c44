//! `cargo xtask test-mock`: every test that needs nothing but loopback and temp files.
//!
//! Invariants: the whole workspace, under a minute without building.
//! Does not know: what an upstream really answers; the live tier asks it.

use std::time::Duration;

use anyhow::ensure;

use crate::marks::Marks;
use crate::step::Log;
use crate::tier::{self, Counts};
use crate::tree::cargo;

/// Longest time that the tier may take, as nextest measures it.
const TIER_TIME_MAX: Duration = Duration::from_secs(60);

/// Variables that would let a test reach past loopback or read a real key.
pub(crate) const REMOVED_VARIABLES: [&str; 6] = [
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "SECRET_KEY",
    "DATABASE_URL",
    "ENVIRONMENT",
    "DEBUG",
];

/// Runs the tier by itself.
pub(crate) fn run() -> anyhow::Result<()> {
    let mut log = Log::default();
    let outcome = log.step("mock tests", tests);
    log.print();
    outcome.map(|_| ())
}

/// Runs the tests.
pub(crate) fn tests() -> anyhow::Result<Counts> {
    let mut command = cargo();
    command.args([
        "nextest",
        "run",
        "--workspace",
        "--locked",
        "--profile",
        "mock",
        "--no-tests",
        "fail",
    ]);
    for variable in REMOVED_VARIABLES {
        command.env_remove(variable);
    }
    let counts = tier::run(&mut command, &Marks::none())?;
    ensure!(
        counts.ran_for <= TIER_TIME_MAX,
        "the mock tier took {:.1} s; it may take {} s",
        counts.ran_for.as_secs_f64(),
        TIER_TIME_MAX.as_secs()
    );
    Ok(counts)
}
