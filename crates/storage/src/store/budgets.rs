//! The store's operations on budgets, leases and instances.
//!
//! Invariants: in every window settled + leased stays within the limit at every grant; what is granted is on disk
//! before the answer; a repeat of any operation is safe.
//! Does not know: SQL; who holds what of a lease in memory.

use crate::budget_rows::{
    AlertRow, Beat, BudgetRow, BudgetSet, BudgetState, GrantAnswer, InstanceRow, Return, Scope,
    ScopeAnswer, ScopeAsk, UnprovenRow, Want, WrittenOff,
};
use crate::error::StoreError;
use crate::rows::UsageQuery;
use crate::store::Store;

impl Store {
    /// Makes a budget or changes its limit, and raises the epoch; the same limit again changes nothing.
    ///
    /// Shape: a new one starts from what the ledger holds of its window and scope. The budgets that a template made take
    /// its new limit; one of them that is set by itself leaves the template.
    /// Errors: `Invalid` for an unknown scope or window, or a limit below zero.
    pub async fn set_budget(&self, set: BudgetSet) -> Result<BudgetRow, StoreError> {
        match self {
            Store::Sqlite(store) => store.set_budget(set).await,
            Store::Postgres(store) => store.set_budget(set).await,
        }
    }

    /// Whether there ever was a budget, one that was removed included.
    pub async fn had_budgets(&self) -> Result<bool, StoreError> {
        match self {
            Store::Sqlite(store) => store.had_budgets().await,
            Store::Postgres(store) => store.had_budgets().await,
        }
    }

    /// Removes a budget and raises the epoch; with a template goes what it made. `false`: there was none.
    ///
    /// Shape: windows and leases stay, so that what is under way can settle.
    pub async fn remove_budget(&self, scope: Scope, window: String) -> Result<bool, StoreError> {
        match self {
            Store::Sqlite(store) => store.remove_budget(scope, window).await,
            Store::Postgres(store) => store.remove_budget(scope, window).await,
        }
    }

    /// All budgets as they stand now, by id, or those of exactly this scope. Neither removed ones nor the books; those are
    /// shown for a scope of the kind `books`.
    pub async fn budget_states(
        &self,
        filter: Option<Scope>,
    ) -> Result<Vec<BudgetState>, StoreError> {
        match self {
            Store::Sqlite(store) => store.budget_states(filter).await,
            Store::Postgres(store) => store.budget_states(filter).await,
        }
    }

    /// The budgets that bind a call; what templates make of its key and end user is made now, each starting from what
    /// the ledger holds of its window. That does not move the epoch.
    pub async fn budgets_in_scope(&self, ask: ScopeAsk) -> Result<ScopeAnswer, StoreError> {
        match self {
            Store::Sqlite(store) => store.budgets_in_scope(ask).await,
            Store::Postgres(store) => store.budgets_in_scope(ask).await,
        }
    }

    /// Begins the life of an instance; sixteen new random bytes each time.
    ///
    /// Errors: `Fenced` if an instance of this name has died.
    pub async fn open_instance(
        &self,
        instance: [u8; 16],
        lives_for_ms: i64,
    ) -> Result<Beat, StoreError> {
        match self {
            Store::Sqlite(store) => store.open_instance(instance, lives_for_ms).await,
            Store::Postgres(store) => store.open_instance(instance, lives_for_ms).await,
        }
    }

    /// Prolongs the life of an instance, notes which epoch it works by, and tells what others want of it.
    pub async fn heartbeat(
        &self,
        instance: [u8; 16],
        seen_epoch: i64,
        lives_for_ms: i64,
    ) -> Result<Beat, StoreError> {
        match self {
            Store::Sqlite(store) => store.heartbeat(instance, seen_epoch, lives_for_ms).await,
            Store::Postgres(store) => store.heartbeat(instance, seen_epoch, lives_for_ms).await,
        }
    }

