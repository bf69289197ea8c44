//! The binary `keyward`.
//!
//! Invariants: exit code 0 is done, 1 found or failed, 2 could not run; every error that ends the program is scrubbed and names what to
//! try next; the environment is read here and nowhere else.
//! Does not know: how any command does its work.

mod admin;
mod banner;
mod cli;
mod clocks;
mod logging;
mod money;
mod table;
mod upstream;
mod webhook;
mod wiring;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use config::Sources;
use privacy::Scrubber;

/// glibc's allocator takes a tenth of a request's time here: entries are made on one thread and freed on another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

use cli::{Arguments, Command};
use wiring::World;

fn main() -> ExitCode {
    let scrubber = Scrubber::new();
    logging::scrub_early_panics(&scrubber);
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage_error(&scrubber, &error),
    };
    match run(arguments, &scrubber) {
        Ok(code) => code,
        Err(error) => {
            logging::say_error(&scrubber, &format!("keyward: failed to {error:#}"));
            let could_not_run = error.downcast_ref::<config::SettingsErrors>().is_some()
                || error.downcast_ref::<wiring::CouldNotRun>().is_some();
            ExitCode::from(if could_not_run { 2 } else { 1 })
        }
    }
}

fn run(arguments: Arguments, scrubber: &Scrubber) -> anyhow::Result<ExitCode> {
    let Arguments {
        command,
        serve,
        config_dir,
    } = arguments;
    let command = command.unwrap_or(Command::Serve(serve));
    let overrides = if let Command::Serve(serve) = &command {
        serve.settings()
    } else {
        Vec::new()
    };
    let sources = sources(config_dir, overrides)?;
    if let Command::Config(config) = command {
        return cli::config::run(&config, &sources);
    }
    let world = World::load(&sources, scrubber)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match command {
            Command::Serve(_) => cli::serve::run(world).await,
            Command::Keys(keys) => cli::keys::run(keys, &world).await,
            Command::Budget(command) => cli::budget::run(command, &world).await,
            Command::Usage(usage) => cli::usage::run(&usage, &world).await,
            Command::Config(_) => Ok(ExitCode::SUCCESS),
        }
    })
}

/// Where settings come from: the one place that reads the environment.
fn sources(
    config_dir: Option<std::path::PathBuf>,
    overrides: Vec<(String, String)>,
) -> anyhow::Result<Sources> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the environment"
    )]
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| {
            // A variable that is no text can't be one of ours, unless its name is; then its value is told to be wrong.
            let name = name.into_string().ok()?;
            Some((name, value.to_string_lossy().into_owned()))
        })
        .collect();
    Ok(Sources {
        config_dir,
        environment,
        working_dir: std::env::current_dir()?,
        cli: overrides,
    })
}

fn usage_error(scrubber: &Scrubber, error: &clap::Error) -> ExitCode {
    let text = error.render().to_string();
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    ) {
        return if table::say(&text).is_ok() {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(2)
        };
    }
    logging::say_error(scrubber, text.trim_end());
    ExitCode::from(2)
}
