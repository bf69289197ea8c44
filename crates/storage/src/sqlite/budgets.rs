//! Budgets in SQL: made, changed, removed, and found for a call.
//!
//! Invariants: one budget for a scope and window; every edit raises the epoch in its transaction, what a template makes
//! does not; a new budget has a window of now, with what the ledger holds of it.
//! Does not know: leases.

use rusqlite::{Connection, OptionalExtension, Row};

use crate::budget_rows::{BOOKS, BudgetRow, BudgetSet, Scope, ScopeAnswer, ScopeAsk};
use crate::escrow_sums::WindowSums;
use crate::sqlite::desk::Desk;
use crate::sqlite::disk::DiskStep;
use crate::sqlite::failure::Failure;
use crate::sqlite::keys::{epoch, raise_epoch};
use crate::sqlite::start_sums::start_sum;
use crate::windows::{WindowKind, day_of};

/// The value of a scope that stands for all that have none of their own.
const TEMPLATE: &str = "*";

const SELECT: &str = "SELECT budget_id, scope_kind, scope_value, window_kind, limit_pico_usd, template_id, created_at_ms,
    created_epoch, changed_epoch FROM budget WHERE ";
/// Holds for all but the books and what was removed; as the index has it.
const LIVE: &str = "removed_epoch IS NULL AND budget_id > 0";

pub(crate) fn read_budget(row: &Row<'_>) -> Result<BudgetRow, rusqlite::Error> {
    Ok(BudgetRow {
        budget_id: row.get(0)?,
        scope_kind: row.get(1)?,
        scope_value: row.get(2)?,
        window: row.get(3)?,
        limit_pico_usd: row.get(4)?,
        template_id: row.get(5)?,
        created_at_ms: row.get(6)?,
        created_epoch: row.get(7)?,
        changed_epoch: row.get(8)?,
    })
}

/// All budgets, or those of one scope.
pub(crate) fn budgets(
    connection: &Connection,
    filter: Option<&Scope>,
) -> Result<Vec<BudgetRow>, Failure> {
    let Some(scope) = filter else {
        let mut statement =
            connection.prepare_cached(&format!("{SELECT}{LIVE} ORDER BY budget_id"))?;
        let rows = statement.query_map([], read_budget)?;
        return Ok(rows.collect::<Result<Vec<BudgetRow>, rusqlite::Error>>()?);
    };
    if scope.kind == "books" {
        return Ok(vec![by_id(connection, BOOKS)?]);
    }
    of_scope(connection, &scope.kind, &scope.value)
}

fn of_scope(connection: &Connection, kind: &str, value: &str) -> Result<Vec<BudgetRow>, Failure> {
    let mut statement = connection.prepare_cached(&format!(
        "{SELECT}{LIVE} AND scope_kind = ? AND scope_value = ? ORDER BY budget_id"
    ))?;
    let rows = statement.query_map((kind, value), read_budget)?;
    Ok(rows.collect::<Result<Vec<BudgetRow>, rusqlite::Error>>()?)
}

/// Whether there ever was one.
pub(crate) fn had_any(connection: &Connection) -> Result<bool, Failure> {
    let sql = "SELECT EXISTS (SELECT 1 FROM budget WHERE budget_id > 0)";
    Ok(connection.query_row(sql, [], |row| row.get(0))?)
}

fn by_id(connection: &Connection, budget_id: i64) -> Result<BudgetRow, Failure> {
    let mut statement = connection.prepare_cached(&format!("{SELECT}budget_id = ?"))?;
    Ok(statement.query_row([budget_id], read_budget)?)
}

/// Makes a budget or changes its limit.
pub(crate) fn set(desk: Desk<'_>, set: &BudgetSet) -> Result<BudgetRow, Failure> {
    let scope = of_scope(desk.connection, &set.scope_kind, &set.scope_value)?;
    let Some(found) = scope.into_iter().find(|budget| budget.window == set.window) else {
        raise_epoch(desk.connection)?;
        let new = New {
            scope_kind: &set.scope_kind,
            scope_value: &set.scope_value,
            window: &set.window,
            limit: Some(set.limit_pico_usd),
            template_id: None,
        };
        return new.insert(desk);
    };
    if found.limit_pico_usd == Some(set.limit_pico_usd) && found.template_id.is_none() {
        return Ok(found);
    }
    raise_epoch(desk.connection)?;
    desk.step(DiskStep::Budget)?;
    desk.connection.execute(
        "UPDATE budget SET limit_pico_usd = ?2, template_id = NULL, changed_epoch = ?3 WHERE budget_id = ?1",
        (found.budget_id, set.limit_pico_usd, epoch(desk.connection)?),
    )?;
    desk.step(DiskStep::Budget)?;
    desk.connection.execute(
        "UPDATE budget SET limit_pico_usd = ?2, changed_epoch = ?3 WHERE template_id = ?1 AND removed_epoch IS NULL",
        (found.budget_id, set.limit_pico_usd, epoch(desk.connection)?),
    )?;
    by_id(desk.connection, found.budget_id)
}

