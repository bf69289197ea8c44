//! `keyward keys list`: what is known of each key.
//!
//! Invariants: no secret is here to be shown.
//! Does not know: how keys are made.

use access::{Keyring, VirtualKey};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::cli::keys::List;
use crate::clocks;
use crate::table::{Format, Rows, say};

/// Writes the list.
pub(crate) fn show(list: &List, keyring: &Keyring) -> anyhow::Result<()> {
    let now = clocks::now();
    let keys = keyring.list();
    if list.format == Format::Json {
        let keys: Vec<Value> = keys.iter().map(|key| as_json(key, now)).collect();
        return say(&json!({ "keys": keys }).to_string());
    }
    let rows = Rows {
        columns: &[
            "id",
            "name",
            "project",
            "state",
            "models",
            "endpoints",
            "tags",
            "created",
            "expires",
        ],
        rows: keys.iter().map(|key| as_row(key, now)).collect(),
    };
    match list.format {
        Format::Csv => say(&rows.csv()?),
        _ if rows.rows.is_empty() => {
            say("No keys yet. Make one: keyward keys create --name NAME\n")
        }
        _ => say(&rows.table()),
    }
}

fn as_row(key: &VirtualKey, now: Timestamp) -> Vec<String> {
    let all_or = |list: &[String]| {
        if list.is_empty() {
            "all".to_owned()
        } else {
            list.join(" ")
        }
    };
    let day = |at: Timestamp| at.strftime("%Y-%m-%d").to_string();
    vec![
        key.id.clone(),
        key.name.clone(),
        key.project.clone(),
        state(key, now).to_owned(),
        all_or(&key.models),
        all_or(&key.endpoints),
        key.tags.join(" "),
        day(key.created_at),
        key.expires_at.map(day).unwrap_or_default(),
    ]
}

/// A key as JSON.
pub(crate) fn as_json(key: &VirtualKey, now: Timestamp) -> Value {
    json!({
        "id": key.id,
        "name": key.name,
        "project": key.project,
        "state": state(key, now),
        "models": key.models,
        "endpoints": key.endpoints,
        "tags": key.tags,
        "requests_per_minute": key.requests_per_minute,
        "created_at": key.created_at.to_string(),
        "expires_at": key.expires_at.map(|at| at.to_string()),
        "revoked_at": key.revoked_at.map(|at| at.to_string()),
    })
}

fn state(key: &VirtualKey, now: Timestamp) -> &'static str {
    if key.revoked_at.is_some() {
        "revoked"
    } else if key.expires_at.is_some_and(|at| at <= now) {
        "expired"
    } else {
        "active"
    }
}
