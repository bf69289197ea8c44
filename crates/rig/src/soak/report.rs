//! What a soak found, in words and tables.
//!
//! Invariants: names the seed; shows the books side by side, whether they agree or not.
//! Does not know: how they are compared.

use std::fmt::Write;
use std::time::Duration;

use super::books::{Entry, State};
use super::compare::{Evidence, Outcome};
use super::finding::Finding;
use super::simulator::PRICES;
use super::{Soak, SoakDatabase};

/// The outcome of one soak.
#[derive(Clone, Debug)]
pub struct SoakReport {
    /// Laws that did not hold; none if all is well.
    pub findings: Vec<Finding>,
    /// Requests that callers sent.
    pub requests: u64,
    /// Answers with 200, read to their end.
    pub answered: u64,
    /// Calls that a budget refused.
    pub refused: u64,
    /// Markdown, with a heading of level 2.
    pub text: String,
}

impl SoakReport {
    /// Whether every law held.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.findings.is_empty()
    }

    pub(crate) fn new(
        soak: &Soak,
        outcome: Outcome,
        evidence: &Evidence<'_>,
        took: Duration,
    ) -> Self {
        let mut text = String::new();
        // Writing to a String can't fail.
        let _ = write(&mut text, soak, &outcome, evidence, took);
        let sent = &evidence.journal.sent;
        let count = |wanted: &dyn Fn(&super::caller::Sent) -> bool| {
            sent.iter().filter(|sent| wanted(sent)).count() as u64
        };
        Self {
            requests: sent.len() as u64,
            answered: count(&|sent| sent.status == 200 && sent.whole),
            refused: count(&|sent| sent.word == "budget_exceeded"),
            findings: outcome.findings,
            text,
        }
    }
}

fn write(
    text: &mut String,
    soak: &Soak,
    outcome: &Outcome,
    evidence: &Evidence<'_>,
    took: Duration,
) -> std::fmt::Result {
    let (database, servers) = match soak.database {
        SoakDatabase::Sqlite => ("SQLite", "one server"),
        SoakDatabase::Postgres => ("PostgreSQL", "two servers"),
    };
    let verdict = if outcome.findings.is_empty() {
        "PASS"
    } else {
        "FAIL"
    };
    writeln!(text, "## {database}, {servers}: {verdict}\n")?;
    let Soak {
        seed,
        kills,
        callers,
        ..
    } = soak;
    let seconds = took.as_secs_f64();
    let budgets = if soak.budgets { "on" } else { "off" };
    writeln!(
        text,
        "Seed {seed}, {kills} kills, {callers} callers, budgets {budgets}; took {seconds:.1} s.\n"
    )?;
    for finding in &outcome.findings {
        writeln!(text, "- **{finding}**")?;
    }
    if !outcome.findings.is_empty() {
        writeln!(text)?;
    }
    laws(text, outcome, evidence)?;
    books(text, evidence)?;
    windows(text, evidence)?;
    answers(text, evidence)
}

fn laws(text: &mut String, outcome: &Outcome, evidence: &Evidence<'_>) -> std::fmt::Result {
    let killed = evidence
        .lives
        .iter()
        .filter(|life| life.killed_at_ms.is_some())
        .count();
    let paused: usize = evidence
        .lives
        .iter()
        .map(|life| life.frozen_at_ms.len())
        .sum();
    let (billed, total) = (evidence.bill.total(), evidence.books.total());
    let rows = [
        ("requests sent", evidence.journal.sent.len().to_string()),
        (
            "calls billed by the simulator",
            evidence.bill.calls.to_string(),
        ),
        ("ledger entries", evidence.books.entries.len().to_string()),
        (
            "servers: lives, killed, times frozen",
            format!("{}, {killed}, {paused}", evidence.lives.len()),
        ),
        ("starts that failed and were repeated", refused(evidence)),
        ("bill, USD", usd(billed)),
        ("ledger, USD", usd(total)),
        ("over-count, USD", usd(total - billed)),
        (
            "stated (estimated, unsettled, adjusted), USD",
            usd(evidence.books.unproven()),
        ),
        ("of that written off, USD", usd(evidence.books.unsettled())),
        (
            "billed for calls under way at a kill and covered by it, USD",
            usd(outcome.covered),
        ),
        (
            "whole answers of the last moment before a kill, without an entry",
            outcome.entries_covered.to_string(),
        ),
        (
            "the longest time of such an answer before the kill, ms",
            outcome.entries_late_ms_max.to_string(),
        ),
        ("looks at the windows", evidence.watched.looks.to_string()),
        ("overspend, USD", usd(outcome.overspend)),
        ("entries lost", outcome.lost.to_string()),
        ("doubled", outcome.doubled.to_string()),
    ];
    writeln!(text, "| what | figure |\n|---|---|")?;
    for (name, figure) in rows {
        writeln!(text, "| {name} | {figure} |")?;
    }
    writeln!(text)
}

