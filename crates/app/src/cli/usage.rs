//! `keyward usage`: what was used and what it cost, from the ledger.
//!
//! Invariants: money is exact decimal text in every form; the JSON form is fixed, since others script against it.
//! Does not know: how the ledger adds up.

use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, ValueEnum};
use cost_accounting::{Ledger, Report, ReportBy, ReportQuery, ReportRow};
use jiff::civil::Date;
use serde_json::{Value, json};

use crate::table::{Format, Rows, say};
use crate::wiring::World;

/// What to add up by.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum By {
    /// The UTC day
    #[default]
    Day,
    /// The model asked for
    Model,
    /// The virtual key
    Key,
    /// The project
    Project,
}

/// Options of `usage`.
#[derive(Args, Debug)]
pub(crate) struct Usage {
    /// What to add up by
    #[arg(long, value_enum, default_value_t)]
    by: By,
    /// The first day, such as 2026-11-01
    #[arg(long, value_name = "DAY")]
    from: Option<Date>,
    /// The last day
    #[arg(long, value_name = "DAY")]
    to: Option<Date>,
    /// Only this key, by id
    #[arg(long, value_name = "ID")]
    key: Option<String>,
    /// Only this project
    #[arg(long)]
    project: Option<String>,
    /// Only this model
    #[arg(long)]
    model: Option<String>,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Reports.
pub(crate) async fn run(usage: &Usage, world: &World) -> anyhow::Result<ExitCode> {
    let store = world.open_store(storage::Role::Command).await?;
    let by = match usage.by {
        By::Day => ReportBy::Day,
        By::Model => ReportBy::Model,
        By::Key => ReportBy::Key,
        By::Project => ReportBy::Project,
    };
    let query = ReportQuery {
        by,
        from: usage.from,
        to: usage.to,
        key_id: usage.key.clone(),
        project: usage.project.clone(),
        model: usage.model.clone(),
    };
    let report = Ledger::new(store.clone())
        .report(query)
        .await
        .context("read the ledger")?;
    store.close().await.context("close the database")?;
    match usage.format {
        Format::Json => say(&json!({"rows": report.rows.iter().map(as_json).collect::<Vec<_>>(), "total": as_json(&report.total)}).to_string())?,
        Format::Csv => say(&as_rows(&report, false).csv()?)?,
        Format::Table if report.rows.is_empty() => say("Nothing was used yet. Each call shows up here within a moment of its end.\n")?,
        Format::Table => say(&as_rows(&report, true).table())?,
    }
    Ok(ExitCode::SUCCESS)
}

fn as_json(row: &ReportRow) -> Value {
    json!({
        "group": row.group,
        "requests": row.requests,
        "input_tokens": row.input_tokens,
        "output_tokens": row.output_tokens,
        "cost_usd": row.cost.to_string(),
    })
}

fn as_rows(report: &Report, with_total: bool) -> Rows {
    let total = with_total.then_some(&report.total);
    let rows = report.rows.iter().chain(total).map(|row| {
        vec![
            row.group.clone(),
            row.requests.to_string(),
            row.input_tokens.to_string(),
            row.output_tokens.to_string(),
            row.cost.to_string(),
        ]
    });
    Rows {
        columns: &[
            "group",
            "requests",
            "input_tokens",
            "output_tokens",
            "cost_usd",
        ],
        rows: rows.collect(),
    }
}
