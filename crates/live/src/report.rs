//! The report of a run, as a value; its two forms are made from it.
//!
//! Invariants: holds no key, and text of an answer only as evidence of a check that did not pass.
//! Does not know: how a run came about.

use contracts::Finding;

use crate::check::{Outcome, Row};
use crate::observation::Found;
use crate::spend::Spend;

mod json;
mod markdown;

/// Grows with every change of the form of `report.json` that a reader could trip over.
pub const REPORT_VERSION: u64 = 1;

/// What a run showed.
pub struct Report {
    /// When it ended, UTC.
    pub when: String,
    /// The version of keyward, as its crate has it.
    pub version: &'static str,
    /// The upstream's name.
    pub upstream: String,
    /// Against a cassette, recorded on this day.
    pub replayed: Option<String>,
    /// The model that generated.
    pub chat_model: String,
    /// The model that embedded.
    pub embed_model: String,
    /// All checks.
    pub rows: Vec<Row>,
    /// Drifts and changes.
    pub found: Found,
    /// What it cost.
    pub(crate) spend: Spend,
    /// The most that it could have cost.
    pub(crate) bound: Spend,
    /// Share of skipped checks that is allowed, in percent.
    pub skipped_percent_max: u32,
    /// What differs from an older report; nothing if none was given.
    pub compared: Option<crate::compare::Comparison>,
}

impl Report {
    /// How many rows ended with this word.
    pub fn count(&self, word: &str) -> usize {
        self.rows
            .iter()
            .filter(|row| row.outcome.word() == word)
            .count()
    }

    /// Whether more was skipped than is allowed.
    pub fn too_much_skipped(&self) -> bool {
        self.count("SKIP") * 100 > self.rows.len() * self.skipped_percent_max as usize
    }

    /// Whether the run passes.
    pub fn passed(&self) -> bool {
        let worse = self
            .compared
            .as_ref()
            .is_some_and(|compared| !compared.broken.is_empty());
        let only_good = self
            .rows
            .iter()
            .all(|row| matches!(row.outcome, Outcome::Pass(_) | Outcome::Skip(_)));
        only_good && !self.too_much_skipped() && !worse
    }

    /// For programs.
    pub fn json(&self) -> String {
        json::write(self)
    }

    /// For people.
    pub fn markdown(&self) -> String {
        markdown::write(self)
    }

    /// One line: how the run ended.
    pub fn verdict(&self) -> String {
        let counts = format!(
            "{} passed, {} failed, {} skipped",
            self.count("PASS"),
            self.count("FAIL"),
            self.count("SKIP")
        );
        let not_run = match self.count("NOT RUN") {
            0 => String::new(),
            number => format!(", {number} not run: spend"),
        };
        let much = if self.too_much_skipped() {
            format!("; more than {} % skipped", self.skipped_percent_max)
        } else {
            String::new()
        };
        let word = if self.passed() { "PASS" } else { "FAIL" };
        format!("{word}: {counts}{not_run}{much}")
    }
}

/// The drifts of a run with what is known of each, in the order of the report.
fn drifts(found: &Found) -> Vec<(&'static str, &Finding)> {
    let new = found.new.iter().map(|finding| ("new", finding));
    let now = found.accepted_now.iter();
    let now = now.map(|finding| ("accepted now", finding));
    let accepted = found.accepted.iter().map(|finding| ("accepted", finding));
    new.chain(now).chain(accepted).collect()
}
