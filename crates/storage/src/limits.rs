//! What a row may hold, checked before it is queued, so that one bad row never fails its neighbours' commit.
//!
//! Invariants: a row that passes is taken by the tables; every text and list has a maximum.
//! Does not know: SQL.

use crate::budget_rows::{BudgetSet, EntryWrite, ScopeAsk, Want};
use crate::error::StoreErrorKind;
use crate::rows::{EntryRow, KeyRow, ObjectRow};
use crate::windows::WindowKind;

/// Longest text field of a row, in bytes.
pub const TEXT_BYTES_MAX: usize = 4_096;
/// Most strings in a list of a row.
pub const LIST_MAX: usize = 256;
/// Most tokens of one class in one entry; keeps the daily sums far from the end of 64 bits.
pub const TOKENS_MAX: i64 = 1_000_000_000_000;

/// Most scopes of one call: a key's tags, and global, project, key, model and user beside them.
pub const SCOPES_MAX: usize = LIST_MAX + 5;
/// Most leases that one entry charges: a budget of each window for every scope, and the books.
pub const LEASES_MAX: usize = SCOPES_MAX * 3 + 1;
/// Most wants in one list of asks; some 50 ms of work.
pub const WANTS_MAX: usize = 4_096;

/// Most objects kept at once.
pub const OBJECTS_MAX: usize = 1_000;

/// What a budget may be set for.
const SCOPES: [&str; 6] = ["global", "project", "key", "model", "user", "tag"];
/// The states of entries that are no adjustment.
const STATES: [&str; 3] = ["reported", "estimated", "unsettled"];

pub(crate) fn check_write(write: &EntryWrite) -> Result<(), StoreErrorKind> {
    require(
        write.leases.len() <= LEASES_MAX,
        "leases",
        "has too many parts",
    )?;
    check_entry(&write.row)
}

pub(crate) fn check_objects(rows: &[ObjectRow]) -> Result<(), StoreErrorKind> {
    require(rows.len() <= OBJECTS_MAX, "objects", "are too many at once")?;
    for row in rows {
        for (field, text) in [
            ("object_id", &row.id),
            ("kind", &row.kind),
            ("key_id", &row.key_id),
            ("project", &row.project),
        ] {
            require(text.len() <= TEXT_BYTES_MAX, field, "is too long")?;
        }
    }
    Ok(())
}

fn check_entry(row: &EntryRow) -> Result<(), StoreErrorKind> {
    let adjusted = row.adjustment > 0;
    require(row.attempt >= 0, "attempt", "is below zero")?;
    require(row.adjustment >= 0, "adjustment", "is below zero")?;
    require(
        adjusted == row.adjusts.is_some(),
        "adjusts",
        "must be set on adjustments, and only there",
    )?;
    require(
        adjusted == (row.state == "adjusted"),
        "state",
        "must be `adjusted` on adjustments, and only there",
    )?;
    require(
        adjusted || STATES.contains(&row.state.as_str()),
        "state",
        "is not a known state",
    )?;
    let tokens_min = if adjusted { -TOKENS_MAX } else { 0 };
    for (field, tokens) in [
        ("input_tokens", row.input_tokens),
        ("cached_input_tokens", row.cached_input_tokens),
        ("cache_write_30m_tokens", row.cache_write_30m_tokens),
        ("cache_write_12h_tokens", row.cache_write_12h_tokens),
        ("output_tokens", row.output_tokens),
        ("reasoning_tokens", row.reasoning_tokens),
    ] {
        require(
            (tokens_min..=TOKENS_MAX).contains(&tokens),
            field,
            "is out of range",
        )?;
    }
    require(
        adjusted || row.cost_pico_usd >= 0,
        "cost_pico_usd",
        "is below zero",
    )?;
    require(row.latency_ms >= 0, "latency_ms", "is below zero")?;
    require(
        row.first_chunk_ms.is_none_or(|at| at >= 0),
        "first_chunk_ms",
        "is below zero",
    )?;
    check_texts(&[
        ("key_id", Some(&row.key_id)),
        ("project", Some(&row.project)),
        ("endpoint", Some(&row.endpoint)),
        ("model", Some(&row.model)),
        ("model_served", row.model_served.as_ref()),
        ("upstream", Some(&row.upstream)),
        ("service_tier", row.service_tier.as_ref()),
        ("price_row", row.price_row.as_ref()),
        ("other_usage", row.other_usage.as_ref()),
        ("outcome", Some(&row.outcome)),
        ("end_user", row.end_user.as_ref()),
    ])?;
    check_list("tags", &row.tags)
}

