//! The simulator as a program: prints where it listens as one line of JSON and serves until it is interrupted.
//!
//! Invariants: standard output has that one line only, or the list that was asked for; an unknown option ends the
//! program with code 2.
//! Does not know: keys; every caller is let in.

use std::process::ExitCode;

use openai_sim::{Lie, Sim, SimOptions};
use serde_json::json;

const USAGE: &str = "usage: openai-sim [--listen ADDRESS:PORT] [--control] [--keyward-headers] [--prefix PATH] [--cancel-lag-tokens N]\n       openai-sim --list-lies";

#[tokio::main]
async fn main() -> ExitCode {
    if std::env::args().skip(1).eq(["--list-lies"]) {
        list_lies();
        return ExitCode::SUCCESS;
    }
    let options = match options(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(message) => return refuse(&message),
    };
    match Sim::start(options).await {
        Ok(sim) => serve(sim).await,
        Err(error) => refuse(&format!("failed to start: {error}")),
    }
}

async fn serve(sim: Sim) -> ExitCode {
    announce(&sim);
    match tokio::signal::ctrl_c().await {
        Ok(()) => sim.stop().await,
        // Nobody can interrupt it, so it serves until it is killed.
        Err(_) => std::future::pending().await,
    }
    ExitCode::SUCCESS
}

#[expect(
    clippy::print_stdout,
    reason = "the line is how another process learns the addresses"
)]
fn announce(sim: &Sim) {
    println!(
        "{}",
        json!({"base_url": sim.base_url(), "control_url": sim.control_url()})
    );
}

/// One line of JSON for each lie of the catalogue.
#[expect(clippy::print_stdout, reason = "the list is what was asked for")]
fn list_lies() {
    for (name, lie, stands_for) in Lie::catalogue() {
        println!(
            "{}",
            json!({"name": name, "lie": lie.to_json(), "stands_for": stands_for})
        );
    }
}

#[expect(
    clippy::print_stderr,
    reason = "a program says on standard error why it could not run"
)]
fn refuse(message: &str) -> ExitCode {
    eprintln!("openai-sim: {message}\n{USAGE}");
    ExitCode::from(2)
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<SimOptions, String> {
    let mut options = SimOptions::default();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--listen" => options.listen = value(&argument, arguments.next())?,
            "--prefix" => options.prefix = value(&argument, arguments.next())?,
            "--cancel-lag-tokens" => {
                options.cancel_lag_tokens = value(&argument, arguments.next())?;
            }
            "--control" => options.control = true,
            "--keyward-headers" => options.keyward_headers = true,
            _ => return Err(format!("unknown option {argument}")),
        }
    }
    Ok(options)
}

fn value<T: std::str::FromStr>(option: &str, text: Option<String>) -> Result<T, String> {
    let text = text.ok_or_else(|| format!("{option} needs a value"))?;
    text.parse()
        .map_err(|_| format!("{option} can't be {text}"))
}
