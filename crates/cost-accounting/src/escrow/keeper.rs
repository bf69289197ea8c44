//! The task that keeps an instance alive and its money in order.
//!
//! Invariants: a step that fails is tried again at the next tick, and told once.
//! Does not know: who waits.

use std::sync::Arc;
use std::time::Duration;

use storage::{Scope, StoreError, Want};
use tokio::time::MissedTickBehavior;

use crate::escrow::Closed;
use crate::escrow::cold::CLOSED;
use crate::escrow::event::EscrowEvent;
use crate::escrow::settings::{ASKS_MAX, PREFETCH, SWEEP, TICK};
use crate::escrow::shared::Shared;
use crate::escrow::sweep::{Crossing, SWEEP_MAX};
use crate::money::PicoUsd;

/// When each of the recurring steps is due.
#[derive(Debug, Default)]
pub(crate) struct Due {
    beat: Duration,
    sweep: Duration,
    failing: bool,
}

impl Shared {
    /// Keeps until closed.
    pub(crate) async fn run_keeper(self: &Arc<Self>) {
        let mut closed = self.closed.subscribe();
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut due = Due::default();
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                () = self.backing.notified() => due.beat = Duration::ZERO,
                _ = closed.wait_for(|is_closed| *is_closed) => return,
            }
            match self.keep(&mut due).await {
                Ok(()) => due.failing = false,
                Err(message) if !due.failing => {
                    due.failing = true;
                    self.events.tell(EscrowEvent::Failed { message });
                }
                Err(_) => {}
            }
        }
    }

    /// One tick.
    pub(crate) async fn keep(self: &Arc<Self>, due: &mut Due) -> Result<(), String> {
        let text = |error: StoreError| error.to_string();
        let epoch = self.backing.epoch().await.map_err(text)?;
        let adopted = self.lock().adopted;
        if epoch != adopted {
            self.adopt(epoch)
                .await
                .map_err(|refused| refused.to_string())?;
            due.beat = Duration::ZERO;
        }
        let now = self.now();
        if now >= due.beat {
            self.beat().await.map_err(text)?;
            self.write_off().await.map_err(text)?;
            due.beat = now + self.settings.lives_for / 3;
        }
        if now >= due.sweep {
            self.sweep().await.map_err(text)?;
            due.sweep = now + SWEEP;
        }
        self.flush_returns().await.map_err(text)
    }

    /// Tells the store what goes back.
    pub(crate) async fn flush_returns(&self) -> Result<(), StoreError> {
        loop {
            let (instance, returns) = {
                let state = self.lock();
                (state.instance, state.leases.due())
            };
            if returns.is_empty() {
                return Ok(());
            }
            self.backing.give_back(instance.id, returns.clone()).await?;
            let mut state = self.lock();
            if state.instance.generation == instance.generation {
                state.leases.heard(&returns);
            }
        }
    }

    async fn sweep(self: &Arc<Self>) -> Result<(), StoreError> {
        let ids: Vec<i64> = self.lock().accounts.keys().copied().collect();
        let lead = self.lead();
        for ids in ids.chunks(SWEEP_MAX) {
            let now = self.now();
            let sweep = self.lock().sweep(ids, now, lead);
            self.fetch(sweep.wants).await?;
            for (budget_id, scope) in sweep.checks {
                self.check(budget_id, scope).await?;
            }
            for crossing in sweep.crossings {
                self.alert(crossing).await?;
            }
        }
        let now = self.now();
        let mut state = self.lock();
        let now_ms = state.time.now_ms(now);
        state.leases.forget(now_ms);
        Ok(())
    }

    /// How long before its turn this instance fetches the next window's leases: drawn once, so that instances do not come all at
    /// the same moment.
    fn lead(&self) -> Duration {
        let drawn = self
            .seed
            .iter()
            .fold(0_u32, |sum, byte| sum + u32::from(*byte));
        PREFETCH / 3 + PREFETCH * 2 / 3 * (drawn % 256) / 256
    }

    /// Asks for leases that nobody waits for.
    async fn fetch(&self, wants: Vec<Want>) -> Result<(), StoreError> {
        for wants in wants.chunks(ASKS_MAX) {
            let instance = self.lock().instance;
            let asks = wants.iter().map(|want| vec![*want]).collect();
            let answer = self.backing.grant(instance.id, asks).await?;
            let now = self.now();
            let mut state = self.lock();
            if state.instance.generation != instance.generation {
                return Ok(());
            }
            state.time.learn(answer.now_ms, now);
            for granted in answer.results.into_iter().flatten().flatten() {
                state.take_ahead(&granted, now);
            }
        }
        Ok(())
    }

    /// Reads what the store says of a budget that came to rest.
    async fn check(&self, budget_id: i64, scope: Scope) -> Result<(), StoreError> {
        let states = self.backing.budget_states(scope).await?;
        let mut state = self.lock();
        match states
            .iter()
            .find(|state| state.budget.budget_id == budget_id)
        {
            Some(found) => state.rest(found),
            None => drop(state.accounts.remove(&budget_id)),
        }
        Ok(())
    }

    /// Tells of a threshold, if no other instance has.
    async fn alert(&self, crossing: Crossing) -> Result<(), StoreError> {
        let Crossing {
            budget_id,
            window_start,
            percent,
        } = crossing;
        let marked = self
            .backing
            .mark_alert(budget_id, window_start, i64::from(percent));
        let is_first = marked.await?;
        let mut state = self.lock();
        let Some(account) = state.accounts.get_mut(&budget_id) else {
            return Ok(());
        };
        if account.seen.window_start != window_start {
            return Ok(());
        }
        account.told.push(percent);
        let settled = account.seen.settled.saturating_add(account.since);
        let event = EscrowEvent::Threshold {
            budget_id,
            scope: account.facts.scope.clone(),
            window: account.facts.window,
            window_start,
            percent,
            settled: PicoUsd::from_pico(i128::from(settled)),
            limit: PicoUsd::from_pico(i128::from(account.facts.limit.unwrap_or(0))),
        };
        drop(state);
        if is_first {
            self.events.tell(event);
        }
        Ok(())
    }

    /// Ends the tasks, refuses who waits, and ends the instance if nothing is held.
    pub(crate) async fn close(self: &Arc<Self>) -> Result<Closed, StoreError> {
        let (verdicts, instance) = {
            let mut state = self.lock();
            state.is_closed = true;
            (state.fail(None, CLOSED), state.instance)
        };
        self.deliver(verdicts);
        self.closed.send_replace(true);
        // What was settled is charged before the leases that it was held in are ended.
        self.backing.flush().await?;
        let holds = self.lock().open_count();
        if holds > 0 {
            self.flush_returns().await?;
            return Ok(Closed::Open { holds });
        }
        self.backing.close_instance(instance.id).await?;
        Ok(Closed::Clean)
    }
}
