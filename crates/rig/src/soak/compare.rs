//! Holds the ledger against the simulator's bill, what callers were told, and the budgets.
//!
//! Invariants: a charge too many for one call never makes up for one that another call lacks: each end user is compared alone, and
//! most calls have an end user of their own.
//! Does not know: how anything came about.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::books::{Books, State};
use super::budget_laws;
use super::caller::{Journal, Sent};
use super::finding::Finding;
use super::roster::Life;
use super::server::ATTEMPT_MAX;
use super::simulator::{Bill, PRICES};
use super::watch::Watched;

/// An answer is out so much earlier, at the most, than its entry is on disk.
const ENTERED_MAX_MS: u64 = 2_000;
/// The same while a frozen server may hold rows that the entry needs: until the database ends its transaction.
const BLOCKED_MAX_MS: u64 = 12_000;
/// Examples that a finding names.
const EXAMPLES_MAX: usize = 5;
const PICO_DIGITS: usize = 12;

/// Everything that is known at the end.
pub(crate) struct Evidence<'a> {
    pub(crate) budgets: bool,
    pub(crate) journal: &'a Journal,
    pub(crate) bill: &'a Bill,
    pub(crate) books: &'a Books,
    pub(crate) lives: &'a [Life],
    pub(crate) watched: &'a Watched,
    /// `keyward usage`.
    pub(crate) told: &'a Value,
    /// `keyward budget list`.
    pub(crate) listed: Option<&'a Value>,
}

/// What came out.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) findings: Vec<Finding>,
    /// Billed for end users with a call under way at a kill, and in no entry of theirs: what the write-offs are for.
    pub(crate) covered: i128,
    /// Answers out just before a kill whose entry was not on disk yet.
    pub(crate) entries_covered: u64,
    /// The longest time between such an answer and the kill.
    pub(crate) entries_late_ms_max: u64,
    pub(crate) overspend: i128,
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
}

pub(crate) fn compare(evidence: &Evidence<'_>) -> Outcome {
    let mut outcome = Outcome::default();
    users(evidence, &mut outcome);
    sums(evidence, &mut outcome);
    lost(evidence, &mut outcome);
    doubled(evidence, &mut outcome);
    if evidence.budgets {
        budget_laws::compare(evidence, &mut outcome);
    }
    for seen in &evidence.watched.above {
        outcome.find("settled + leased ≤ limit at every look", seen.clone());
    }
    if !evidence
        .journal
        .sent
        .iter()
        .any(|sent| sent.status == 200 && sent.whole)
    {
        outcome.find("the soak does something", "no call was answered");
    }
    outcome
}

impl Outcome {
    fn note_covered(&mut self, sent: &Sent, lives: &[Life]) {
        let killed = lives.get(sent.life).and_then(|life| life.killed_at_ms);
        if let Some(killed) = killed.filter(|_| sent.whole) {
            self.entries_covered += 1;
            let late = killed.saturating_sub(sent.ended_ms);
            self.entries_late_ms_max = self.entries_late_ms_max.max(late);
        }
    }

    pub(crate) fn find(&mut self, law: &'static str, seen: impl Into<String>) {
        self.findings.push(Finding::new(law, seen));
    }
}

/// Whether this call's entry may have gone with its server.
fn near_a_kill(sent: &Sent, lives: &[Life]) -> bool {
    let killed = lives.get(sent.life).and_then(|life| life.killed_at_ms);
    let Some(killed) = killed else {
        return false;
    };
    let since = killed.saturating_sub(BLOCKED_MAX_MS);
    let frozen = lives.iter().flat_map(|life| &life.frozen_at_ms);
    let is_blocked = frozen.into_iter().any(|at| (since..killed).contains(at));
    let late = if is_blocked {
        BLOCKED_MAX_MS
    } else {
        ENTERED_MAX_MS
    };
    // A caller that left does not see how long the server goes on.
    let goes_on = if sent.whole {
        0
    } else {
        u64::try_from(ATTEMPT_MAX.as_millis()).unwrap_or_default()
    };
    sent.ended_ms.saturating_add(late + goes_on) >= killed
}

