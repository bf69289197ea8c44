//! `cargo xtask bench gateway`: CPU a request of keyward beside nginx, in the same run, on the same cores, before the same upstream.
//!
//! Invariants: upstream and load share core 0, the proxy under test has core 1 alone; legs take turns in every round; an error in
//! any leg fails the bench; work that a proxy puts off (the ledger) is counted to its end; everything started is stopped.
//! Does not know: why a figure is what it is.

mod legs;
mod report;
mod running;

use std::path::Path;

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::console::say;
use crate::cpu;
use crate::step::{could_not_run, read, run as run_command};
use crate::tree::{cargo, target};

use self::legs::Leg;
use self::report::{Round, print, write};
use self::running::{CORE_OF_LOAD, Running, pinned};

/// Kept-alive connections of the load.
const CONNECTIONS: u32 = 64;
/// Load before each measured one, so that pools and caches are warm.
const WARM_UP_SECONDS: &str = "0.5";
/// At most this many times the CPU of nginx for each request.
const CPU_RATIO_MAX: f64 = 4.0;

/// What was asked for.
struct Options {
    rounds: u32,
    seconds: u32,
    legs: Vec<String>,
    /// The build of keyward: `dist` is what is shipped, `release` what a fresh clone runs.
    profile: String,
}

impl Options {
    fn parse(words: &[&str]) -> anyhow::Result<Self> {
        let mut options = Self {
            rounds: 3,
            seconds: 4,
            legs: ["direct", "nginx", "keyward"].map(str::to_owned).to_vec(),
            profile: "dist".to_owned(),
        };
        for pair in words.chunks(2) {
            let wrong = || {
                could_not_run(format!(
                    "cannot read `{}`; type: cargo xtask help",
                    pair.join(" ")
                ))
            };
            let [name, value] = pair else {
                return Err(wrong());
            };
            match *name {
                "--rounds" => options.rounds = value.parse().map_err(|_| wrong())?,
                "--seconds" => options.seconds = value.parse().map_err(|_| wrong())?,
                "--profile" => options.profile = (*value).to_owned(),
                "--legs" => options.legs = value.split(',').map(str::to_owned).collect(),
                _ => return Err(wrong()),
            }
        }
        let known = |leg: &String| ["direct", "nginx", "keyward"].contains(&leg.as_str());
        if options.rounds == 0 || options.seconds == 0 || !options.legs.iter().all(known) {
            return Err(could_not_run(
                "rounds and seconds are at least 1, legs are of direct, nginx, keyward",
            ));
        }
        if !["dist", "release"].contains(&options.profile.as_str()) {
            return Err(could_not_run("the profile is dist or release"));
        }
        Ok(options)
    }
}

/// Runs the bench.
pub(crate) fn run(words: &[&str]) -> anyhow::Result<()> {
    let options = Options::parse(words)?;
    check_machine(&options)?;
    build(&options)?;
    let folder = target().join("bench");
    std::fs::create_dir_all(&folder)?;
    let rig = target().join("release").join("rig");
    let mut upstream = Running::start(
        "upstream",
        pinned(CORE_OF_LOAD, &rig).arg("upstream"),
        &folder,
    )?;
    let address = upstream.first_line()?;
    let address: Value =
        serde_json::from_str(&address).context("read where the upstream listens")?;
    let address = address
        .get("listening")
        .and_then(Value::as_str)
        .context("where the upstream listens")?;
    let legs = options
        .legs
        .iter()
        .map(|name| Leg::start(name, address, &folder, &options.profile))
        .collect::<anyhow::Result<Vec<Leg>>>()?;
    let mut rounds = Vec::new();
    for round in 1..=options.rounds {
        for leg in &legs {
            let measured = measure(leg, &rig, options.seconds)
                .with_context(|| format!("leg {} of round {round}", leg.name))?;
            say(&format!("round {round} {}", measured.line()));
            rounds.push(measured);
        }
    }
    drop(legs);
    drop(upstream);
    print(&rounds);
    write(&rounds, &folder.join("gateway.json"))?;
    hold(&rounds)
}

/// Builds the load generator, and the product if it takes part.
fn build(options: &Options) -> anyhow::Result<()> {
    let build = |profile: &str, package: &str| {
        run_command(cargo().args([
            "build",
            "--locked",
            "--profile",
            profile,
            "--package",
            package,
        ]))
    };
    build("release", "rig")?;
    if options.legs.iter().any(|leg| leg == "keyward") {
        build(&options.profile, "app")?;
    }
    Ok(())
}

/// Fails if keyward costs too much beside nginx.
fn hold(rounds: &[Round]) -> anyhow::Result<()> {
    let Some(ratio) = report::cpu_ratio(rounds, "keyward", "nginx") else {
        say("no ratio: keyward and nginx did not both run");
        return Ok(());
    };
    ensure!(
        ratio <= CPU_RATIO_MAX,
        "keyward takes {ratio:.2} times the CPU of nginx a request; at most {CPU_RATIO_MAX}"
    );
    say(&format!(
        "keyward takes {ratio:.2} times the CPU of nginx a request; at most {CPU_RATIO_MAX}: ok"
    ));
    Ok(())
}

/// One load on one leg.
fn measure(leg: &Leg, rig: &Path, seconds: u32) -> anyhow::Result<Round> {
    load(leg, rig, WARM_UP_SECONDS)?;
    let before = leg.process().map(cpu::at_rest).transpose()?;
    let outcome = load(leg, rig, &seconds.to_string())?;
    let after = leg.process().map(cpu::at_rest).transpose()?;
    let used = before
        .zip(after)
        .map(|(before, after)| after.saturating_sub(before));
    Round::new(leg.name.clone(), used, &outcome)
}

/// Runs the load generator; an error on the wire is an error here.
fn load(leg: &Leg, rig: &Path, seconds: &str) -> anyhow::Result<Value> {
    let mut command = pinned(CORE_OF_LOAD, rig);
    command.args([
        "load",
        "--address",
        &leg.address,
        "--seconds",
        seconds,
        "--connections",
        &CONNECTIONS.to_string(),
    ]);
    if let Some(headers) = &leg.headers {
        command.arg("--headers").arg(headers);
    }
    let outcome: Value =
        serde_json::from_str(&read(&mut command)?).context("read the outcome of the load")?;
    let errors = outcome
        .get("errors")
        .and_then(Value::as_u64)
        .context("errors of the load")?;
    ensure!(
        errors == 0,
        "{errors} requests failed; {}",
        leg.where_to_look()
    );
    Ok(outcome)
}

fn check_machine(options: &Options) -> anyhow::Result<()> {
    let cores = std::thread::available_parallelism()?.get();
    if cores < 2 {
        return Err(could_not_run(
            "the bench pins to two cores and this machine gives one; run it on a machine with two",
        ));
    }
    read(std::process::Command::new("taskset").arg("--version"))?;
    if options.legs.iter().any(|leg| leg == "nginx") {
        read(std::process::Command::new(legs::nginx_program()).arg("-v"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Options;

    #[test]
    fn options_are_read() {
        let options = Options::parse(&["--rounds", "5", "--legs", "direct,nginx"]).unwrap();
        assert_eq!(
            (options.rounds, options.seconds, options.legs.len()),
            (5, 4, 2)
        );
        for words in [
            &["--rounds"][..],
            &["--rounds", "x"],
            &["--legs", "other"],
            &["--seconds", "0"],
            &["--what", "1"],
        ] {
            assert!(Options::parse(words).is_err(), "{words:?}");
        }
    }
}
