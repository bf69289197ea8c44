//! `report.md`: a table as in a release note.
//!
//! Invariants: one row a check, both doors beside each other; every drift by name.
//! Does not know: terminals.

use std::fmt::Write;

use super::{Report, drifts};
use crate::check::{Door, Outcome, Row};

pub(super) fn write(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a String can't fail.
    let _ = head(report, &mut text)
        .and_then(|()| checks(report, &mut text))
        .and_then(|()| latency(report, &mut text))
        .and_then(|()| findings(report, &mut text));
    text
}

fn head(report: &Report, text: &mut String) -> std::fmt::Result {
    writeln!(text, "# Live report\n\n**{}**\n", report.verdict())?;
    writeln!(text, "| | |\n|---|---|")?;
    writeln!(text, "| keyward | {} |", report.version)?;
    let replayed = report
        .replayed
        .as_ref()
        .map(|day| format!(", **replayed** from a cassette of {day}"))
        .unwrap_or_default();
    writeln!(text, "| upstream | {}{replayed} |", report.upstream)?;
    writeln!(
        text,
        "| models | {}, {} |",
        report.chat_model, report.embed_model
    )?;
    writeln!(text, "| ended | {} UTC |", report.when)?;
    let spend = &report.spend;
    writeln!(
        text,
        "| spend | {} USD at the prices in force, of which somebody bills {}; the plan's bound was {} |",
        spend.priced, spend.real, report.bound.priced
    )
}

fn checks(report: &Report, text: &mut String) -> std::fmt::Result {
    let mut sections: Vec<&str> = Vec::new();
    for row in &report.rows {
        let section = section(row);
        if !sections.contains(&section) {
            sections.push(section);
        }
    }
    for name in sections {
        writeln!(
            text,
            "\n## {name}\n\n| check | what it shows | direct | keyward | figures |\n|---|---|---|---|---|"
        )?;
        let mut ids: Vec<&str> = Vec::new();
        for row in report.rows.iter().filter(|row| section(row) == name) {
            if !ids.contains(&row.id) {
                ids.push(row.id);
                check(report, row, text)?;
            }
        }
    }
    Ok(())
}

fn section(row: &Row) -> &str {
    row.id.split('.').next().unwrap_or_default()
}

/// A check's line, with both doors.
fn check(report: &Report, row: &Row, text: &mut String) -> std::fmt::Result {
    let at = |door: Door| {
        let mut rows = report.rows.iter();
        rows.find(|other| other.id == row.id && other.door == door)
    };
    let (direct, keyward) = (at(Door::Direct), at(Door::Keyward));
    let word = |row: Option<&Row>| row.map_or("", |row| row.outcome.word());
    let notes = [direct, keyward].into_iter().flatten().map(note);
    let notes: Vec<String> = notes.filter(|note| !note.is_empty()).collect();
    writeln!(
        text,
        "| `{}` | {} | {} | {} | {} |",
        row.id,
        row.shows,
        word(direct),
        word(keyward),
        joined(&notes)
    )
}

/// Both doors' notes; once where they are the same.
fn joined(notes: &[String]) -> String {
    match notes {
        [one, other] if one == other => one.clone(),
        notes => notes.join(" · "),
    }
}

fn note(row: &Row) -> String {
    match &row.outcome {
        Outcome::Pass(figures) => figures
            .iter()
            .map(|(name, figure)| format!("{name} {figure}"))
            .collect::<Vec<_>>()
            .join(", "),
        Outcome::Fail(why) | Outcome::Skip(why) => why.replace('|', "\\|").replace('\n', " "),
        Outcome::NotRun => "not run: spend".to_owned(),
    }
}

fn latency(report: &Report, text: &mut String) -> std::fmt::Result {
    let rows: Vec<(&Row, &Vec<(&str, f64)>)> = report
        .rows
        .iter()
        .filter(|row| row.id.starts_with("latency."))
        .filter_map(|row| {
            if let Outcome::Pass(figures) = &row.outcome {
                Some((row, figures))
            } else {
                None
            }
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    writeln!(
        text,
        "\n| latency | door | p50 ms | p95 ms | first chunk p50 ms | first chunk p95 ms | tokens a second | keyward added ms |\n|---|---|---|---|---|---|---|---|"
    )?;
    let names = [
        "p50_ms",
        "p95_ms",
        "first_chunk_p50_ms",
        "first_chunk_p95_ms",
        "tokens_per_second_p50",
        "overhead_p50_ms",
    ];
    for (row, figures) in rows {
        let figure = |name: &str| {
            figures
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, figure)| figure.to_string())
                .unwrap_or_default()
        };
        let cells = names.map(figure).join(" | ");
        writeln!(text, "| `{}` | {} | {cells} |", row.id, row.door.name())?;
    }
    Ok(())
}

fn findings(report: &Report, text: &mut String) -> std::fmt::Result {
    let drifts = drifts(&report.found);
    writeln!(
        text,
        "\n## Drifts\n\nWhere {} differs from the contracts.\n",
        report.upstream
    )?;
    if drifts.is_empty() {
        writeln!(text, "None.")?;
    } else {
        writeln!(text, "| | drift |\n|---|---|")?;
    }
    for (state, finding) in drifts {
        writeln!(
            text,
            "| {state} | {} |",
            finding.to_string().replace('|', "\\|")
        )?;
    }
    for drift in &report.found.gone {
        writeln!(
            text,
            "\nNot seen any more: {}: {}",
            drift.contract, drift.difference
        )?;
    }
    if !report.found.unseen.is_empty() {
        writeln!(
            text,
            "\nOptional in the contracts, and in no answer of this run:\n"
        )?;
    }
    for unseen in &report.found.unseen {
        let fields: Vec<String> = unseen
            .fields
            .iter()
            .map(|field| format!("`{field}`"))
            .collect();
        writeln!(text, "- {}: {}", unseen.contract, fields.join(", "))?;
    }
    if !report.found.changed.is_empty() {
        writeln!(text, "\n## What keyward changed\n")?;
        for finding in &report.found.changed {
            writeln!(text, "- {finding}")?;
        }
    }
    if let Some(compared) = &report.compared {
        writeln!(
            text,
            "\n## Compared with an older report\n\n{}",
            compared.markdown()
        )?;
    }
    Ok(())
}
