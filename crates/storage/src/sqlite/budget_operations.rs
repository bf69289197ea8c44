//! The operations on budgets, handed to the writer or to a reader.
//!
//! Invariants: what changes a budget, a lease or an instance runs on the writer's thread, after all entries that were
//! handed over before.
//! Does not know: SQL.

use std::sync::Arc;

use crate::budget_rows::{
    AlertRow, Beat, BudgetRow, BudgetSet, BudgetState, GrantAnswer, InstanceRow, Return, Scope,
    ScopeAnswer, ScopeAsk, UnprovenRow, Want, WrittenOff,
};
use crate::error::StoreError;
use crate::limits::{check_budget, check_grant, check_scopes};
use crate::rows::UsageQuery;
use crate::sqlite::budgets::Found;
use crate::sqlite::desk::{Desk, edit};
use crate::sqlite::failure::Failure;
use crate::sqlite::writer::{Command, Grant};
use crate::sqlite::{SqliteStore, budget_states, budgets, ends, instances, sums};

impl SqliteStore {
    pub(crate) async fn set_budget(&self, set: BudgetSet) -> Result<BudgetRow, StoreError> {
        const OPERATION: &str = "set budget";
        check_budget(&set).map_err(|kind| StoreError::new(OPERATION, kind))?;
        self.edit(OPERATION, move |desk| budgets::set(desk, &set))
            .await
    }

    pub(crate) async fn had_budgets(&self) -> Result<bool, StoreError> {
        let readers = &self.shared.readers;
        readers.read("look for budgets", budgets::had_any).await
    }

    pub(crate) async fn remove_budget(
        &self,
        scope: Scope,
        window: String,
    ) -> Result<bool, StoreError> {
        self.edit("remove budget", move |desk| {
            budgets::remove(desk, &scope, &window)
        })
        .await
    }

    pub(crate) async fn budget_states(
        &self,
        filter: Option<Scope>,
    ) -> Result<Vec<BudgetState>, StoreError> {
        let wall = Arc::clone(&self.shared.wall);
        let read = move |connection: &_| budget_states::states(connection, &wall, filter.as_ref());
        self.shared.readers.read_moment("read budgets", read).await
    }

    pub(crate) async fn budgets_in_scope(&self, ask: ScopeAsk) -> Result<ScopeAnswer, StoreError> {
        const OPERATION: &str = "find the budgets of a call";
        check_scopes(&ask).map_err(|kind| StoreError::new(OPERATION, kind))?;
        let asked = ask.clone();
        let read = move |connection: &_| Found::read(connection, &asked);
        let found = self.shared.readers.read_moment(OPERATION, read).await?;
        match found.complete() {
            Some(answer) => Ok(answer),
            None => {
                self.edit(OPERATION, move |desk| budgets::in_scope(desk, &ask))
                    .await
            }
        }
    }

    pub(crate) async fn open_instance(
        &self,
        instance: [u8; 16],
        lives_for_ms: i64,
    ) -> Result<Beat, StoreError> {
        let open = move |desk: Desk<'_>| instances::open(desk, instance, lives_for_ms);
        self.edit("open an instance", open).await
    }

    pub(crate) async fn heartbeat(
        &self,
        instance: [u8; 16],
        seen_epoch: i64,
        lives_for_ms: i64,
    ) -> Result<Beat, StoreError> {
        let beat =
            move |desk: Desk<'_>| instances::heartbeat(desk, instance, seen_epoch, lives_for_ms);
        self.edit("prolong the life of an instance", beat).await
    }

    pub(crate) async fn grant(
        &self,
        instance: [u8; 16],
        asks: Vec<Vec<Want>>,
    ) -> Result<GrantAnswer, StoreError> {
        const OPERATION: &str = Grant::OPERATION;
        check_grant(&asks).map_err(|kind| StoreError::new(OPERATION, kind))?;
        self.command(OPERATION, move |answer| {
            Command::Grant(Grant {
                instance,
                asks,
                answer,
            })
        })
        .await
    }

    pub(crate) async fn give_back(
        &self,
        instance: [u8; 16],
        returns: Vec<Return>,
    ) -> Result<(), StoreError> {
        let give = move |desk: Desk<'_>| instances::give_back(desk, instance, &returns);
        self.edit("give back leases", give).await
    }

    pub(crate) async fn write_off_dead(
        &self,
        own: [u8; 16],
    ) -> Result<Vec<WrittenOff>, StoreError> {
        let mut written_off = Vec::new();
        loop {
            let write_off = move |desk: Desk<'_>| ends::write_off(desk, own);
            let progress = self
                .edit("write off the leases of the dead", write_off)
                .await?;
            written_off.extend(progress.written_off);
            if !progress.more {
                return Ok(written_off);
            }
        }
    }

    pub(crate) async fn close_instance(&self, instance: [u8; 16]) -> Result<(), StoreError> {
        // What entries still charge must not be given back before they have charged it.
        self.flush().await?;
        let close = move |desk: Desk<'_>| ends::close(desk, instance);
        while self.edit("close an instance", close).await? {}
        Ok(())
    }

    pub(crate) async fn instances(&self) -> Result<Vec<InstanceRow>, StoreError> {
        let wall = Arc::clone(&self.shared.wall);
        let read = move |connection: &_| instances::instances(connection, &wall);
        self.shared.readers.read("read instances", read).await
    }

    pub(crate) async fn mark_alert(
        &self,
        budget_id: i64,
        window_start: i64,
        percent: i64,
    ) -> Result<bool, StoreError> {
        let mark =
            move |desk: Desk<'_>| budget_states::mark_alert(desk, budget_id, window_start, percent);
        self.edit("mark an alert", mark).await
    }

    pub(crate) async fn alerts_waiting(
        &self,
        alerts_max: i64,
        claim_ms: i64,
    ) -> Result<Vec<AlertRow>, StoreError> {
        let claim = move |desk: Desk<'_>| budget_states::claim_alerts(desk, alerts_max, claim_ms);
        self.edit("claim alerts", claim).await
    }

    pub(crate) async fn alert_delivered(&self, alert_id: i64) -> Result<(), StoreError> {
        let note = move |desk: Desk<'_>| budget_states::note_delivery(desk, alert_id);
        self.edit("note the delivery of an alert", note).await
    }

    pub(crate) async fn unproven(&self, query: UsageQuery) -> Result<Vec<UnprovenRow>, StoreError> {
        let read = move |connection: &_| sums::unproven(connection, &query);
        self.shared
            .readers
            .read("read what is unproven", read)
            .await
    }

    /// Runs an edit on the writer's thread, in a transaction of its own.
    pub(super) async fn edit<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl FnOnce(Desk<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.command(operation, move |answer| {
            Command::Edit(Box::new(move |connection, disk, wall| {
                let result = edit(connection, disk, wall, work);
                let committed = result.is_ok();
                // Who asked may be gone.
                let _ = answer.send(result.map_err(|failure| failure.during(operation)));
                committed
            }))
        })
        .await
    }
}
