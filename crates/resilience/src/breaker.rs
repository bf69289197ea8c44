//! The circuit breaker as its users hold it: a state machine behind a short lock, and permits that give back.
//!
//! Invariants: every permit is settled exactly once, by its owner or by being dropped; the lock is held for the
//! machine's arithmetic only, never across an await, a callback or a read of the clock.
//! Does not know: when to move (that is `state`), what an error means (that is `Classify`).

mod settings;
mod state;
mod transition;
mod window;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{CallError, Classify, Clock, Open, Verdict};
use state::{Machine, Ticket};

pub use settings::{BreakerSettings, WINDOW_CALLS_MAX};
pub use transition::{Reason, State, Transition};

/// Stops calls to something that keeps failing, and finds out by probes when it is back.
///
/// Closed, it lets everything through and watches. It opens when `consecutive_failures_max` failures came in a row, or
/// when a failure finds the failure rate of the window at its limit. Open, it refuses at once. After `open_for` the
/// next calls are probes: at most `half_open_probes` of them, and that many successes close it; one failure opens it
/// again. An outcome counts only in the state in which its call began; late ones are dropped.
///
/// A clone is another handle on the same breaker.
#[derive(Clone)]
pub struct CircuitBreaker {
    shared: Arc<Shared>,
}

struct Shared {
    machine: Mutex<Machine>,
    clock: Clock,
    observer: Box<dyn Fn(Transition) + Send + Sync>,
}

impl CircuitBreaker {
    /// A closed breaker that nobody watches. Settings out of range are moved into it, see [`BreakerSettings`].
    pub fn new(settings: BreakerSettings, clock: Clock) -> Self {
        Self::observed(settings, clock, |_| ())
    }

    /// A closed breaker whose every move is told to `observer`.
    ///
    /// The observer runs on the thread that caused the move, after the lock is released, so it may ask the breaker
    /// for its state. Two moves close to each other may be told by two threads in either order. It must not panic.
    pub fn observed(
        settings: BreakerSettings,
        clock: Clock,
        observer: impl Fn(Transition) + Send + Sync + 'static,
    ) -> Self {
        let machine = Mutex::new(Machine::new(settings));
        Self {
            shared: Arc::new(Shared {
                machine,
                clock,
                observer: Box::new(observer),
            }),
        }
    }

    /// Runs the operation if the breaker allows it, and learns from its result.
    ///
    /// If the returned future is dropped before its end, nothing is learned and a probe's place is given back.
    ///
    /// Errors: [`CallError::Open`] if the operation was not run; [`CallError::Operation`] with its own error.
    pub async fn call<T, E: Classify>(
        &self,
        operation: impl Future<Output = Result<T, E>>,
    ) -> Result<T, CallError<E>> {
        let permit = self.permit().map_err(CallError::Open)?;
        let result = operation.await;
        permit.settle(match &result {
            Ok(_) => Verdict::Success,
            Err(error) => error.verdict(),
        });
        result.map_err(CallError::Operation)
    }

    /// Asks to make one call whose outcome will be told later: for streams, when the body has ended.
    ///
    /// Errors: [`Open`] if no call may be made now.
    pub fn permit(&self) -> Result<Permit, Open> {
        let now = (self.shared.clock)();
        let (admitted, moved) = self.shared.lock().admit(now);
        self.shared.tell(moved);
        Ok(Permit {
            shared: Arc::clone(&self.shared),
            ticket: Some(admitted?),
        })
    }

    /// The state as the last call or settlement left it. An open time that is over is noticed by the next call.
    pub fn state(&self) -> State {
        self.shared.lock().state()
    }

    /// Opens by hand and stays open until [`close`](Self::close) or [`reset`](Self::reset).
    pub fn open(&self) {
        let moved = self.shared.lock().open_by_hand();
        self.shared.tell(moved);
    }

    /// Closes by hand; what was counted before an opening is gone. A closed breaker keeps its counts.
    pub fn close(&self) {
        let moved = self.shared.lock().close_by_hand();
        self.shared.tell(moved);
    }

    /// As new: closed, and every call so far forgotten, also those still running.
    pub fn reset(&self) {
        let moved = self.shared.lock().reset();
        self.shared.tell(moved);
    }
}

impl fmt::Debug for CircuitBreaker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("CircuitBreaker")
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, moved: Option<Transition>) {
        if let Some(transition) = moved {
            (self.observer)(transition);
        }
    }
}

/// Leave to make one call. Dropped without a verdict it counts as [`Verdict::Ignored`].
#[must_use = "a permit that is dropped teaches the breaker nothing"]
pub struct Permit {
    shared: Arc<Shared>,
    ticket: Option<Ticket>,
}

impl Permit {
    /// Tells how the call ended.
    pub fn settle(mut self, verdict: Verdict) {
        self.give_back(verdict);
    }

    fn give_back(&mut self, verdict: Verdict) {
        let Some(ticket) = self.ticket.take() else {
            return;
        };
        let now = (self.shared.clock)();
        let moved = self.shared.lock().settle(ticket, verdict, now);
        self.shared.tell(moved);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.give_back(Verdict::Ignored);
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Permit")
            .field("ticket", &self.ticket)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_call;
#[cfg(test)]
mod tests_race;
#[cfg(test)]
mod tests_script;