/// How many, and why the first.
fn refused(evidence: &Evidence<'_>) -> String {
    let lives = evidence.lives.iter();
    let refused: Vec<&String> = lives.filter_map(|life| life.refused.as_ref()).collect();
    match refused.first() {
        None => "0".to_owned(),
        Some(first) => format!("{}: {}", refused.len(), first.replace(['\n', '|'], " ")),
    }
}

fn books(text: &mut String, evidence: &Evidence<'_>) -> std::fmt::Result {
    writeln!(
        text,
        "| model | bill, USD | ledger, USD | reported | estimated |\n|---|---|---|---|---|"
    )?;
    let sum = |wanted: &dyn Fn(&Entry) -> bool| -> i128 {
        let entries = evidence.books.entries.iter().filter(|entry| wanted(entry));
        entries.map(|entry| entry.cost).sum()
    };
    for (model, _, _) in PRICES {
        let of = |state: State| usd(sum(&|entry| entry.model == model && entry.state == state));
        writeln!(
            text,
            "| {model} | {} | {} | {} | {} |",
            usd(evidence.bill.of_model(model)),
            usd(sum(&|entry| entry.model == model)),
            of(State::Reported),
            of(State::Estimated),
        )?;
    }
    writeln!(
        text,
        "| (unsettled) | | {} | | |\n",
        usd(evidence.books.unsettled())
    )?;
    let mut outcomes = std::collections::BTreeMap::<_, (u64, i128)>::new();
    for entry in &evidence.books.entries {
        let (count, cost) = outcomes
            .entry((entry.outcome.as_str(), format!("{:?}", entry.state)))
            .or_default();
        *count += 1;
        *cost += entry.cost;
    }
    writeln!(
        text,
        "| entries: outcome | state | number | USD |\n|---|---|---|---|"
    )?;
    for ((outcome, state), (count, cost)) in outcomes {
        writeln!(
            text,
            "| {outcome} | {} | {count} | {} |",
            state.to_lowercase(),
            usd(cost)
        )?;
    }
    writeln!(text)
}

fn windows(text: &mut String, evidence: &Evidence<'_>) -> std::fmt::Result {
    let windows = &evidence.books.windows;
    if windows.is_empty() {
        return Ok(());
    }
    writeln!(
        text,
        "| budget | limit, USD | settled | still held | of settled written off |\n|---|---|---|---|---|"
    )?;
    for window in windows {
        let limit = window
            .limit
            .map_or_else(|| "none (the books)".to_owned(), usd);
        writeln!(
            text,
            "| {} | {limit} | {} | {} | {} |",
            window.name(),
            usd(window.settled),
            usd(window.leased),
            usd(window.written_off),
        )?;
    }
    writeln!(text)
}

fn answers(text: &mut String, evidence: &Evidence<'_>) -> std::fmt::Result {
    writeln!(
        text,
        "| callers saw: status | code | times |\n|---|---|---|"
    )?;
    for ((status, word), times) in evidence.journal.tally() {
        writeln!(text, "| {status} | {word} | {times} |")?;
    }
    writeln!(text)
}

/// Exact, in decimal USD.
fn usd(pico: i128) -> String {
    let sign = if pico < 0 { "-" } else { "" };
    let pico = pico.unsigned_abs();
    let text = format!(
        "{sign}{}.{:012}",
        pico / 1_000_000_000_000,
        pico % 1_000_000_000_000
    );
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
