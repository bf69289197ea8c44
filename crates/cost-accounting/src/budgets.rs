//! The budgets of a store: set, listed, raised, removed, and explained.
//!
//! Invariants: an edit is on disk when it returns; it binds when every live instance has seen its epoch, which
//! [`Budgets::unseen_by`] tells.
//! Does not know: command lines, who may edit.

use storage::{BudgetSet, BudgetState, Scope, ScopeAnswer, Store, StoreError};

use crate::budget::{Budget, BudgetScope, BudgetUnreadable, BudgetWindow, LIMIT_MAX};
use crate::escrow::CallScope;
use crate::explanation::{BudgetStanding, Explanation};
use crate::money::PicoUsd;

/// The budgets of a store. A clone is a second handle.
#[derive(Clone, Debug)]
pub struct Budgets {
    store: Store,
}

/// Why budgets could not be read or changed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BudgetError {
    /// No budget has this scope and window.
    #[error("find the {window} budget of {scope}: there is none")]
    NotFound {
        /// The scope that was named.
        scope: BudgetScope,
        /// The window that was named.
        window: BudgetWindow,
    },
    /// A budget can only be raised above what it is.
    #[error("raise the {window} budget of {scope}: it is {limit} USD already; to lower it, set it")]
    NotHigher {
        /// The scope that was named.
        scope: BudgetScope,
        /// The window that was named.
        window: BudgetWindow,
        /// The limit that stands.
        limit: PicoUsd,
    },
    /// The limit is below zero or above [`LIMIT_MAX`].
    #[error("set a budget: its limit must be between 0 and {LIMIT_MAX} USD")]
    Limit,
    /// A stored row is not known to this version.
    #[error(transparent)]
    Unreadable(#[from] BudgetUnreadable),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Budgets {
    /// The budgets of this store.
    #[must_use]
    pub fn new(store: Store) -> Budgets {
        Budgets { store }
    }

    /// Makes a budget, or changes its limit.
    ///
    /// Shape: at most one per scope and window. A new one starts from what the ledger holds of its window and scope.
    pub async fn set(
        &self,
        scope: &BudgetScope,
        window: BudgetWindow,
        limit: PicoUsd,
    ) -> Result<Budget, BudgetError> {
        let pico = i64::try_from(limit.pico()).ok().filter(|pico| *pico >= 0);
        let (kind, value) = scope.parts();
        let set = BudgetSet {
            scope_kind: kind.to_owned(),
            scope_value: value.to_owned(),
            window: window.name().to_owned(),
            limit_pico_usd: pico.ok_or(BudgetError::Limit)?,
        };
        let row = self.store.set_budget(set).await?;
        Ok(Budget::try_from(&row)?)
    }

    /// The daily budget for everything that a database begins with: set only where there never was a budget. Whether it was.
    pub async fn begin_with(&self, limit: PicoUsd) -> Result<bool, BudgetError> {
        if self.store.had_budgets().await? {
            return Ok(false);
        }
        self.set(&BudgetScope::Global, BudgetWindow::Day, limit)
            .await?;
        Ok(true)
    }

    /// Sets a higher limit on a budget that exists.
    pub async fn raise(
        &self,
        scope: &BudgetScope,
        window: BudgetWindow,
        limit: PicoUsd,
    ) -> Result<Budget, BudgetError> {
        let states = self.store.budget_states(Some(filter(scope))).await?;
        let state = states
            .iter()
            .find(|state| state.budget.window == window.name())
            .ok_or_else(|| BudgetError::NotFound {
                scope: scope.clone(),
                window,
            })?;
        let old = Budget::try_from(&state.budget)?.limit;
        if limit <= old {
            return Err(BudgetError::NotHigher {
                scope: scope.clone(),
                window,
                limit: old,
            });
        }
        self.set(scope, window, limit).await
    }

    /// Removes a budget; with a template go the budgets that it made. `false`: there was none.
    pub async fn remove(
        &self,
        scope: &BudgetScope,
        window: BudgetWindow,
    ) -> Result<bool, BudgetError> {
        let window = window.name().to_owned();
        Ok(self.store.remove_budget(filter(scope), window).await?)
    }

    /// All budgets as they stand now, or those of one scope, templates too.
    pub async fn list(
        &self,
        scope: Option<&BudgetScope>,
    ) -> Result<Vec<BudgetStanding>, BudgetError> {
        let states = self.store.budget_states(scope.map(filter)).await?;
        let standing = |state: &BudgetState| BudgetStanding::of(state, None);
        let standings: Result<Vec<BudgetStanding>, BudgetUnreadable> =
            states.iter().map(standing).collect();
        Ok(standings?)
    }

    /// How a call would fare that may cost `needed`: every budget in its scope, and which of them stands in the way.
    ///
    /// Shape: `own` is the running instance that asks, so that what it holds is told apart from what others hold. Templates make
    /// the budgets of this scope, as a call would.
    pub async fn explain(
        &self,
        scope: &CallScope,
        needed: PicoUsd,
        own: Option<[u8; 16]>,
    ) -> Result<Explanation, BudgetError> {
        let budgets = match self.store.budgets_in_scope(scope.ask(i64::MAX)).await? {
            ScopeAnswer::Budgets { budgets, .. } => budgets,
            ScopeAnswer::TooManyEndUsers { .. } => Vec::new(),
        };
        let mut standings = Vec::new();
        for row in budgets.iter().filter(|row| row.budget_id != storage::BOOKS) {
            let filter = Scope {
                kind: row.scope_kind.clone(),
                value: row.scope_value.clone(),
            };
            let states = self.store.budget_states(Some(filter)).await?;
            let state = states
                .iter()
                .find(|state| state.budget.budget_id == row.budget_id);
            // None: removed just now.
            if let Some(state) = state {
                standings.push(BudgetStanding::of(state, own)?);
            }
        }
        Ok(Explanation::new(scope.clone(), needed, standings))
    }

    /// How many live instances have not seen the last edit yet. At 0 it binds everywhere.
    pub async fn unseen_by(&self) -> Result<usize, BudgetError> {
        let epoch = self.store.epoch().await?;
        let instances = self.store.instances().await?;
        let behind = |seen: i64| seen < epoch;
        Ok(instances
            .iter()
            .filter(|instance| instance.alive && behind(instance.seen_epoch))
            .count())
    }
}

fn filter(scope: &BudgetScope) -> Scope {
    let (kind, value) = scope.parts();
    Scope {
        kind: kind.to_owned(),
        value: value.to_owned(),
    }
}