/// Each end user pays what was billed for it, and not more than that where usage was reported.
fn users(evidence: &Evidence<'_>, outcome: &mut Outcome) {
    let mut entered: BTreeMap<&str, (i128, i128)> = BTreeMap::new();
    for entry in evidence
        .books
        .entries
        .iter()
        .filter(|entry| !entry.is_unsettled())
    {
        let (all, reported) = entered.entry(&entry.user).or_default();
        *all += entry.cost;
        if entry.state == State::Reported {
            *reported += entry.cost;
        }
    }
    let near: BTreeSet<&str> = evidence
        .journal
        .sent
        .iter()
        .filter(|sent| near_a_kill(sent, evidence.lives))
        .map(|sent| sent.user.as_str())
        .collect();
    let users: BTreeSet<&str> = entered
        .keys()
        .copied()
        .chain(evidence.bill.users.keys().map(String::as_str))
        .collect();
    let (mut short, mut over) = (Vec::new(), Vec::new());
    for user in users {
        let billed = evidence.bill.of_user(user);
        let (all, reported) = entered.get(user).copied().unwrap_or_default();
        if billed > all && near.contains(user) {
            outcome.covered += billed - all;
        } else if billed > all {
            short.push(format!("{user}: billed {billed}, entered {all}"));
        }
        if reported > billed {
            over.push(format!("{user}: billed {billed}, reported {reported}"));
        }
    }
    if !short.is_empty() {
        outcome.find("every call pays what it was billed", examples(&short));
    }
    if !over.is_empty() {
        outcome.find("what was reported is what was billed", examples(&over));
    }
    let unsettled = evidence.books.unsettled();
    if evidence.budgets && outcome.covered > unsettled {
        let seen = format!(
            "{} went with killed servers, {unsettled} was written off",
            outcome.covered
        );
        outcome.find("what a kill loses is written off", seen);
    }
}

fn sums(evidence: &Evidence<'_>, outcome: &mut Outcome) {
    let (billed, total) = (evidence.bill.total(), evidence.books.total());
    // Without leases a kill loses what was under way; then it is only counted.
    let forgiven = if evidence.budgets { 0 } else { outcome.covered };
    if billed > total + forgiven {
        outcome.find("bill ≤ ledger", format!("billed {billed}, entered {total}"));
    }
    let unsettled = evidence.books.unsettled();
    for (model, _, _) in PRICES {
        let billed = evidence.bill.of_model(model);
        let of_model = evidence
            .books
            .entries
            .iter()
            .filter(|entry| entry.model == model);
        let entered: i128 = of_model.map(|entry| entry.cost).sum();
        if billed > entered + unsettled + forgiven {
            let seen =
                format!("{model}: billed {billed}, entered {entered}, unsettled {unsettled}");
            outcome.find("bill ≤ ledger by model", seen);
        }
    }
    let (excess, unproven) = (total - billed, evidence.books.unproven());
    if excess > unproven {
        let seen = format!("{excess} more than billed, {unproven} without a report");
        outcome.find("over-count ≤ the stated sum", seen);
    }
    let told = evidence.told["total"]["cost_usd"].as_str().and_then(pico);
    if told != Some(total) {
        let seen = format!("the report says {told:?}, the entries say {total}");
        outcome.find("reports add up the entries", seen);
    }
}

/// Whoever got an answer finds it in the ledger.
fn lost(evidence: &Evidence<'_>, outcome: &mut Outcome) {
    let entered: BTreeSet<&str> = evidence
        .books
        .entries
        .iter()
        .map(|entry| entry.request_id.as_str())
        .collect();
    let mut missing = Vec::new();
    for sent in evidence
        .journal
        .sent
        .iter()
        .filter(|sent| sent.status == 200)
    {
        let id = sent.request_id.as_deref().unwrap_or("no id");
        if entered.contains(id) {
            continue;
        }
        if near_a_kill(sent, evidence.lives) {
            outcome.note_covered(sent, evidence.lives);
        } else {
            let life = evidence.lives.get(sent.life);
            missing.push(format!("{id}: {sent:?}, its server: {life:?}"));
        }
    }
    outcome.lost = missing.len() as u64;
    if !missing.is_empty() {
        outcome.find("every answered call is in the ledger", examples(&missing));
    }
}

fn doubled(evidence: &Evidence<'_>, outcome: &mut Outcome) {
    let mut seen = BTreeSet::new();
    let mut entered: BTreeMap<&str, u64> = BTreeMap::new();
    let mut twice = Vec::new();
    for entry in &evidence.books.entries {
        if !seen.insert((&entry.request_id, entry.attempt, entry.adjustment)) {
            twice.push(entry.request_id.clone());
        }
        if entry.adjustment == 0 && !entry.is_unsettled() {
            *entered.entry(&entry.user).or_default() += 1;
        }
    }
    let mut sent: BTreeMap<&str, u64> = BTreeMap::new();
    for one in &evidence.journal.sent {
        *sent.entry(&one.user).or_default() += 1;
    }
    for (user, entries) in entered {
        let sent = sent.get(user).copied().unwrap_or_default();
        if entries > sent {
            twice.push(format!("{user}: sent {sent}, entered {entries}"));
        }
    }
    outcome.doubled = twice.len() as u64;
    if !twice.is_empty() {
        outcome.find("no attempt is entered twice", examples(&twice));
    }
}

fn examples(all: &[String]) -> String {
    let shown = all.iter().take(EXAMPLES_MAX).cloned().collect::<Vec<_>>();
    format!("{} of them: {}", all.len(), shown.join("; "))
}

/// Decimal USD as pico-USD; nothing if it is finer than that or no number.
pub(crate) fn pico(text: &str) -> Option<i128> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    if part.len() > PICO_DIGITS {
        return None;
    }
    format!("{whole}{part:0<PICO_DIGITS$}").parse().ok()
}

#[cfg(test)]
mod tests;
