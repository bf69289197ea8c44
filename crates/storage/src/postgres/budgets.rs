//! Budgets in SQL: made, changed, removed, and found for a call.
//!
//! Invariants: one budget for a scope and window; every edit raises the epoch in its transaction, what a template makes
//! does not; a new budget has a window of now, with what the ledger holds of it, and no entry slips by meanwhile.
//! Does not know: leases.

use tokio_postgres::Row;

use crate::budget_rows::{BOOKS, BudgetRow, BudgetSet, Scope, ScopeAnswer, ScopeAsk};
use crate::escrow_sums::WindowSums;
use crate::postgres::desk::Desk;
use crate::postgres::failure::Failure;
use crate::postgres::keys::{epoch_of, raise_epoch};
use crate::postgres::lease_rows::Windows;
use crate::postgres::pool::{Client, Lent};
use crate::postgres::start_sums::start_sum;
use crate::postgres::text::{from_text, to_text};
use crate::store::Wall;
use crate::windows::{WindowKind, day_of};

/// The value of a scope that stands for all that have none of their own.
const TEMPLATE: &str = "*";

pub(super) const BUDGET_COLUMNS: &str = "budget.budget_id, budget.scope_kind, budget.scope_value, budget.window_kind,
    budget.limit_pico_usd, budget.template_id, budget.created_at_ms, budget.created_epoch, budget.changed_epoch";
/// Holds for all but the books and what was removed; as the index has it.
pub(super) const LIVE: &str = "budget.removed_epoch IS NULL AND budget.budget_id > 0";

pub(super) fn read_budget(row: &Row) -> Result<BudgetRow, Failure> {
    Ok(BudgetRow {
        budget_id: row.try_get(0)?,
        scope_kind: row.try_get(1)?,
        scope_value: from_text(row.try_get(2)?),
        window: row.try_get(3)?,
        limit_pico_usd: row.try_get(4)?,
        template_id: row.try_get(5)?,
        created_at_ms: row.try_get(6)?,
        created_epoch: row.try_get(7)?,
        changed_epoch: row.try_get(8)?,
    })
}

/// All budgets, or those of one scope; `books` is the scope of the books.
pub(super) async fn budgets(
    client: &Client,
    filter: Option<&Scope>,
) -> Result<Vec<BudgetRow>, Failure> {
    if filter.is_some_and(|scope| scope.kind == "books") {
        let sql = format!("SELECT {BUDGET_COLUMNS} FROM budget WHERE budget_id = $1");
        let row = client.query_one(&sql, &[&BOOKS]).await?;
        return Ok(vec![read_budget(&row)?]);
    }
    let (kind, value) = match filter {
        Some(scope) => (Some(scope.kind.as_str()), Some(to_text(&scope.value))),
        None => (None, None),
    };
    let sql = format!(
        "SELECT {BUDGET_COLUMNS} FROM budget
        WHERE {LIVE} AND ($1::text IS NULL OR (scope_kind = $1 AND text_digest(scope_value) = text_digest($2)))
        ORDER BY budget_id"
    );
    let rows = client.query(&sql, &[&kind, &value]).await?;
    rows.iter().map(read_budget).collect()
}

async fn of_scope(
    client: &Client,
    kind: &str,
    value: &str,
    window: &str,
) -> Result<Option<BudgetRow>, Failure> {
    let sql = format!(
        "SELECT {BUDGET_COLUMNS} FROM budget
        WHERE {LIVE} AND scope_kind = $1 AND text_digest(scope_value) = text_digest($2) AND window_kind = $3"
    );
    let row = client
        .query_opt(&sql, &[&kind, &to_text(value), &window])
        .await?;
    row.as_ref().map(read_budget).transpose()
}

