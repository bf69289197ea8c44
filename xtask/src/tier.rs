//! Runs one tier of tests under nextest or rustdoc, passes its output on and counts what ran.
//!
//! Invariants: a run without a single test is a failure; every line that passes is searched for marked secrets.
//! Does not know: which tests a tier has.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{BufRead, BufReader, IsTerminal, Read};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::console::complain;
use crate::marks::Marks;
use crate::step::cannot_start;

/// How many tests ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Tests that passed.
    pub(crate) passed: u64,
    /// Tests that failed, timed out or could not start.
    pub(crate) failed: u64,
    /// Tests that were listed and not run.
    pub(crate) skipped: u64,
    /// Time that nextest itself reports, without building.
    pub(crate) ran_for: Duration,
}

impl Counts {
    /// The counts of two runs together.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            skipped: self.skipped + other.skipped,
            ran_for: self.ran_for + other.ran_for,
        }
    }

    /// How many tests ran.
    fn run(self) -> u64 {
        self.passed + self.failed
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.run() == 0 {
            return formatter.write_str("ok");
        }
        write!(formatter, "{} passed, {} failed", self.passed, self.failed)
    }
}

/// How a command that was watched ended.
pub(crate) struct Watched {
    pub(crate) status: ExitStatus,
    pub(crate) counts: Counts,
    /// The tests that failed, each once.
    pub(crate) failed: BTreeSet<String>,
}

/// Runs the command of a tier; its output is passed on line by line.
///
/// Errors: the command failed, no test ran, or a marked secret stood in the output.
pub(crate) fn run(command: &mut Command, marks: &Marks) -> anyhow::Result<Counts> {
    let watched = watch(command, marks)?;
    let counts = watched.counts;
    if !watched.status.success() {
        bail!(
            "tests ended with {}: {} passed, {} failed",
            watched.status,
            counts.passed,
            counts.failed
        );
    }
    if counts.run() == 0 {
        bail!("no test ran");
    }
    Ok(counts)
}

/// Runs any command, passes its output on line by line and says how it ended.
///
/// Errors: it would not start, or a marked secret stood in the output.
pub(crate) fn watch(command: &mut Command, marks: &Marks) -> anyhow::Result<Watched> {
    if std::io::stderr().is_terminal() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .map_err(|error| cannot_start(command, &error))?;
    let stdout = child.stdout.take().context("the tier's standard output")?;
    let stderr = child.stderr.take().context("the tier's standard error")?;
    let (from_stdout, from_stderr) = std::thread::scope(|scope| {
        let reader = scope.spawn(|| pass_on(stdout, marks));
        let from_stderr = pass_on(stderr, marks);
        (reader.join().unwrap_or_default(), from_stderr)
    });
    let status = child.wait()?;
    let seen = from_stdout.and(from_stderr);
    if seen.marked_lines > 0 {
        bail!(
            "a marked secret stood in {} lines of the output",
            seen.marked_lines
        );
    }
    Ok(Watched {
        status,
        counts: seen.counts,
        failed: seen.failed,
    })
}

/// What passed through one pipe.
#[derive(Default)]
struct Seen {
    counts: Counts,
    failed: BTreeSet<String>,
    marked_lines: u64,
}

impl Seen {
    fn and(mut self, other: Self) -> Self {
        self.failed.extend(other.failed);
        Self {
            counts: self.counts.and(other.counts),
            failed: self.failed,
            marked_lines: self.marked_lines + other.marked_lines,
        }
    }
}

fn pass_on(pipe: impl Read, marks: &Marks) -> Seen {
    let mut seen = Seen::default();
    for line in BufReader::new(pipe).split(b'\n') {
        let Ok(line) = line else { break };
        let line = String::from_utf8_lossy(&line);
        if marks.stand_in(&line) {
            seen.marked_lines += 1;
            complain("xtask: a line with a marked secret was held back");
            continue;
        }
        complain(&line);
        let plain = without_colours(&line);
        if let Some(counts) = nextest_summary(&plain).or_else(|| libtest_result(&plain)) {
            seen.counts = seen.counts.and(counts);
        }
        seen.failed.extend(failed_test(&plain));
    }
    seen
}

/// Reads `     Summary [ 0.123s] 12 tests run: 11 passed (1 slow), 1 failed, 3 skipped`. Deeper indented, it is output of a failed test.
fn nextest_summary(line: &str) -> Option<Counts> {
    let rest = line.strip_prefix("     Summary [")?;
    let (seconds, rest) = rest.split_once(']')?;
    let (_, list) = rest.split_once(" run:")?;
    let seconds: f64 = seconds.trim().strip_suffix('s')?.parse().ok()?;
    let mut counts = Counts {
        ran_for: Duration::try_from_secs_f64(seconds).ok()?,
        ..Counts::default()
    };
    for part in list.split(',') {
        let (number, word) = part.trim().split_once(' ')?;
        let number: u64 = number.parse().ok()?;
        match word.split(' ').next()? {
            "passed" => counts.passed += number,
            "skipped" => counts.skipped += number,
            _ => counts.failed += number,
        }
    }
    Some(counts)
}

