//! What was used and spent, summed by day, model, key or project.
//!
//! Invariants: the total is the sum of the rows; order is stable: days ascending, else cost descending, then by name.
//! Does not know: tables, JSON, where the sums come from.

use std::collections::HashMap;

use jiff::civil::Date;
use storage::{UnprovenRow, UsageBy, UsageQuery, UsageRow};

use crate::calendar::{date_of, day_of_date};
use crate::entry::EntryError;
use crate::money::PicoUsd;

/// What the rows of a report stand for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ReportBy {
    /// UTC days.
    #[default]
    Day,
    /// The models that were asked for.
    Model,
    /// Ids of virtual keys.
    Key,
    /// Projects of the keys.
    Project,
}

/// Which entries a report sums, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReportQuery {
    /// What the rows stand for.
    pub by: ReportBy,
    /// First UTC day, included.
    pub from: Option<Date>,
    /// Last UTC day, included.
    pub to: Option<Date>,
    /// Only this key.
    pub key_id: Option<String>,
    /// Only this project.
    pub project: Option<String>,
    /// Only this model.
    pub model: Option<String>,
}

/// One row of a report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReportRow {
    /// The day as `YYYY-MM-DD`, the model, the key's id or the project; `total` in the sum.
    pub group: String,
    /// Requests that reached an upstream or the cache.
    pub requests: u64,
    /// Attempts on upstreams.
    pub attempts: u64,
    /// Input tokens of all classes.
    pub input_tokens: u64,
    /// Output tokens, reasoning among them.
    pub output_tokens: u64,
    /// What it cost.
    pub cost: PicoUsd,
    /// The part of it that nobody reported, charged at the bound of the calls; corrections of it counted.
    pub estimated: PicoUsd,
    /// The part of it that was under way when a process ended, charged for want of proof; corrections of it counted.
    pub unsettled: PicoUsd,
}

/// A report and its total.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Ordered rows; a group without entries has none.
    pub rows: Vec<ReportRow>,
    /// Their sum.
    pub total: ReportRow,
}

impl From<ReportQuery> for UsageQuery {
    fn from(query: ReportQuery) -> UsageQuery {
        UsageQuery {
            by: match query.by {
                ReportBy::Day => UsageBy::Day,
                ReportBy::Model => UsageBy::Model,
                ReportBy::Key => UsageBy::Key,
                ReportBy::Project => UsageBy::Project,
            },
            day_from: query.from.map(day_of_date),
            day_to: query.to.map(day_of_date),
            key_id: query.key_id,
            project: query.project,
            model: query.model,
        }
    }
}

impl Report {
    /// Makes a report of the store's sums and of the part of them that nobody proved.
    ///
    /// Errors: [`EntryError`] for sums that no ledger of ours has, e.g. negative counts.
    pub(crate) fn of(
        by: ReportBy,
        sums: Vec<UsageRow>,
        unproven: Vec<UnprovenRow>,
    ) -> Result<Report, EntryError> {
        let mut unproven: HashMap<String, UnprovenRow> = unproven
            .into_iter()
            .map(|row| (row.group.clone(), row))
            .collect();
        let mut rows = sums
            .into_iter()
            .map(|sum| {
                let unproven = unproven.remove(&sum.group);
                row(by, sum, unproven)
            })
            .collect::<Result<Vec<_>, _>>()?;
        rows.sort_by(|left, right| match by {
            ReportBy::Day => left.group.cmp(&right.group),
            _ => right
                .cost
                .cmp(&left.cost)
                .then_with(|| left.group.cmp(&right.group)),
        });
        let total = total(&rows)?;
        Ok(Report { rows, total })
    }
}

fn row(
    by: ReportBy,
    sum: UsageRow,
    unproven: Option<UnprovenRow>,
) -> Result<ReportRow, EntryError> {
    let (estimated, unsettled) = unproven.map_or((0, 0), |unproven| {
        (unproven.estimated_pico_usd, unproven.unsettled_pico_usd)
    });
    let group = match by {
        ReportBy::Day => day_text(&sum.group)?,
        _ => sum.group,
    };
    Ok(ReportRow {
        group,
        requests: count("requests", sum.requests)?,
        attempts: count("attempts", sum.attempts)?,
        input_tokens: count("input_tokens", sum.input_tokens)?,
        output_tokens: count("output_tokens", sum.output_tokens)?,
        cost: PicoUsd::from_pico(sum.cost_pico_usd),
        estimated: PicoUsd::from_pico(estimated),
        unsettled: PicoUsd::from_pico(unsettled),
    })
}

fn day_text(number: &str) -> Result<String, EntryError> {
    let date = number.parse().ok().and_then(date_of);
    date.map(|date| date.to_string())
        .ok_or(EntryError::Unreadable {
            field: "window_day",
        })
}

fn count(field: &'static str, number: i64) -> Result<u64, EntryError> {
    u64::try_from(number).map_err(|_| EntryError::Unreadable { field })
}