/// Removes a budget and what it made.
pub(crate) fn remove(desk: Desk<'_>, scope: &Scope, window: &str) -> Result<bool, Failure> {
    let found = of_scope(desk.connection, &scope.kind, &scope.value)?;
    let Some(budget) = found.into_iter().find(|budget| budget.window == window) else {
        return Ok(false);
    };
    raise_epoch(desk.connection)?;
    desk.step(DiskStep::Budget)?;
    desk.connection.execute(
        "UPDATE budget SET removed_epoch = ?2 WHERE (budget_id = ?1 OR template_id = ?1) AND removed_epoch IS NULL",
        (budget.budget_id, epoch(desk.connection)?),
    )?;
    Ok(true)
}

struct New<'n> {
    scope_kind: &'n str,
    scope_value: &'n str,
    window: &'n str,
    limit: Option<i64>,
    template_id: Option<i64>,
}

impl New<'_> {
    fn insert(&self, desk: Desk<'_>) -> Result<BudgetRow, Failure> {
        let now_ms = desk.now()?;
        desk.step(DiskStep::Budget)?;
        desk.connection
            .prepare_cached(
                "INSERT INTO budget VALUES (NULL, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, NULL)",
            )?
            .execute((
                self.scope_kind,
                self.scope_value,
                self.window,
                self.limit,
                self.template_id,
                now_ms,
                epoch(desk.connection)?,
            ))?;
        let budget_id = desk.connection.last_insert_rowid();
        if let Some(kind) = WindowKind::parse(self.window)
            && self.scope_value != TEMPLATE
        {
            let today = day_of(now_ms);
            let sums = WindowSums {
                settled: start_sum(
                    desk.connection,
                    self.scope_kind,
                    self.scope_value,
                    kind,
                    today,
                )?,
                ..WindowSums::default()
            };
            desk.write_window((budget_id, kind.start_of(today)), &sums)?;
        }
        by_id(desk.connection, budget_id)
    }
}

/// What was found for a call without writing.
pub(crate) struct Found {
    epoch: i64,
    budgets: Vec<BudgetRow>,
    /// Templates that have made nothing for the call yet, each with the scope's value.
    missing: Vec<(BudgetRow, String)>,
}

impl Found {
    /// Looks for the budgets that bind a call. One transaction, so that the epoch belongs to the budgets.
    pub(crate) fn read(connection: &Connection, ask: &ScopeAsk) -> Result<Found, Failure> {
        let mut found = Found {
            epoch: epoch(connection)?,
            budgets: vec![by_id(connection, BOOKS)?],
            missing: Vec::new(),
        };
        for scope in &ask.scopes {
            let own = of_scope(connection, &scope.kind, &scope.value)?;
            if ["key", "user"].contains(&&*scope.kind) && scope.value != TEMPLATE {
                for template in of_scope(connection, &scope.kind, TEMPLATE)? {
                    if own.iter().all(|budget| budget.window != template.window) {
                        found.missing.push((template, scope.value.clone()));
                    }
                }
            }
            found.budgets.extend(
                own.into_iter()
                    .filter(|budget| budget.scope_value != TEMPLATE),
            );
        }
        Ok(found)
    }

    /// The answer, if nothing has to be made for it.
    pub(crate) fn complete(mut self) -> Option<ScopeAnswer> {
        if !self.missing.is_empty() {
            return None;
        }
        self.budgets.sort_by_key(|budget| budget.budget_id);
        self.budgets.dedup_by_key(|budget| budget.budget_id);
        Some(ScopeAnswer::Budgets {
            epoch: self.epoch,
            budgets: self.budgets,
        })
    }
}

/// Finds the budgets of a call and makes what templates owe it.
pub(crate) fn in_scope(desk: Desk<'_>, ask: &ScopeAsk) -> Result<ScopeAnswer, Failure> {
    let found = Found::read(desk.connection, ask)?;
    if found
        .missing
        .iter()
        .any(|(template, _)| template.scope_kind == "user")
        && let Some(made_today) = count_end_user(desk, ask)?
    {
        return Ok(ScopeAnswer::TooManyEndUsers { made_today });
    }
    for (template, value) in &found.missing {
        let new = New {
            scope_kind: &template.scope_kind,
            scope_value: value,
            window: &template.window,
            limit: template.limit_pico_usd,
            template_id: Some(template.budget_id),
        };
        new.insert(desk)?;
    }
    let found = Found::read(desk.connection, ask)?;
    let epoch = found.epoch;
    Ok(found.complete().unwrap_or(ScopeAnswer::Budgets {
        epoch,
        budgets: Vec::new(),
    }))
}

/// Counts one more end user of a key, or says how many it has made if it may make no more.
fn count_end_user(desk: Desk<'_>, ask: &ScopeAsk) -> Result<Option<i64>, Failure> {
    let today = day_of(desk.now()?);
    let made: Option<i64> = desk
        .connection
        .prepare_cached("SELECT made FROM end_users_made WHERE day = ? AND key_id = ?")?
        .query_row((today, &ask.key_id), |row| row.get(0))
        .optional()?;
    let made = made.unwrap_or_default();
    if made >= ask.end_users_per_key_day_max {
        return Ok(Some(made));
    }
    desk.step(DiskStep::Budget)?;
    desk.connection
        .prepare_cached("INSERT OR REPLACE INTO end_users_made VALUES (?, ?, ?)")?
        .execute((today, &ask.key_id, made + 1))?;
    Ok(None)
}
