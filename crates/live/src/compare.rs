//! What differs between two reports.
//!
//! Invariants: reads `report.json` alone, so that it works without a run.
//! Does not know: checks, upstreams.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::report::REPORT_VERSION;

/// What differs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Passed before and failed or did not run now.
    pub broken: Vec<String>,
    /// Checks whose outcome changed otherwise, or that came or went; before them, in what the runs were no equals.
    pub changed: Vec<String>,
    /// Figures that moved by more than the ratio.
    pub moved: Vec<String>,
    /// Drifts that are new.
    pub drifted: Vec<String>,
    /// Drifts that are gone.
    pub settled: Vec<String>,
}

/// Reads a report.
///
/// Errors: it can't be read, or is of another version.
pub(crate) fn read(path: &Path) -> anyhow::Result<Value> {
    let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    let report: Value =
        serde_json::from_str(&text).with_context(|| format!("read {}", path.display()))?;
    ensure!(
        report["version"] == REPORT_VERSION,
        "{} has version {}, this suite reads {REPORT_VERSION}",
        path.display(),
        report["version"]
    );
    Ok(report)
}

impl Comparison {
    /// Holds a new report against an old one. `ratio` is above 1.
    pub(crate) fn of(old: &Value, new: &Value, ratio: f64) -> Self {
        let mut comparison = Self {
            changed: unlike(old, new),
            ..Self::default()
        };
        let (before, after) = (rows(old), rows(new));
        let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        for name in names {
            let outcome = |rows: &BTreeMap<String, &Value>| {
                rows.get(name)
                    .map(|row| row["outcome"].as_str().unwrap_or_default().to_owned())
            };
            let (was, is) = (outcome(&before), outcome(&after));
            if was != is {
                let line = format!(
                    "{name}: {} → {}",
                    was.as_deref().unwrap_or("not there"),
                    is.as_deref().unwrap_or("not there")
                );
                let broken = was.as_deref() == Some("PASS")
                    && matches!(is.as_deref(), Some("FAIL" | "NOT RUN"));
                if broken {
                    comparison.broken.push(line)
                } else {
                    comparison.changed.push(line)
                }
            }
            comparison
                .moved
                .extend(moved(name, before.get(name), after.get(name), ratio));
        }
        let (before, after) = (drifts(old), drifts(new));
        comparison.drifted = after.difference(&before).cloned().collect();
        comparison.settled = before.difference(&after).cloned().collect();
        comparison
    }

    /// For people.
    pub fn markdown(&self) -> String {
        let parts = [
            ("Passed before and not now", &self.broken),
            ("Other things that changed", &self.changed),
            ("Figures that moved", &self.moved),
            ("New drifts", &self.drifted),
            ("Drifts that are gone", &self.settled),
        ];
        let mut text = String::new();
        for (title, lines) in parts.iter().filter(|(_, lines)| !lines.is_empty()) {
            text += &format!("{title}:\n\n");
            text.extend(lines.iter().map(|line| format!("- {line}\n")));
            text.push('\n');
        }
        if text.is_empty() {
            "Nothing changed.\n".to_owned()
        } else {
            text
        }
    }
}

/// In what the two runs were no equals, so that nobody takes another model's figures for a change.
fn unlike(old: &Value, new: &Value) -> Vec<String> {
    let names = ["upstream", "replayed", "chat_model", "embed_model"];
    let differ = names.iter().filter(|name| old[**name] != new[**name]);
    differ
        .map(|name| format!("{name}: {} → {}", old[*name], new[*name]))
        .collect()
}

fn rows(report: &Value) -> BTreeMap<String, &Value> {
    let rows = report["checks"].as_array().into_iter().flatten();
    rows.map(|row| {
        (
            format!(
                "{} ({})",
                row["id"].as_str().unwrap_or_default(),
                row["door"].as_str().unwrap_or_default()
            ),
            row,
        )
    })
    .collect()
}

fn drifts(report: &Value) -> BTreeSet<String> {
    let drifts = report["drifts"].as_array().into_iter().flatten();
    drifts
        .filter_map(|drift| drift["drift"].as_str().map(str::to_owned))
        .collect()
}

fn moved(name: &str, before: Option<&&Value>, after: Option<&&Value>, ratio: f64) -> Vec<String> {
    let (Some(before), Some(after)) = (before, after) else {
        return Vec::new();
    };
    let figures = before["figures"].as_object().into_iter().flatten();
    let far =
        |was: f64, is: f64| was != is && (was.min(is) <= 0.0 || was.max(is) / was.min(is) > ratio);
    figures
        .filter_map(|(figure, was)| {
            Some((
                figure,
                was.as_f64()?,
                after["figures"][figure.as_str()].as_f64()?,
            ))
        })
        .filter(|(_, was, is)| far(*was, *is))
        .map(|(figure, was, is)| format!("{name}: {figure} {was} → {is}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::Comparison;
    use serde_json::{Value, json};

    fn report(outcome: &str, p95: f64, drift: &str) -> Value {
        json!({"checks": [{"id": "a.b", "door": "direct", "outcome": outcome, "figures": {"p95_ms": p95}}], "drifts": [{"drift": drift}]})
    }

    #[test]
    fn a_report_does_not_differ_from_itself() {
        let one = report("PASS", 10.0, "x");
        assert_eq!(Comparison::of(&one, &one, 1.5), Comparison::default());
    }

    #[test]
    fn what_passed_and_fails_is_broken() {
        let comparison =
            Comparison::of(&report("PASS", 10.0, "x"), &report("FAIL", 10.0, "x"), 1.5);
        assert_eq!(comparison.broken, ["a.b (direct): PASS → FAIL"]);
        let other = Comparison::of(&report("FAIL", 10.0, "x"), &report("PASS", 10.0, "x"), 1.5);
        assert_eq!((other.broken.len(), other.changed.len()), (0, 1));
        let gone = Comparison::of(&report("PASS", 10.0, "x"), &json!({}), 1.5);
        assert_eq!(gone.changed, ["a.b (direct): PASS → not there"]);
    }

    #[test]
    fn figures_move_beyond_the_ratio_only() {
        let moved = |was, is| {
            Comparison::of(&report("PASS", was, "x"), &report("PASS", is, "x"), 1.5)
                .moved
                .len()
        };
        assert_eq!(
            [
                moved(10.0, 14.0),
                moved(10.0, 16.0),
                moved(16.0, 10.0),
                moved(0.0, 1.0),
                moved(0.0, 0.0)
            ],
            [0, 1, 1, 1, 0]
        );
    }

    #[test]
    fn reports_of_two_models_are_told_apart() {
        let of = |model: &str| json!({"upstream": "u", "replayed": null, "chat_model": model});
        assert_eq!(
            Comparison::of(&of("a"), &of("b"), 1.5).changed,
            ["chat_model: \"a\" → \"b\""]
        );
    }

    #[test]
    fn drifts_come_and_go() {
        let comparison = Comparison::of(
            &report("PASS", 1.0, "old"),
            &report("PASS", 1.0, "new"),
            1.5,
        );
        assert_eq!(
            (comparison.drifted, comparison.settled),
            (vec!["new".to_owned()], vec!["old".to_owned()])
        );
    }
}