fn total(rows: &[ReportRow]) -> Result<ReportRow, EntryError> {
    Ok(ReportRow {
        group: "total".to_owned(),
        requests: sum("requests", rows.iter().map(|row| row.requests))?,
        attempts: sum("attempts", rows.iter().map(|row| row.attempts))?,
        input_tokens: sum("input_tokens", rows.iter().map(|row| row.input_tokens))?,
        output_tokens: sum("output_tokens", rows.iter().map(|row| row.output_tokens))?,
        cost: money(rows.iter().map(|row| row.cost))?,
        estimated: money(rows.iter().map(|row| row.estimated))?,
        unsettled: money(rows.iter().map(|row| row.unsettled))?,
    })
}

fn money(mut costs: impl Iterator<Item = PicoUsd>) -> Result<PicoUsd, EntryError> {
    costs
        .try_fold(PicoUsd::ZERO, PicoUsd::checked_add)
        .ok_or(EntryError::TooLarge {
            field: "cost_pico_usd",
        })
}

fn sum(field: &'static str, mut counts: impl Iterator<Item = u64>) -> Result<u64, EntryError> {
    counts
        .try_fold(0_u64, u64::checked_add)
        .ok_or(EntryError::TooLarge { field })
}

#[cfg(test)]
mod tests {
    use storage::{UnprovenRow, UsageRow};

    use super::{Report, ReportBy};
    use crate::entry::EntryError;
    use crate::money::PicoUsd;

    fn sum(group: &str, cost_pico_usd: i128) -> UsageRow {
        UsageRow {
            group: group.to_owned(),
            requests: 2,
            attempts: 3,
            input_tokens: 50,
            output_tokens: 7,
            cost_pico_usd,
        }
    }

    fn check(by: ReportBy, sums: &[(&str, i128)], groups: &[&str]) {
        let sums = sums.iter().map(|(group, cost)| sum(group, *cost)).collect();
        let report = Report::of(by, sums, Vec::new()).unwrap();
        let found: Vec<&str> = report.rows.iter().map(|row| row.group.as_str()).collect();
        assert_eq!(found, groups);
    }

    #[test]
    fn the_dearest_comes_first_and_names_settle_ties() {
        let sums = [("b", 5), ("c", 9), ("a", 5), ("free", 0)];
        for by in [ReportBy::Model, ReportBy::Key, ReportBy::Project] {
            check(by, &sums, &["c", "a", "b", "free"]);
        }
    }

    #[test]
    fn days_are_dates_in_their_order_whatever_they_cost() {
        let sums = [("20779", 1), ("9999", 7), ("20778", 9)];
        check(
            ReportBy::Day,
            &sums,
            &["1997-05-18", "2026-11-21", "2026-11-22"],
        );
    }

    #[test]
    fn the_total_is_the_sum_of_the_rows() {
        let report = Report::of(
            ReportBy::Model,
            vec![sum("a", 5), sum("b", 1_600_000)],
            Vec::new(),
        )
        .unwrap();
        let total = report.total;
        assert_eq!(total.group, "total");
        assert_eq!((total.requests, total.attempts), (4, 6));
        assert_eq!((total.input_tokens, total.output_tokens), (100, 14));
        assert_eq!(total.cost, PicoUsd::from_pico(1_600_005));
    }

    #[test]
    fn what_was_charged_for_want_of_proof_stands_beside_the_rest() {
        let unproven = UnprovenRow {
            group: "a".to_owned(),
            estimated_pico_usd: 3,
            unsettled_pico_usd: 1,
        };
        let sums = vec![sum("a", 5), sum("b", 9)];
        let report = Report::of(ReportBy::Model, sums, vec![unproven]).unwrap();
        let found = report.rows.iter().chain([&report.total]);
        let found: Vec<(i128, i128, i128)> = found
            .map(|row| (row.cost.pico(), row.estimated.pico(), row.unsettled.pico()))
            .collect();
        assert_eq!(found, [(9, 0, 0), (5, 3, 1), (14, 3, 1)]);
    }

    #[test]
    fn nothing_used_is_an_empty_report() {
        let report = Report::of(ReportBy::Day, Vec::new(), Vec::new()).unwrap();
        assert_eq!(
            (report.rows.len(), report.total.requests, report.total.cost),
            (0, 0, PicoUsd::ZERO)
        );
    }

    #[test]
    fn sums_that_cannot_be_are_refused() {
        let negative = UsageRow {
            attempts: -1,
            ..sum("a", 0)
        };
        assert_eq!(
            Report::of(ReportBy::Model, vec![negative], Vec::new()),
            Err(EntryError::Unreadable { field: "attempts" })
        );
        assert_eq!(
            Report::of(ReportBy::Day, vec![sum("yesterday", 0)], Vec::new()),
            Err(EntryError::Unreadable {
                field: "window_day"
            })
        );
        let huge = UsageRow {
            requests: i64::MAX,
            ..sum("a", 0)
        };
        assert_eq!(
            Report::of(
                ReportBy::Model,
                vec![huge.clone(), huge.clone(), huge],
                Vec::new()
            ),
            Err(EntryError::TooLarge { field: "requests" })
        );
    }
}
