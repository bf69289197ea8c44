//! `cargo xtask test-integration`: the built binary and the real SDKs, all on loopback.
//!
//! Invariants: a missing SDK stops the command; nothing is skipped. A marked secret in any output fails the tier.
//! Does not know: what the tests ask of the binary.

use crate::clients::{self, Clients};
use crate::live::build;
use crate::marks::{self, Marks};
use crate::mock::REMOVED_VARIABLES;
use crate::step::Log;
use crate::tier::{self, Counts};
use crate::tree::{cargo, target};

/// Runs the tier by itself.
pub(crate) fn run() -> anyhow::Result<()> {
    let mut log = Log::default();
    let outcome = steps(&mut log);
    log.print();
    outcome.map(|_| ())
}

/// Prepares the SDKs and runs the tests.
pub(crate) fn steps(log: &mut Log) -> anyhow::Result<Counts> {
    let mut prepared = None;
    log.step("clients", || {
        prepared = Some(clients::prepare()?);
        Ok(Counts::default())
    })?;
    let Some(clients) = prepared else {
        anyhow::bail!("the clients were not prepared")
    };
    log.step("integration", || tests(&clients))
}

fn tests(clients: &Clients) -> anyhow::Result<Counts> {
    let mark = marks::fresh()?;
    let marks = Marks::of(&[&mark]);
    // Tests of another crate than `app` are not told where its binary is.
    build("app", "keyward", false)?;
    let mut command = tier_command("integration");
    command.env(
        "KEYWARD_TEST_BINARY",
        target().join("debug").join("keyward"),
    );
    command.env("KEYWARD_TEST_MARK", &mark);
    command.env("KEYWARD_TEST_PYTHON", &clients.python);
    command.env("KEYWARD_TEST_LLAMA_PYTHON", &clients.llama);
    command.env("KEYWARD_TEST_NODE", &clients.node);
    command.env("KEYWARD_TEST_NODE_MODULES", &clients.node_modules);
    for variable in REMOVED_VARIABLES {
        command.env_remove(variable);
    }
    let counts = tier::run(&mut command, &marks)?;
    marks.search(&captured("integration"))?;
    Ok(counts)
}

/// The nextest run of a tier that carries `#[ignore]`. Nextest builds the binary, whose path cargo gives to the tests.
fn tier_command(profile: &str) -> std::process::Command {
    let mut command = cargo();
    command.args([
        "nextest",
        "run",
        "--workspace",
        "--locked",
        "--run-ignored",
        "all",
        "--no-tests",
        "fail",
    ]);
    command.args(["--profile", profile]);
    command
}

/// Where nextest keeps what the tests of a tier wrote, also of those that passed.
fn captured(profile: &str) -> std::path::PathBuf {
    target().join("nextest").join(profile).join("junit.xml")
}
