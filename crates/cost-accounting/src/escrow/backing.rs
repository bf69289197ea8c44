//! The steps that escrow asks of the store: a seam, so that every order of answers, delays and failures can be tried.
//!
//! Invariants: each step is safe to repeat; [`Store`] is the one that ships.
//! Does not know: what the answers are used for.

use std::pin::Pin;

use storage::{
    Beat, BudgetState, GrantAnswer, Return, Scope, ScopeAnswer, ScopeAsk, Store, StoreError, Want,
    WrittenOff,
};

/// A step under way.
pub(crate) type Step<'s, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 's>>;

pub(crate) trait Backing: Send + Sync {
    fn epoch(&self) -> Step<'_, i64>;
    fn budgets_in_scope(&self, ask: ScopeAsk) -> Step<'_, ScopeAnswer>;
    fn open_instance(&self, instance: [u8; 16], lives_for_ms: i64) -> Step<'_, Beat>;
    fn heartbeat(&self, instance: [u8; 16], seen_epoch: i64, lives_for_ms: i64) -> Step<'_, Beat>;
    fn grant(&self, instance: [u8; 16], asks: Vec<Vec<Want>>) -> Step<'_, GrantAnswer>;
    fn give_back(&self, instance: [u8; 16], returns: Vec<Return>) -> Step<'_, ()>;
    fn write_off_dead(&self, own: [u8; 16]) -> Step<'_, Vec<WrittenOff>>;
    fn close_instance(&self, instance: [u8; 16]) -> Step<'_, ()>;
    fn budget_states(&self, filter: Scope) -> Step<'_, Vec<BudgetState>>;
    fn mark_alert(&self, budget_id: i64, window_start: i64, percent: i64) -> Step<'_, bool>;
    fn flush(&self) -> Step<'_, ()>;
    /// Ends when another process did something that this one should look at.
    fn notified(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

impl Backing for Store {
    fn epoch(&self) -> Step<'_, i64> {
        Box::pin(self.epoch())
    }

    fn budgets_in_scope(&self, ask: ScopeAsk) -> Step<'_, ScopeAnswer> {
        Box::pin(self.budgets_in_scope(ask))
    }

    fn open_instance(&self, instance: [u8; 16], lives_for_ms: i64) -> Step<'_, Beat> {
        Box::pin(self.open_instance(instance, lives_for_ms))
    }

    fn heartbeat(&self, instance: [u8; 16], seen_epoch: i64, lives_for_ms: i64) -> Step<'_, Beat> {
        Box::pin(self.heartbeat(instance, seen_epoch, lives_for_ms))
    }

    fn grant(&self, instance: [u8; 16], asks: Vec<Vec<Want>>) -> Step<'_, GrantAnswer> {
        Box::pin(self.grant(instance, asks))
    }

    fn give_back(&self, instance: [u8; 16], returns: Vec<Return>) -> Step<'_, ()> {
        Box::pin(self.give_back(instance, returns))
    }

    fn write_off_dead(&self, own: [u8; 16]) -> Step<'_, Vec<WrittenOff>> {
        Box::pin(self.write_off_dead(own))
    }

    fn close_instance(&self, instance: [u8; 16]) -> Step<'_, ()> {
        Box::pin(self.close_instance(instance))
    }

    fn budget_states(&self, filter: Scope) -> Step<'_, Vec<BudgetState>> {
        Box::pin(self.budget_states(Some(filter)))
    }

    fn mark_alert(&self, budget_id: i64, window_start: i64, percent: i64) -> Step<'_, bool> {
        Box::pin(self.mark_alert(budget_id, window_start, percent))
    }

    fn flush(&self) -> Step<'_, ()> {
        Box::pin(self.flush())
    }

    fn notified(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.notified())
    }
}