    /// Grants money into the leases of an instance, in one transaction; on disk when it returns.
    ///
    /// Shape: each ask gets all of its wants or none. If others hold what is missing, they read it in their next
    /// heartbeat. After a lost answer, the totals in [`Granted`](crate::Granted) tell what was granted unknown.
    /// Errors: `Fenced` if the instance is dead; `Invalid` for a want below zero or of a budget that never was.
    pub async fn grant(
        &self,
        instance: [u8; 16],
        asks: Vec<Vec<Want>>,
    ) -> Result<GrantAnswer, StoreError> {
        match self {
            Store::Sqlite(store) => store.grant(instance, asks).await,
            Store::Postgres(store) => store.grant(instance, asks).await,
        }
    }

    /// Gives back what of open leases is not needed, at most what remains of them; on disk when it returns. Leases that
    /// are closed, or another's, are left alone.
    pub async fn give_back(
        &self,
        instance: [u8; 16],
        returns: Vec<Return>,
    ) -> Result<(), StoreError> {
        match self {
            Store::Sqlite(store) => store.give_back(instance, returns).await,
            Store::Postgres(store) => store.give_back(instance, returns).await,
        }
    }

    /// Charges what dead instances still held, but for `own`, to its windows, and forgets them.
    ///
    /// Shape: for each lease of the books an `unsettled` entry; a settlement that comes later takes back from it.
    pub async fn write_off_dead(&self, own: [u8; 16]) -> Result<Vec<WrittenOff>, StoreError> {
        match self {
            Store::Sqlite(store) => store.write_off_dead(own).await,
            Store::Postgres(store) => store.write_off_dead(own).await,
        }
    }

    /// Ends the life of an instance and gives back all that remains of its leases: call it when nothing is held.
    pub async fn close_instance(&self, instance: [u8; 16]) -> Result<(), StoreError> {
        match self {
            Store::Sqlite(store) => store.close_instance(instance).await,
            Store::Postgres(store) => store.close_instance(instance).await,
        }
    }

    /// All instances, dead ones too until they are written off: an edit binds when each that lives has seen its epoch.
    pub async fn instances(&self) -> Result<Vec<InstanceRow>, StoreError> {
        match self {
            Store::Sqlite(store) => store.instances().await,
            Store::Postgres(store) => store.instances().await,
        }
    }

    /// Notes that a window crossed a share of its limit. `true`: nobody had noted it for this window and limit.
    pub async fn mark_alert(
        &self,
        budget_id: i64,
        window_start: i64,
        percent: i64,
    ) -> Result<bool, StoreError> {
        match self {
            Store::Sqlite(store) => store.mark_alert(budget_id, window_start, percent).await,
            Store::Postgres(store) => store.mark_alert(budget_id, window_start, percent).await,
        }
    }

    /// Claims up to `alerts_max` alerts that nobody delivered, oldest first, for so long: until then no other caller
    /// gets them.
    pub async fn alerts_waiting(
        &self,
        alerts_max: i64,
        claim_ms: i64,
    ) -> Result<Vec<AlertRow>, StoreError> {
        match self {
            Store::Sqlite(store) => store.alerts_waiting(alerts_max, claim_ms).await,
            Store::Postgres(store) => store.alerts_waiting(alerts_max, claim_ms).await,
        }
    }

    /// Notes that an alert was delivered, or given up.
    pub async fn alert_delivered(&self, alert_id: i64) -> Result<(), StoreError> {
        match self {
            Store::Sqlite(store) => store.alert_delivered(alert_id).await,
            Store::Postgres(store) => store.alert_delivered(alert_id).await,
        }
    }

    /// What was charged without a report of the upstream, from the daily sums; groups without any are left out.
    pub async fn unproven(&self, query: UsageQuery) -> Result<Vec<UnprovenRow>, StoreError> {
        match self {
            Store::Sqlite(store) => store.unproven(query).await,
            Store::Postgres(store) => store.unproven(query).await,
        }
    }

    /// Returns when another instance may have edited or recalled something; on SQLite never, and polling does it.
    pub async fn notified(&self) {
        match self {
            Store::Sqlite(_) => std::future::pending().await,
            Store::Postgres(store) => store.notified().await,
        }
    }
}
