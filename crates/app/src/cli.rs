//! The command line: what can be asked of the program.
//!
//! Invariants: `keyward` alone means `serve`; every command takes `--config-dir`; what lists takes `--format`.
//! Does not know: how anything is done.

pub(crate) mod budget;
pub(crate) mod config;
pub(crate) mod key_list;
pub(crate) mod keys;
pub(crate) mod serve;
pub(crate) mod usage;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Keeps your OpenAI API key in one place and gives your applications safe use of it.
#[derive(Debug, Parser)]
#[command(
    name = "keyward",
    version,
    args_conflicts_with_subcommands = true,
    after_help = "Without a command, `serve` is meant."
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) serve: Serve,
    /// The directory of default.toml, ENVIRONMENT.toml and prices.toml [default: ./config where it exists]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) config_dir: Option<PathBuf>,
}

/// A command.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the OpenAI API under virtual keys
    Serve(Serve),
    /// Make, list and revoke virtual keys
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Set, list and explain budgets
    #[command(subcommand)]
    Budget(budget::BudgetCommand),
    /// What was used and what it cost
    Usage(usage::Usage),
    /// Show or check the settings
    #[command(subcommand)]
    Config(config::Config),
}

/// Options of `serve`.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Serve {
    /// Where the data plane listens [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// Where the admin plane listens [default: 127.0.0.1:8081]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) admin_listen: Option<SocketAddr>,
}

impl Serve {
    /// The settings that the options stand for.
    pub(crate) fn settings(&self) -> Vec<(String, String)> {
        let options = [
            ("server.listen", self.listen),
            ("server.admin_listen", self.admin_listen),
        ];
        options
            .into_iter()
            .filter_map(|(field, value)| Some((field.to_owned(), value?.to_string())))
            .collect()
    }
}
