//! The task that asks the store for money, for all who wait at once.
//!
//! Invariants: one grant is under way at a time; whoever waits is served, refused or still in the queue after each; a store
//! that fails refuses who waited for it.
//! Does not know: who waits, or why.

use std::sync::Arc;

use tokio::time::MissedTickBehavior;

use crate::escrow::cold::CLOSED;
use crate::escrow::event::EscrowEvent;
use crate::escrow::plan::{Asker, Plan};
use crate::escrow::queue::Ticket;
use crate::escrow::settings::RECHECK;
use crate::escrow::shared::Shared;

impl Shared {
    /// Grants until closed.
    pub(crate) async fn run_granter(self: &Arc<Self>) {
        let mut closed = self.closed.subscribe();
        let mut recheck = tokio::time::interval(RECHECK);
        recheck.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let has_parked = self.lock().queue.has_parked();
            tokio::select! {
                () = self.granter.notified() => {}
                _ = recheck.tick(), if has_parked => self.lock().recheck(),
                _ = closed.wait_for(|is_closed| *is_closed) => break,
            }
            while self.grant_round().await {}
        }
        let verdicts = self.lock().fail(None, CLOSED);
        self.deliver(verdicts);
    }

    /// Serves who can be served and asks the store once for the others. Gives whether it asked, so that there may be more to do.
    pub(crate) async fn grant_round(self: &Arc<Self>) -> bool {
        let now = self.now();
        let is_overdue = {
            let state = self.lock();
            state.queue.len() > 0 && !state.may_cut(now)
        };
        if is_overdue && let Err(error) = self.beat().await {
            let verdicts = self.lock().fail(None, &error.to_string());
            self.deliver(verdicts);
            return false;
        }
        let now = self.now();
        let (verdicts, plan, instance) = {
            let mut state = self.lock();
            if state.is_closed {
                return false;
            }
            let (verdicts, plan) = state.plan(now);
            (verdicts, plan, state.instance)
        };
        self.deliver(verdicts);
        if plan.asks.is_empty() {
            return false;
        }
        match self.backing.grant(instance.id, plan.asks.clone()).await {
            Ok(answer) => {
                let now = self.now();
                let mut state = self.lock();
                if state.instance.generation == instance.generation {
                    let verdicts = state.apply(plan, answer, now);
                    drop(state);
                    self.deliver(verdicts);
                }
                true
            }
            Err(error) if error.kind == storage::StoreErrorKind::Fenced => {
                // Who waits goes on waiting, for the new instance.
                self.begin_again(instance.generation).await.is_ok()
            }
            Err(error) => {
                self.fail_plan(&plan, &error.to_string());
                true
            }
        }
    }

    fn fail_plan(self: &Arc<Self>, plan: &Plan, message: &str) {
        let tickets: Vec<Ticket> = plan
            .askers
            .iter()
            .flat_map(|asker| match asker {
                Asker::Calls(tickets) => tickets.as_slice(),
                Asker::Ahead => &[],
            })
            .copied()
            .collect();
        let verdicts = {
            let mut state = self.lock();
            let wants = plan.asks.iter().flatten();
            state.doubts.extend(wants.map(|want| want.budget_id));
            state.fail(Some(&tickets), message)
        };
        self.deliver(verdicts);
        let message = message.to_owned();
        self.events.tell(EscrowEvent::Failed { message });
    }
}
