//! The operations on budgets, each a transaction on a connection for calls or for reports.
//!
//! Invariants: what a call waits for ends within `CALL_MAX`.
//! Does not know: SQL.

use crate::budget_rows::{
    AlertRow, Beat, BudgetRow, BudgetSet, BudgetState, GrantAnswer, InstanceRow, Return, Scope,
    ScopeAnswer, ScopeAsk, UnprovenRow, Want, WrittenOff,
};
use crate::error::{StoreError, StoreErrorKind};
use crate::limits::{check_budget, check_grant, check_scopes};
use crate::postgres::failure::Failure;
use crate::postgres::{
    PostgresStore, alerts, budget_states, budgets, ends, grants, instances, sums,
};
use crate::rows::UsageQuery;
use crate::store::Wall;

impl PostgresStore {
    pub(crate) async fn set_budget(&self, set: BudgetSet) -> Result<BudgetRow, StoreError> {
        const OPERATION: &str = "set budget";
        checked(OPERATION, check_budget(&set))?;
        // A first sum over a long ledger takes its time.
        let reports = &self.shared.reports;
        named(
            OPERATION,
            reports
                .write(|client| budgets::set(client, self.wall(), &set))
                .await,
        )
    }

    pub(crate) async fn remove_budget(
        &self,
        scope: Scope,
        window: String,
    ) -> Result<bool, StoreError> {
        let reports = &self.shared.reports;
        let remove = reports.write(|client| budgets::remove(client, &scope, &window));
        named("remove budget", remove.await)
    }

    pub(crate) async fn budget_states(
        &self,
        filter: Option<Scope>,
    ) -> Result<Vec<BudgetState>, StoreError> {
        let reports = &self.shared.reports;
        let read =
            reports.moment(|client| budget_states::states(client, self.wall(), filter.as_ref()));
        named("read budgets", read.await)
    }

    pub(crate) async fn budgets_in_scope(&self, ask: ScopeAsk) -> Result<ScopeAnswer, StoreError> {
        const OPERATION: &str = "find the budgets of a call";
        checked(OPERATION, check_scopes(&ask))?;
        let calls = &self.shared.calls;
        let found = calls.read(|client| budgets::look(client, &ask)).await;
        match named(OPERATION, found)? {
            Some(answer) => Ok(answer),
            None => named(
                OPERATION,
                calls
                    .write(|client| budgets::make(client, self.wall(), &ask))
                    .await,
            ),
        }
    }

    pub(crate) async fn open_instance(
        &self,
        instance: [u8; 16],
        lives_for_ms: i64,
    ) -> Result<Beat, StoreError> {
        let calls = &self.shared.calls;
        let open =
            calls.write(|client| instances::open(client, self.wall(), instance, lives_for_ms));
        named("open an instance", open.await)
    }

    pub(crate) async fn heartbeat(
        &self,
        instance: [u8; 16],
        seen_epoch: i64,
        lives_for_ms: i64,
    ) -> Result<Beat, StoreError> {
        let calls = &self.shared.calls;
        let beat = calls.write(|client| {
            instances::heartbeat(client, self.wall(), instance, seen_epoch, lives_for_ms)
        });
        named("prolong the life of an instance", beat.await)
    }

    pub(crate) async fn grant(
        &self,
        instance: [u8; 16],
        asks: Vec<Vec<Want>>,
    ) -> Result<GrantAnswer, StoreError> {
        const OPERATION: &str = "grant leases";
        checked(OPERATION, check_grant(&asks))?;
        let calls = &self.shared.calls;
        let grant = calls.write(|client| grants::grant(client, self.wall(), instance, &asks));
        named(OPERATION, grant.await)
    }

    pub(crate) async fn give_back(
        &self,
        instance: [u8; 16],
        returns: Vec<Return>,
    ) -> Result<(), StoreError> {
        let calls = &self.shared.calls;
        let give = calls.write(|client| instances::give_back(client, instance, &returns));
        named("give back leases", give.await)
    }

    pub(crate) async fn write_off_dead(
        &self,
        own: [u8; 16],
    ) -> Result<Vec<WrittenOff>, StoreError> {
        let mut written_off = Vec::new();
        loop {
            let reports = &self.shared.reports;
            let write_off = reports.write(|client| ends::write_off(client, self.wall(), own));
            let progress = named("write off the leases of the dead", write_off.await)?;
            written_off.extend(progress.written_off);
            if !progress.more {
                return Ok(written_off);
            }
        }
    }

    pub(crate) async fn close_instance(&self, instance: [u8; 16]) -> Result<(), StoreError> {
        // What entries still charge must not be given back before they have charged it.
        self.flush().await?;
        loop {
            let calls = &self.shared.calls;
            let close = calls.write(|client| ends::close(client, instance));
            if !named("close an instance", close.await)? {
                return Ok(());
            }
        }
    }

    pub(crate) async fn instances(&self) -> Result<Vec<InstanceRow>, StoreError> {
        let calls = &self.shared.calls;
        let read = calls.read(|client| instances::instances(client, self.wall()));
        named("read instances", read.await)
    }

    pub(crate) async fn mark_alert(
        &self,
        budget_id: i64,
        window_start: i64,
        percent: i64,
    ) -> Result<bool, StoreError> {
        let key = (budget_id, window_start);
        let calls = &self.shared.calls;
        let mark = calls.write(|client| alerts::mark(client, self.wall(), key, percent));
        named("mark an alert", mark.await)
    }

    pub(crate) async fn alerts_waiting(
        &self,
        alerts_max: i64,
        claim_ms: i64,
    ) -> Result<Vec<AlertRow>, StoreError> {
        let calls = &self.shared.calls;
        let claim = calls.write(|client| alerts::claim(client, self.wall(), alerts_max, claim_ms));
        named("claim alerts", claim.await)
    }

    pub(crate) async fn alert_delivered(&self, alert_id: i64) -> Result<(), StoreError> {
        let calls = &self.shared.calls;
        let note = calls.write(|client| alerts::note_delivery(client, alert_id));
        named("note the delivery of an alert", note.await)
    }

    pub(crate) async fn unproven(&self, query: UsageQuery) -> Result<Vec<UnprovenRow>, StoreError> {
        let reports = &self.shared.reports;
        let read = reports.read(|client| sums::unproven(client, &query));
        named("read what is unproven", read.await)
    }

    fn wall(&self) -> Option<&Wall> {
        self.shared.wall.as_ref()
    }
}

fn checked(operation: &'static str, outcome: Result<(), StoreErrorKind>) -> Result<(), StoreError> {
    outcome.map_err(|kind| StoreError::new(operation, kind))
}

fn named<T>(operation: &'static str, outcome: Result<T, Failure>) -> Result<T, StoreError> {
    outcome.map_err(|failure| failure.during(operation))
}