/// Reads the test's name out of `        FAIL [   0.123s] (1/9) contracts::it mock::a_test`, in nextest's words for each way to fail.
pub(crate) fn failed_test(line: &str) -> Option<String> {
    let (word, rest) = line.trim_start().split_once(" [")?;
    let is_signal = word.starts_with("SIG") && !word.contains(' ');
    if !is_signal && !["FAIL", "TIMEOUT", "ABORT", "LEAK-FAIL", "FAIL + LEAK"].contains(&word) {
        return None;
    }
    let (_, name) = rest.split_once("s] ")?;
    let name = match name.strip_prefix('(') {
        Some(numbered) => numbered.split_once(") ")?.1,
        None => name,
    };
    Some(name.trim().to_owned()).filter(|name| name.contains(' '))
}

/// Reads `test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.1s`.
fn libtest_result(line: &str) -> Option<Counts> {
    let list = line.strip_prefix("test result: ")?.split_once(". ")?.1;
    let number = |word: &str| -> Option<u64> {
        let part = list.split("; ").find(|part| part.ends_with(word))?;
        part.trim().split_once(' ')?.0.parse().ok()
    };
    Some(Counts {
        passed: number(" passed")?,
        failed: number(" failed")?,
        skipped: number(" ignored")?,
        ran_for: Duration::ZERO,
    })
}

/// The text without terminal escapes of the form ESC `[` … letter.
fn without_colours(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        let end = after
            .find(|letter: char| letter.is_ascii_alphabetic())
            .map_or(after.len(), |at| at + 1);
        rest = after.get(end..).unwrap_or_default();
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use super::{Counts, failed_test, libtest_result, nextest_summary, run, without_colours};
    use crate::marks::Marks;

    fn counts(passed: u64, failed: u64, skipped: u64, millis: u64) -> Option<Counts> {
        Some(Counts {
            passed,
            failed,
            skipped,
            ran_for: Duration::from_millis(millis),
        })
    }

    #[test]
    fn summaries_of_nextest_are_read() {
        let check = |line, expected| assert_eq!(nextest_summary(line), expected, "{line}");
        check(
            "     Summary [   0.123s] 12 tests run: 12 passed, 3 skipped",
            counts(12, 0, 3, 123),
        );
        check(
            "     Summary [   1.500s] 1 test run: 1 passed (1 slow), 0 skipped",
            counts(1, 0, 0, 1500),
        );
        check(
            "     Summary [  61.000s] 5/9 tests run: 2 passed, 2 failed, 1 timed out, 0 skipped",
            counts(2, 3, 0, 61_000),
        );
        check(
            "        PASS [   0.123s] xtask tier::tests::summaries",
            None,
        );
    }

    #[test]
    fn results_of_libtest_are_read() {
        let line = "test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.10s";
        assert_eq!(libtest_result(line), counts(5, 0, 1, 0));
        assert_eq!(libtest_result("running 5 tests"), None);
        assert_eq!(
            libtest_result(&format!("    {line}")),
            None,
            "output of a failed test"
        );
    }

    #[test]
    fn names_of_failed_tests_are_read() {
        let check = |line: &str, expected: Option<&str>| {
            assert_eq!(failed_test(line).as_deref(), expected, "{line}");
        };
        check(
            "        FAIL [   0.015s] ( 2/34) contracts::it mock::a_test",
            Some("contracts::it mock::a_test"),
        );
        check(
            "     TIMEOUT [  30.002s] storage a::tests::b",
            Some("storage a::tests::b"),
        );
        check(
            "     SIGABRT [   0.002s] app::it mock::c",
            Some("app::it mock::c"),
        );
        check("        PASS [   0.015s] (1/2) app::it mock::c", None);
        check("        SLOW [> 10.000s] app::it mock::c", None);
        check("     Summary [   0.1s] 12 tests run: 12 passed", None);
    }

    #[test]
    fn colours_are_taken_out() {
        assert_eq!(
            without_colours("\u{1b}[32;1m Summary\u{1b}[0m [ 0.1s]"),
            " Summary [ 0.1s]"
        );
        assert_eq!(without_colours("cut \u{1b}["), "cut ");
    }

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_run_without_tests_fails() {
        let error = run(&mut shell("echo nothing here"), &Marks::none()).unwrap_err();
        assert!(error.to_string().contains("no test ran"), "{error}");
    }

    #[test]
    fn a_marked_secret_in_the_output_fails_a_run_that_passed() {
        let marks = Marks::of(&["m4rked-s3cret-for-this-t3st"]);
        let summary = "echo '     Summary [ 0.1s] 1 test run: 1 passed, 0 skipped'";
        assert!(run(&mut shell(summary), &marks).is_ok());
        let error = run(
            &mut shell(&format!("{summary}; echo x m4rked-s3cret-for-this-t3st")),
            &marks,
        )
        .unwrap_err();
        assert!(error.to_string().contains("1 lines"), "{error}");
    }
}
