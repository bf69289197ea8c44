//! The operations on budgets.
//!
//! Invariants: one transaction each.
//! Does not know: SQL.

use crate::budget_rows::{
    AlertRow, Beat, BudgetRow, BudgetSet, BudgetState, GrantAnswer, InstanceRow, Return, Scope,
    ScopeAnswer, ScopeAsk, UnprovenRow, Want, WrittenOff,
};
use crate::error::{StoreError, StoreErrorKind};
use crate::postgres::PostgresStore;
use crate::rows::UsageQuery;

fn missing<T>(operation: &'static str) -> Result<T, StoreError> {
    let kind = StoreErrorKind::Internal("not built yet".to_owned());
    Err(StoreError::new(operation, kind))
}

impl PostgresStore {
    pub(crate) async fn set_budget(&self, _set: BudgetSet) -> Result<BudgetRow, StoreError> {
        missing("set budget")
    }
    pub(crate) async fn remove_budget(
        &self,
        _scope: Scope,
        _window: String,
    ) -> Result<bool, StoreError> {
        missing("remove budget")
    }
    pub(crate) async fn budget_states(
        &self,
        _filter: Option<Scope>,
    ) -> Result<Vec<BudgetState>, StoreError> {
        missing("read budgets")
    }
    pub(crate) async fn budgets_in_scope(&self, _ask: ScopeAsk) -> Result<ScopeAnswer, StoreError> {
        missing("find budgets")
    }
    pub(crate) async fn open_instance(
        &self,
        _instance: [u8; 16],
        _lives_for_ms: i64,
    ) -> Result<Beat, StoreError> {
        missing("open instance")
    }
    pub(crate) async fn heartbeat(
        &self,
        _instance: [u8; 16],
        _seen_epoch: i64,
        _lives_for_ms: i64,
    ) -> Result<Beat, StoreError> {
        missing("beat")
    }
    pub(crate) async fn grant(
        &self,
        _instance: [u8; 16],
        _asks: Vec<Vec<Want>>,
    ) -> Result<GrantAnswer, StoreError> {
        missing("grant")
    }
    pub(crate) async fn give_back(
        &self,
        _instance: [u8; 16],
        _returns: Vec<Return>,
    ) -> Result<(), StoreError> {
        missing("give back")
    }
    pub(crate) async fn write_off_dead(
        &self,
        _own: [u8; 16],
    ) -> Result<Vec<WrittenOff>, StoreError> {
        missing("write off")
    }
    pub(crate) async fn close_instance(&self, _instance: [u8; 16]) -> Result<(), StoreError> {
        missing("close instance")
    }
    pub(crate) async fn instances(&self) -> Result<Vec<InstanceRow>, StoreError> {
        missing("read instances")
    }
    pub(crate) async fn mark_alert(
        &self,
        _budget_id: i64,
        _window_start: i64,
        _percent: i64,
    ) -> Result<bool, StoreError> {
        missing("mark alert")
    }
    pub(crate) async fn alerts_waiting(
        &self,
        _alerts_max: i64,
        _claim_ms: i64,
    ) -> Result<Vec<AlertRow>, StoreError> {
        missing("read alerts")
    }
    pub(crate) async fn alert_delivered(&self, _alert_id: i64) -> Result<(), StoreError> {
        missing("note alert")
    }
    pub(crate) async fn unproven(
        &self,
        _query: UsageQuery,
    ) -> Result<Vec<UnprovenRow>, StoreError> {
        missing("read unproven")
    }
}
