//! `cargo xtask test-mock`: every test that needs nothing but loopback and temp files; `--repeat N` looks for flaky ones.
//!
//! Invariants: the whole workspace, under a minute without building. A test that failed in one run of many is named.
//! Does not know: what an upstream really answers; the live tier asks it.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use anyhow::{bail, ensure};

use crate::console::say;
use crate::marks::Marks;
use crate::step::{Log, could_not_run};
use crate::tier::{self, Counts};
use crate::tree::cargo;

/// Longest time that the tier may take, as nextest measures it.
const TIER_TIME_MAX: Duration = Duration::from_secs(60);

/// Variables that would let a test reach past loopback or read a real key.
pub(crate) const REMOVED_VARIABLES: [&str; 7] = [
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "SECRET_KEY",
    "DATABASE_URL",
    "ENVIRONMENT",
    "DEBUG",
    "OPENAI_SIM_LIE",
];

/// Most runs that `--repeat` makes.
const REPEATS_MAX: u32 = 1_000;

/// Runs the tier by itself, once or as often as `--repeat` says.
pub(crate) fn run(options: &[&str]) -> anyhow::Result<()> {
    let times = match options {
        [] => None,
        ["--repeat", times] => times
            .parse()
            .ok()
            .filter(|times| (1..=REPEATS_MAX).contains(times)),
        _ => return Err(wrong(options)),
    };
    let mut log = Log::default();
    let outcome = match (options, times) {
        ([], _) => log.step("mock tests", tests),
        (_, Some(times)) => log.step("mock tests", || repeat(times)),
        (_, None) => return Err(wrong(options)),
    };
    log.print();
    outcome.map(|_| ())
}

fn wrong(options: &[&str]) -> anyhow::Error {
    could_not_run(format!(
        "cannot read `{}`; type: cargo xtask test-mock --repeat 20 (at most {REPEATS_MAX})",
        options.join(" ")
    ))
}

/// Runs the tests.
pub(crate) fn tests() -> anyhow::Result<Counts> {
    let counts = tier::run(&mut command(), &Marks::none())?;
    ensure!(
        counts.ran_for <= TIER_TIME_MAX,
        "the mock tier took {:.1} s; it may take {} s",
        counts.ran_for.as_secs_f64(),
        TIER_TIME_MAX.as_secs()
    );
    Ok(counts)
}

/// Runs the tests again and again; what they did each time counts together.
fn repeat(times: u32) -> anyhow::Result<Counts> {
    let (mut all, mut failed, mut broken) = (Counts::default(), BTreeMap::<String, u32>::new(), 0);
    for time in 1..=times {
        say(&format!("run {time} of {times}"));
        let watched = tier::watch(&mut command(), &Marks::none())?;
        ensure!(
            watched.counts.passed + watched.counts.failed > 0,
            "no test ran: {}",
            watched.status
        );
        all = all.and(watched.counts);
        broken += u32::from(!watched.status.success());
        for name in watched.failed {
            *failed.entry(name).or_default() += 1;
        }
    }
    if broken == 0 {
        return Ok(all);
    }
    say("\nfailed  of  test");
    for (name, count) in &failed {
        say(&format!("{count:>6} {times:>3}  {name}"));
    }
    bail!(
        "{broken} of {times} runs failed, {} tests named above",
        failed.len()
    )
}

fn command() -> Command {
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
    command
}

#[cfg(test)]
mod tests {
    use super::run;
    use crate::step::CouldNotRun;

    #[test]
    fn only_a_number_of_runs_is_understood() {
        let wrong: [&[&str]; 5] = [
            &["--repeat"],
            &["--repeat", "0"],
            &["--repeat", "1001"],
            &["--repeat", "x"],
            &["twice"],
        ];
        for words in wrong {
            let error = run(words).unwrap_err();
            assert!(error.downcast_ref::<CouldNotRun>().is_some(), "{words:?}");
        }
    }
}
