//! `keyward config show | check`.
//!
//! Invariants: no secret is ever shown, only that it is set and its fingerprint; neither command writes a file.
//! Does not know: which settings there are.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use config::{SecretKeyPolicy, Sources};
use serde_json::json;

use crate::table::{Format, Rows, say};
use crate::wiring::read_prices;

/// What to do with the settings.
#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Show each setting with its value and where it comes from
    Show(Show),
    /// Check the settings, then the price files; exit 0 if they are good, 2 with every problem listed if not
    Check,
}

/// Options of `show`.
#[derive(Args, Debug)]
pub(crate) struct Show {
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Does it.
pub(crate) fn run(config: &Config, sources: &Sources) -> anyhow::Result<ExitCode> {
    let loaded = config::load(sources, SecretKeyPolicy::DoNotMake)?;
    match config {
        Config::Check => {
            read_prices(&loaded.settings, loaded.price_sources)?;
            say("The settings and the prices are good.\n")?;
        }
        Config::Show(show) => {
            let rows = Rows {
                columns: &["field", "value", "source"],
                rows: loaded
                    .shown
                    .into_iter()
                    .map(|shown| vec![shown.field, shown.value, shown.source])
                    .collect(),
            };
            match show.format {
                Format::Table => say(&rows.table())?,
                Format::Csv => say(&rows.csv()?)?,
                Format::Json => {
                    let settings: Vec<_> = rows
                        .rows
                        .iter()
                        .map(|row| json!({"field": row[0], "value": row[1], "source": row[2]}))
                        .collect();
                    say(&json!({ "settings": settings }).to_string())?;
                }
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
