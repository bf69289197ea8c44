//! Which budgets bind a call, as last looked up, and a bounded memory of it.
//!
//! Invariants: at most `SCOPES_MAX` calls' scopes are remembered; a scope in use is not forgotten before one that is not; the
//! books come first.
//! Does not know: what is left of a budget.

use std::collections::HashMap;
use std::sync::Arc;

use storage::{BudgetRow, Scope, ScopeAsk};

use crate::budget::{BudgetScope, BudgetUnreadable, BudgetWindow};

/// How many scopes of calls are remembered.
pub(crate) const SCOPES_MAX: usize = 65_536;

/// Who makes a call and with what: all that a budget's scope may name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CallScope {
    /// Public id of the virtual key.
    pub key_id: Arc<str>,
    /// Project of the key.
    pub project: Arc<str>,
    /// The model that is asked for.
    pub model: Arc<str>,
    /// The end user, if the caller named one.
    pub end_user: Option<Arc<str>>,
    /// Tags of the key.
    pub tags: Arc<[String]>,
}

impl CallScope {
    /// What is asked of the store to learn the budgets.
    pub(crate) fn ask(&self, end_users_per_key_day_max: i64) -> ScopeAsk {
        let scope = |kind: &str, value: &str| Scope {
            kind: kind.to_owned(),
            value: value.to_owned(),
        };
        let mut scopes = vec![
            scope("global", ""),
            scope("project", &self.project),
            scope("key", &self.key_id),
            scope("model", &self.model),
        ];
        scopes.extend(self.end_user.iter().map(|user| scope("user", user)));
        scopes.extend(self.tags.iter().map(|tag| scope("tag", tag)));
        // A name that reads as a template is nobody's.
        scopes.retain(|scope| {
            scope.value != "*" && (scope.kind == "global" || !scope.value.is_empty())
        });
        ScopeAsk {
            scopes,
            key_id: self.key_id.as_ref().to_owned(),
            end_users_per_key_day_max,
        }
    }
}

/// What escrow has to know of a budget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) budget_id: i64,
    pub(crate) scope: BudgetScope,
    pub(crate) window: BudgetWindow,
    /// `None` for the books alone.
    pub(crate) limit: Option<i64>,
    pub(crate) created_epoch: i64,
    pub(crate) changed_epoch: i64,
}

impl Facts {
    pub(crate) fn read(row: &BudgetRow) -> Result<Facts, BudgetUnreadable> {
        let unreadable = |field| BudgetUnreadable {
            budget_id: row.budget_id,
            field,
        };
        Ok(Facts {
            budget_id: row.budget_id,
            scope: BudgetScope::of_parts(&row.scope_kind, &row.scope_value)
                .map_err(|_| unreadable("scope"))?,
            window: row.window.parse().map_err(|_| unreadable("window"))?,
            limit: row.limit_pico_usd,
            created_epoch: row.created_epoch,
            changed_epoch: row.changed_epoch,
        })
    }
}

/// The budgets that bind calls of one scope.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) scope: CallScope,
    /// Every budget in scope made up to this epoch is here.
    pub(crate) epoch: i64,
    /// Which state of the memory it belongs to; one edit of budgets or keys makes a new one.
    pub(crate) view: u64,
    pub(crate) budgets: Vec<Arc<Facts>>,
    /// The smallest limit.
    pub(crate) tightest: Option<i64>,
}

impl Known {
    /// What the store said at an epoch to a look-up that was begun in a view.
    pub(crate) fn read(
        scope: CallScope,
        (view, epoch): (u64, i64),
        rows: &[BudgetRow],
    ) -> Result<Known, BudgetUnreadable> {
        let budgets: Result<Vec<Arc<Facts>>, BudgetUnreadable> = rows
            .iter()
            .map(|row| Facts::read(row).map(Arc::new))
            .collect();
        let budgets = budgets?;
        Ok(Known {
            scope,
            epoch,
            view,
            tightest: budgets.iter().filter_map(|facts| facts.limit).min(),
            budgets,
        })
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = i64> {
        self.budgets.iter().map(|facts| facts.budget_id)
    }
}

/// The memory, in two halves: when the young one is full it becomes the old one, and the old one is forgotten. So what is in use
/// moves along, and no list of uses has to be kept.
#[derive(Debug, Default)]
pub(crate) struct Scopes {
    young: HashMap<CallScope, Arc<Known>>,
    old: HashMap<CallScope, Arc<Known>>,
}

impl Scopes {
    pub(crate) fn find(&mut self, scope: &CallScope) -> Option<Arc<Known>> {
        if let Some(known) = self.young.get(scope) {
            return Some(Arc::clone(known));
        }
        let known = self.old.remove(scope)?;
        self.insert(Arc::clone(&known));
        Some(known)
    }

    pub(crate) fn insert(&mut self, known: Arc<Known>) {
        if self.young.len() >= SCOPES_MAX / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(known.scope.clone(), known);
    }

    pub(crate) fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{CallScope, Known, SCOPES_MAX, Scopes};

    fn scope(user: &str) -> CallScope {
        CallScope {
            key_id: "key_1".into(),
            project: "demo".into(),
            model: "*".into(),
            end_user: Some(user.into()),
            tags: vec!["blue".to_owned()].into(),
        }
    }

    fn known(user: &str) -> Arc<Known> {
        Arc::new(Known {
            scope: scope(user),
            epoch: 0,
            view: 0,
            budgets: Vec::new(),
            tightest: None,
        })
    }

    #[test]
    fn a_name_that_is_a_star_asks_for_no_template() {
        let ask = scope("").ask(5);
        let found: Vec<String> = ask
            .scopes
            .iter()
            .map(|scope| format!("{}:{}", scope.kind, scope.value))
            .collect();
        assert_eq!(found, ["global:", "project:demo", "key:key_1", "tag:blue"]);
    }

    #[test]
    fn a_scope_in_use_outlives_a_flood_of_others() {
        let mut scopes = Scopes::default();
        scopes.insert(known("used"));
        for user in 0..SCOPES_MAX + 10 {
            scopes.insert(known(&user.to_string()));
            if user % 1_000 == 0 {
                assert!(scopes.find(&scope("used")).is_some());
            }
        }
        assert!(scopes.young.len() + scopes.old.len() <= SCOPES_MAX);
        assert!(scopes.find(&scope("0")).is_none());
        scopes.clear();
        assert!(scopes.find(&scope("used")).is_none());
    }
}
