//! Runs outside commands as named steps and remembers what each took.
//!
//! Invariants: a step that did not run is never shown as passed; a missing program is told with the line to type.
//! Does not know: what the steps are.

use std::fmt;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::console::{complain, say};
use crate::tier::Counts;

/// The command could not run at all: exit code 2. The text ends with what to type.
#[derive(Debug)]
pub(crate) struct CouldNotRun(String);

/// An error that `main` turns into exit code 2.
pub(crate) fn could_not_run(text: impl Into<String>) -> anyhow::Error {
    anyhow::Error::new(CouldNotRun(text.into()))
}

impl fmt::Display for CouldNotRun {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for CouldNotRun {}

/// What ran, in order, and how long each took.
#[derive(Default)]
pub(crate) struct Log {
    rows: Vec<Row>,
}

struct Row {
    name: &'static str,
    took: Option<Duration>,
    result: String,
}

impl Log {
    /// Runs one step and notes its time.
    pub(crate) fn step(
        &mut self,
        name: &'static str,
        work: impl FnOnce() -> anyhow::Result<Counts>,
    ) -> anyhow::Result<Counts> {
        say(&format!("\n== {name}"));
        let start = now();
        let outcome = work();
        let result = match &outcome {
            Ok(counts) => counts.to_string(),
            Err(_) => "FAILED".to_owned(),
        };
        self.rows.push(Row {
            name,
            took: Some(now() - start),
            result,
        });
        outcome.with_context(|| format!("step {name}"))
    }

    /// Notes those of `names` that no step has had.
    pub(crate) fn not_reached(&mut self, names: &[&'static str]) {
        for name in names {
            if !self.rows.iter().any(|row| row.name == *name) {
                self.rows.push(Row {
                    name,
                    took: None,
                    result: "NOT RUN".to_owned(),
                });
            }
        }
    }

    /// Prints the table of steps.
    pub(crate) fn print(&self) {
        say("\nstep           time      result");
        for row in &self.rows {
            let took = row.took.map_or_else(
                || "-".to_owned(),
                |took| format!("{:.1} s", took.as_secs_f64()),
            );
            say(&format!("{:<14} {took:>8}  {}", row.name, row.result));
        }
    }
}

/// The monotonic clock of this program.
#[expect(
    clippy::disallowed_methods,
    reason = "xtask times real programs; this is its one clock"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Waits a moment for an outside process.
#[expect(
    clippy::disallowed_methods,
    reason = "xtask has no runtime and polls real processes; this is its one wait"
)]
pub(crate) fn wait(pause: Duration) {
    std::thread::sleep(pause);
}

/// Reads a variable of the environment; empty counts as absent.
#[expect(
    clippy::disallowed_methods,
    reason = "xtask reads the environment here and passes it on"
)]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Runs a command with this terminal; anything but success is an error.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let shown = show(command);
    complain(&format!("$ {shown}"));
    let status = command
        .status()
        .map_err(|error| cannot_start(command, &error))?;
    if !status.success() {
        bail!("`{shown}` ended with {status}");
    }
    Ok(())
}

/// Runs a command and returns what it wrote to standard output; anything but success is an error that shows its complaint.
pub(crate) fn read(command: &mut Command) -> anyhow::Result<String> {
    let shown = show(command);
    let output = command
        .output()
        .map_err(|error| cannot_start(command, &error))?;
    if !output.status.success() {
        bail!(
            "`{shown}` ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    String::from_utf8(output.stdout)
        .with_context(|| format!("`{shown}` wrote something that is not UTF-8"))
}

/// The error for a program that would not start: which, and what to type.
pub(crate) fn cannot_start(command: &Command, error: &std::io::Error) -> anyhow::Error {
    let program = command.get_program().to_string_lossy();
    could_not_run(format!(
        "cannot start `{program}`: {error}; {}",
        remedy(&program)
    ))
}

/// What to type to get a program.
fn remedy(program: &str) -> String {
    match program {
        "python3" => "type: apt-get install -y python3 python3-venv".to_owned(),
        "npm" => "type: apt-get install -y nodejs npm".to_owned(),
        "nginx" => "type: apt-get install -y nginx-light".to_owned(),
        "taskset" => "type: apt-get install -y util-linux".to_owned(),
        "git" => "type: apt-get install -y git".to_owned(),
        other => format!("see that `{other}` exists and may be run"),
    }
}

/// The command line without its environment, which may hold a key.
fn show(command: &Command) -> String {
    let mut shown = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        shown.push(' ');
        shown.push_str(&argument.to_string_lossy());
    }
    shown
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::{CouldNotRun, read, run};

    #[test]
    fn a_missing_program_is_told_with_a_remedy_and_is_no_failure_of_the_tree() {
        let error = read(&mut Command::new("no-such-program-here")).unwrap_err();
        assert!(error.downcast_ref::<CouldNotRun>().is_some());
        assert!(error.to_string().contains("no-such-program-here"));
    }

    #[test]
    fn a_command_that_ends_badly_is_an_error() {
        let error = run(Command::new("cargo").arg("no-such-subcommand-here")).unwrap_err();
        assert!(error.downcast_ref::<CouldNotRun>().is_none());
    }

    #[test]
    fn a_command_line_is_shown_without_its_environment() {
        let mut command = Command::new("echo");
        command.arg("a").env("TOKEN", "hidden");
        assert_eq!(super::show(&command), "echo a");
    }
}