/// Makes a budget or changes its limit.
pub(super) async fn set(
    client: Lent,
    wall: Option<&Wall>,
    set: &BudgetSet,
) -> Result<BudgetRow, Failure> {
    let desk = Desk {
        client: &client,
        wall,
    };
    desk.hold_entries().await?;
    let found = of_scope(&client, &set.scope_kind, &set.scope_value, &set.window).await?;
    let Some(found) = found else {
        raise_epoch(&client).await?;
        let new = New {
            scope_kind: &set.scope_kind,
            scope_value: &set.scope_value,
            window: &set.window,
            limit: Some(set.limit_pico_usd),
            template_id: None,
        };
        return new.insert(desk).await;
    };
    if found.limit_pico_usd == Some(set.limit_pico_usd) && found.template_id.is_none() {
        return Ok(found);
    }
    let epoch = raise_epoch(&client).await?;
    // Waits for the grants under way, so that what is granted after an edit knows of it.
    desk.hold_windows().await?;
    // What a template made takes its limit; what is set by itself leaves it.
    let sql = "UPDATE budget SET limit_pico_usd = $2, changed_epoch = $3,
            template_id = CASE WHEN budget_id = $1 THEN NULL ELSE template_id END
        WHERE budget_id = $1 OR (template_id = $1 AND removed_epoch IS NULL)";
    client
        .execute(sql, &[&found.budget_id, &set.limit_pico_usd, &epoch])
        .await?;
    Ok(BudgetRow {
        limit_pico_usd: Some(set.limit_pico_usd),
        template_id: None,
        changed_epoch: epoch,
        ..found
    })
}

/// Removes a budget and what it made.
pub(super) async fn remove(client: Lent, scope: &Scope, window: &str) -> Result<bool, Failure> {
    let found = of_scope(&client, &scope.kind, &scope.value, window).await?;
    let Some(budget) = found else {
        return Ok(false);
    };
    let epoch = raise_epoch(&client).await?;
    let sql = "UPDATE budget SET removed_epoch = $2
        WHERE (budget_id = $1 OR template_id = $1) AND removed_epoch IS NULL";
    let removed = client.execute(sql, &[&budget.budget_id, &epoch]).await?;
    Ok(removed > 0)
}

struct New<'n> {
    scope_kind: &'n str,
    scope_value: &'n str,
    window: &'n str,
    limit: Option<i64>,
    template_id: Option<i64>,
}

impl New<'_> {
    /// The caller holds the entries.
    async fn insert(&self, desk: Desk<'_>) -> Result<BudgetRow, Failure> {
        let now_ms = desk.now().await?;
        let epoch = epoch_of(desk.client).await?;
        let sql = "INSERT INTO budget (scope_kind, scope_value, window_kind, limit_pico_usd, template_id, created_at_ms,
                created_epoch, changed_epoch)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $7) RETURNING budget_id";
        let row = desk
            .client
            .query_one(
                sql,
                &[
                    &self.scope_kind,
                    &to_text(self.scope_value),
                    &self.window,
                    &self.limit,
                    &self.template_id,
                    &now_ms,
                    &epoch,
                ],
            )
            .await?;
        let budget_id: i64 = row.try_get(0)?;
        if let Some(kind) = WindowKind::parse(self.window)
            && self.scope_value != TEMPLATE
        {
            let today = day_of(now_ms);
            let key = (budget_id, kind.start_of(today));
            let settled =
                start_sum(desk.client, self.scope_kind, self.scope_value, kind, today).await?;
            desk.lock_windows(std::iter::once(key)).await?;
            let sums = WindowSums {
                settled,
                ..WindowSums::default()
            };
            desk.write_windows(&Windows::from([(key, sums)])).await?;
        }
        Ok(BudgetRow {
            budget_id,
            scope_kind: self.scope_kind.to_owned(),
            scope_value: self.scope_value.to_owned(),
            window: self.window.to_owned(),
            limit_pico_usd: self.limit,
            template_id: self.template_id,
            created_at_ms: now_ms,
            created_epoch: epoch,
            changed_epoch: epoch,
        })
    }
}

/// What was found for a call without writing.
pub(super) struct Found {
    epoch: i64,
    budgets: Vec<BudgetRow>,
    /// Templates that have made nothing for the call yet, each with the scope's value.
    missing: Vec<(BudgetRow, String)>,
}

