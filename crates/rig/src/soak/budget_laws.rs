//! Holds the budgets' windows against their limits, the entries and what the commands say.
//!
//! Invariants: a window's sum is that of the entries in its scope and of what its dead leases were written off for.
//! Does not know: the simulator's bill.

use super::books::Window;
use super::compare::{Evidence, Outcome, pico};
use super::watch::above;

pub(crate) fn compare(evidence: &Evidence<'_>, outcome: &mut Outcome) {
    for window in &evidence.books.windows {
        one_window(evidence, window, outcome);
    }
    listed(evidence, outcome);
    refusals(evidence, outcome);
}

/// One budget: never above its limit, nothing held for ever, and what it says is what the entries say.
fn one_window(evidence: &Evidence<'_>, window: &Window, outcome: &mut Outcome) {
    if let Some(seen) = above(window) {
        let limit = window.limit.unwrap_or_default();
        outcome.overspend += window.settled + window.leased - limit;
        outcome.find("settled + leased ≤ limit at the end", seen);
    }
    if window.leased != 0 {
        let seen = format!(
            "{}: {} is held and nobody runs",
            window.name(),
            window.leased
        );
        outcome.find("nothing stays held", seen);
    }
    let is_books = window.budget_id == 0;
    let in_scope = evidence
        .books
        .entries
        .iter()
        .filter(|entry| window.has(entry));
    let entered: i128 = in_scope
        .filter(|entry| is_books || !entry.is_unsettled())
        .map(|entry| entry.cost)
        .sum();
    // What the books wrote off stands in the ledger; what another budget did, in its leases.
    let written_off = if is_books { 0 } else { window.written_off };
    if window.settled != entered + written_off {
        let (name, settled) = (window.name(), window.settled);
        let seen =
            format!("{name}: settled {settled}, entered {entered}, written off {written_off}");
        outcome.find("a window's sum is that of its entries", seen);
    }
    if let Some(limit) = window.limit
        && entered > limit
    {
        outcome.overspend += entered - limit;
        outcome.find(
            "entries ≤ limit",
            format!("{}: {entered} > {limit}", window.name()),
        );
    }
}

/// What the command says is what the tables say.
fn listed(evidence: &Evidence<'_>, outcome: &mut Outcome) {
    let rows = evidence
        .listed
        .and_then(|listed| listed["budgets"].as_array());
    let Some(rows) = rows else {
        return outcome.find("budgets are listed", "there is no list");
    };
    for row in rows {
        let text = |name: &str| row[name].as_str().unwrap_or_default();
        let name = format!("{} {}", text("scope"), text("window"));
        let amount = |name: &str| row[name].as_str().and_then(pico);
        let (limit, settled) = (amount("limit_usd"), amount("settled_usd"));
        if limit
            .zip(settled)
            .is_none_or(|(limit, settled)| settled > limit)
        {
            outcome.find("settled ≤ limit in the list", row.to_string());
        }
        // The day may have turned since: then the list shows a newer window than the tables of before had.
        let windows = evidence.books.windows.iter();
        let newest = windows
            .filter(|window| window.limit.is_some() && window.name() == name)
            .max_by_key(|window| window.start);
        if newest.is_some_and(|window| settled != Some(window.settled) && settled != Some(0)) {
            outcome.find("the list says what the tables say", row.to_string());
        }
    }
}

/// A refusal explains itself.
fn refusals(evidence: &Evidence<'_>, outcome: &mut Outcome) {
    let fields = [
        "scope",
        "window",
        "limit_usd",
        "settled_usd",
        "held_usd",
        "needed_usd",
        "resets_at",
    ];
    for refusal in &evidence.journal.refusals {
        let budget = &refusal["error"]["budget"];
        let lacks = fields.iter().any(|field| budget.get(field).is_none());
        if lacks || refusal["error"]["type"] != "insufficient_quota" {
            outcome.find("a refusal explains itself", refusal.to_string());
        }
    }
    if evidence.journal.refusals.is_empty() {
        outcome.find("some budgets run out", "no call was refused by a budget");
    }
}
