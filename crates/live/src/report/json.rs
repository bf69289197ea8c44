//! `report.json`: the same rows in the same order, for programs.
//!
//! Invariants: a form that readers may rely on; `version` says which.
//! Does not know: how it is compared.

use serde_json::{Map, Value, json};

use super::{REPORT_VERSION, Report, drifts};
use crate::check::{Outcome, Row};

pub(super) fn write(report: &Report) -> String {
    let rows: Vec<Value> = report.rows.iter().map(row).collect();
    let found = drifts(&report.found)
        .into_iter()
        .map(|(state, finding)| json!({"state": state, "drift": finding.to_string()}));
    let value = json!({
        "version": REPORT_VERSION,
        "keyward": report.version,
        "when": report.when,
        "upstream": report.upstream,
        "replayed": report.replayed,
        "chat_model": report.chat_model,
        "embed_model": report.embed_model,
        "passed": report.passed(),
        "counts": {
            "pass": report.count("PASS"),
            "fail": report.count("FAIL"),
            "skip": report.count("SKIP"),
            "not_run": report.count("NOT RUN"),
        },
        "checks": rows,
        "drifts": found.collect::<Vec<_>>(),
        "gone": report.found.gone.iter().map(|drift| drift.difference.clone()).collect::<Vec<_>>(),
        "unseen": report.found.unseen.iter().map(|unseen| (unseen.contract.clone(), json!(unseen.fields))).collect::<Map<_, _>>(),
        "changed": report.found.changed.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "spend": {
            "priced_usd": report.spend.priced.to_string(),
            "billed_usd": report.spend.real.to_string(),
            "bound_usd": report.bound.priced.to_string(),
        },
    });
    let text = serde_json::to_string_pretty(&value).unwrap_or_default();
    text + "\n"
}

fn row(row: &Row) -> Value {
    let mut value = json!({"id": row.id, "door": row.door.name(), "outcome": row.outcome.word()});
    match &row.outcome {
        Outcome::Pass(figures) => {
            value["figures"] = Value::Object(
                figures
                    .iter()
                    .map(|(name, figure)| ((*name).to_owned(), json!(figure)))
                    .collect::<Map<_, _>>(),
            );
        }
        Outcome::Fail(why) | Outcome::Skip(why) => value["why"] = json!(why),
        Outcome::NotRun => value["why"] = json!("spend"),
    }
    value
}