impl Found {
    /// Looks for the budgets that bind a call. One statement, so that the epoch belongs to the budgets.
    async fn read(client: &Client, ask: &ScopeAsk) -> Result<Found, Failure> {
        let sql = format!(
            "SELECT {BUDGET_COLUMNS}, (SELECT edits FROM epoch)
            FROM budget
            WHERE budget.budget_id = 0 OR ({LIVE} AND (budget.scope_kind, text_digest(budget.scope_value)) IN (
                SELECT kind, text_digest(value) FROM unnest($1::text[], $2::text[]) AS asked (kind, value)
                UNION SELECT kind, text_digest('*') FROM unnest($1::text[]) AS asked (kind) WHERE kind IN ('key', 'user')))
            ORDER BY budget.budget_id"
        );
        let kinds: Vec<&str> = ask.scopes.iter().map(|scope| scope.kind.as_str()).collect();
        let values: Vec<_> = ask
            .scopes
            .iter()
            .map(|scope| to_text(&scope.value))
            .collect();
        let mut found = Found {
            epoch: 0,
            budgets: Vec::new(),
            missing: Vec::new(),
        };
        let mut templates = Vec::new();
        for row in client.query(&sql, &[&kinds, &values]).await? {
            let budget = read_budget(&row)?;
            found.epoch = row.try_get(9)?;
            if budget.scope_value == TEMPLATE {
                templates.push(budget);
            } else {
                found.budgets.push(budget);
            }
        }
        for template in templates {
            let concrete = ask.scopes.iter().filter(|scope| scope.value != TEMPLATE);
            for scope in concrete.filter(|scope| scope.kind == template.scope_kind) {
                let is_made = found.budgets.iter().any(|budget| {
                    budget.scope_kind == scope.kind
                        && budget.scope_value == scope.value
                        && budget.window == template.window
                });
                let missing = (template.clone(), scope.value.clone());
                if !is_made && !found.missing.contains(&missing) {
                    found.missing.push(missing);
                }
            }
        }
        Ok(found)
    }

    fn answer(self) -> ScopeAnswer {
        ScopeAnswer::Budgets {
            epoch: self.epoch,
            budgets: self.budgets,
        }
    }
}

/// Finds the budgets of a call, unless some have to be made for it.
pub(super) async fn look(client: Lent, ask: &ScopeAsk) -> Result<Option<ScopeAnswer>, Failure> {
    let found = Found::read(&client, ask).await?;
    Ok(found.missing.is_empty().then(|| found.answer()))
}

/// Finds the budgets of a call and makes what templates owe it.
pub(super) async fn make(
    client: Lent,
    wall: Option<&Wall>,
    ask: &ScopeAsk,
) -> Result<ScopeAnswer, Failure> {
    let desk = Desk {
        client: &client,
        wall,
    };
    desk.hold_entries().await?;
    let found = Found::read(&client, ask).await?;
    let makes_user = found
        .missing
        .iter()
        .any(|(template, _)| template.scope_kind == "user");
    if makes_user && let Some(made_today) = count_end_user(desk, ask).await? {
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
        new.insert(desk).await?;
    }
    Ok(Found::read(&client, ask).await?.answer())
}

/// Counts one more end user of a key, or says how many it has made if it may make no more.
async fn count_end_user(desk: Desk<'_>, ask: &ScopeAsk) -> Result<Option<i64>, Failure> {
    let today = day_of(desk.now().await?);
    let key_id = to_text(&ask.key_id);
    // Whoever comes here holds the entries: nobody counts meanwhile.
    let sql = "SELECT made FROM end_users_made WHERE day = $1 AND key_id = $2";
    let row = desk.client.query_opt(sql, &[&today, &key_id]).await?;
    let made: i64 = row.map_or(Ok(0), |row| row.try_get(0))?;
    if made >= ask.end_users_per_key_day_max {
        return Ok(Some(made));
    }
    let sql = "INSERT INTO end_users_made (day, key_id, made) VALUES ($1, $2, $3)
        ON CONFLICT (day, key_id) DO UPDATE SET made = excluded.made";
    desk.client
        .execute(sql, &[&today, &key_id, &(made + 1)])
        .await?;
    Ok(None)
}