pub(crate) fn check_key(row: &KeyRow) -> Result<(), StoreErrorKind> {
    check_texts(&[
        ("id", Some(&row.id)),
        ("name", Some(&row.name)),
        ("project", Some(&row.project)),
    ])?;
    check_list("models", &row.models)?;
    check_list("endpoints", &row.endpoints)?;
    check_list("tags", &row.tags)?;
    let known = ["minted", "imported", "weak"].contains(&row.origin.as_str());
    require(known, "origin", "is not a known origin")?;
    require(
        row.requests_per_minute.is_none_or(|count| count > 0),
        "requests_per_minute",
        "is not above zero",
    )
}

pub(crate) fn check_budget(set: &BudgetSet) -> Result<(), StoreErrorKind> {
    let known = SCOPES.contains(&set.scope_kind.as_str());
    require(known, "scope_kind", "is not a known scope")?;
    require(
        (set.scope_kind == "global") == set.scope_value.is_empty(),
        "scope_value",
        "must be set, but not for `global`",
    )?;
    require(
        set.scope_value != "*" || ["key", "user"].contains(&&*set.scope_kind),
        "scope_value",
        "may be `*` only for keys and users",
    )?;
    require(
        WindowKind::parse(&set.window).is_some(),
        "window",
        "is not a known window",
    )?;
    require(set.limit_pico_usd >= 0, "limit_pico_usd", "is below zero")?;
    check_texts(&[("scope_value", Some(&set.scope_value))])
}

pub(crate) fn check_scopes(ask: &ScopeAsk) -> Result<(), StoreErrorKind> {
    require(
        ask.scopes.len() <= SCOPES_MAX,
        "scopes",
        "has too many parts",
    )?;
    for scope in &ask.scopes {
        check_texts(&[("scope_value", Some(&scope.value))])?;
    }
    check_texts(&[("key_id", Some(&ask.key_id))])
}

pub(crate) fn check_grant(asks: &[Vec<Want>]) -> Result<(), StoreErrorKind> {
    let wants = asks.iter().map(Vec::len).sum::<usize>();
    require(wants <= WANTS_MAX, "asks", "has too many parts")
}

fn check_texts(texts: &[(&'static str, Option<&String>)]) -> Result<(), StoreErrorKind> {
    for (field, text) in texts {
        require(
            text.is_none_or(|text| text.len() <= TEXT_BYTES_MAX),
            field,
            "is too long",
        )?;
    }
    Ok(())
}

fn check_list(field: &'static str, list: &[String]) -> Result<(), StoreErrorKind> {
    require(list.len() <= LIST_MAX, field, "has too many parts")?;
    require(
        list.iter().all(|text| text.len() <= TEXT_BYTES_MAX),
        field,
        "has a part that is too long",
    )
}

fn require(holds: bool, field: &'static str, reason: &'static str) -> Result<(), StoreErrorKind> {
    if holds {
        Ok(())
    } else {
        Err(StoreErrorKind::Invalid { field, reason })
    }
}

#[cfg(test)]
mod tests {
    use super::{LEASES_MAX, LIST_MAX, SCOPES_MAX, check_scopes, check_write};
    use crate::budget_rows::{EntryWrite, Scope, ScopeAsk};
    use crate::lost::unsettled;

    #[test]
    fn an_entry_bound_by_budgets_of_every_tag_and_window_is_taken() {
        let write = |leases: usize| EntryWrite {
            row: unsettled(1, 0, 1, 0),
            leases: (0..).take(leases).collect(),
            epoch: 0,
        };
        assert!(check_write(&write((LIST_MAX + 5) * 3 + 1)).is_ok());
        assert!(check_write(&write(LEASES_MAX + 1)).is_err());
    }

    #[test]
    fn a_call_of_a_key_with_the_most_tags_finds_its_budgets() {
        let ask = |scopes: usize| ScopeAsk {
            scopes: vec![
                Scope {
                    kind: "tag".to_owned(),
                    value: "a".to_owned(),
                };
                scopes
            ],
            key_id: "key_a".to_owned(),
            end_users_per_key_day_max: 1,
        };
        assert!(check_scopes(&ask(LIST_MAX + 5)).is_ok());
        assert!(check_scopes(&ask(SCOPES_MAX + 1)).is_err());
    }
}
