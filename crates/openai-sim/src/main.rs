//! The simulator as a program: prints where it listens as one line of JSON and serves until it is interrupted.
//!
//! Invariants: standard output has that one line only, or the list that was asked for; an unknown option ends the
//! program with code 2.
//! Does not know: keys; every caller is let in.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use openai_sim::{Cassette, Lie, Recorder, Sim, SimOptions, Timing};
use serde_json::{Value, json};

const USAGE: &str =
    "usage: openai-sim [--listen ADDRESS:PORT] [--control] [--keyward-headers] [--prefix PATH] [--cancel-lag-tokens N]
       openai-sim [--listen ADDRESS:PORT] --cassette FILE [--fast]    answer from a cassette
       openai-sim --record BASE_URL --to FILE                         record an upstream until interrupted
       openai-sim --list-lies";

enum Task {
    Serve(SimOptions),
    Record { upstream: String, to: PathBuf },
    ListLies,
}

#[tokio::main]
async fn main() -> ExitCode {
    let done = match task(std::env::args().skip(1)) {
        Ok(Task::Serve(options)) => serve(options).await,
        Ok(Task::Record { upstream, to }) => record(&upstream, &to).await,
        Ok(Task::ListLies) => {
            list_lies();
            Ok(())
        }
        Err(message) => Err(format!("{message}\n{USAGE}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            complain(&message);
            ExitCode::from(2)
        }
    }
}

async fn serve(options: SimOptions) -> Result<(), String> {
    let sim = Sim::start(options)
        .await
        .map_err(|error| format!("failed to start: {error}"))?;
    say(&json!({"base_url": sim.base_url(), "control_url": sim.control_url()}));
    interrupted().await;
    sim.stop().await;
    Ok(())
}

/// Keys are not told to this program, so it leaves out only what looks like one.
async fn record(upstream: &str, to: &Path) -> Result<(), String> {
    let recorder = Recorder::start(upstream)
        .await
        .map_err(|error| format!("failed to start: {error}"))?;
    say(&json!({"base_url": recorder.base_url()}));
    interrupted().await;
    let mut cassette = recorder.finish().await;
    cassette.scrub(&[]);
    std::fs::write(to, cassette.write())
        .map_err(|error| format!("failed to write {}: {error}", to.display()))
}

async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        // Nobody can interrupt it, so it serves until it is killed.
        std::future::pending().await
    }
}

/// One line of JSON for each lie of the catalogue.
fn list_lies() {
    for (name, lie, stands_for) in Lie::catalogue() {
        say(&json!({"name": name, "lie": lie.to_json(), "stands_for": stands_for}));
    }
}

#[expect(
    clippy::print_stdout,
    reason = "the lines are how another process learns the addresses, or the list"
)]
fn say(line: &Value) {
    println!("{line}");
}

#[expect(
    clippy::print_stderr,
    reason = "a program says on standard error why it could not run"
)]
fn complain(message: &str) {
    eprintln!("openai-sim: {message}");
}

fn task(mut arguments: impl Iterator<Item = String>) -> Result<Task, String> {
    let mut options = SimOptions::default();
    let (mut upstream, mut to) = (None, None);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--listen" => options.listen = value(&argument, arguments.next())?,
            "--prefix" => options.prefix = value(&argument, arguments.next())?,
            "--control" => options.control = true,
            "--cancel-lag-tokens" => {
                options.cancel_lag_tokens = value(&argument, arguments.next())?;
            }
            "--keyward-headers" => options.keyward_headers = true,
            "--cassette" => {
                let file: PathBuf = value(&argument, arguments.next())?;
                options.cassette = Some(cassette(&file)?);
            }
            "--fast" => options.replay_speed = Timing::Fast,
            "--record" => upstream = Some(value(&argument, arguments.next())?),
            "--to" => to = Some(value(&argument, arguments.next())?),
            "--list-lies" => return Ok(Task::ListLies),
            _ => return Err(format!("unknown option {argument}")),
        }
    }
    match (upstream, to) {
        (None, None) => Ok(Task::Serve(options)),
        (Some(upstream), Some(to)) => Ok(Task::Record { upstream, to }),
        _ => Err("--record and --to go together".to_owned()),
    }
}

fn cassette(file: &Path) -> Result<Arc<Cassette>, String> {
    let failed = |why: &dyn std::fmt::Display| format!("failed to read {}: {why}", file.display());
    let text = std::fs::read_to_string(file).map_err(|error| failed(&error))?;
    let cassette = Cassette::read(&text).map_err(|error| failed(&error))?;
    Ok(Arc::new(cassette))
}

fn value<T: std::str::FromStr>(option: &str, text: Option<String>) -> Result<T, String> {
    let text = text.ok_or_else(|| format!("{option} needs a value"))?;
    text.parse()
        .map_err(|_| format!("{option} can't be {text}"))
}
