//! What a person or CI runs on this tree: `cargo xtask <command>`.
//!
//! Invariants: exit code 0 is done, 1 is found or failed, 2 is could not run, and then the message says what to type.
//! Does not know: any crate of ours; it drives `cargo`, the built binaries and outside programs.

mod bench;
mod clients;
mod console;
mod cpu;
mod drill;
mod help;
mod integration;
mod live;
mod marks;
mod metadata;
mod mock;
mod rust_text;
mod soak;
mod step;
mod suite;
mod tidy;
mod tier;
mod tree;

use std::process::ExitCode;

use crate::step::{CouldNotRun, could_not_run};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            console::complain(&format!("xtask: {error:#}"));
            let failed = error.downcast_ref::<CouldNotRun>().is_none();
            ExitCode::from(if failed { 1 } else { 2 })
        }
    }
}

fn run(words: &[&str]) -> anyhow::Result<()> {
    match words {
        ["tidy"] => tidy::run(),
        ["test"] => suite::run(),
        ["test-mock", options @ ..] => mock::run(options),
        ["test-integration"] => integration::run(),
        ["test-live", options @ ..] => live::run(options),
        ["drill", options @ ..] => drill::run(options),
        ["bench", "gateway", options @ ..] => bench::run(options),
        ["soak", "money", options @ ..] => soak::run(options),
        [] | ["help" | "--help" | "-h"] => help::run(),
        _ => Err(could_not_run(format!(
            "there is no command `{}`; type: cargo xtask help",
            words.join(" ")
        ))),
    }
}
