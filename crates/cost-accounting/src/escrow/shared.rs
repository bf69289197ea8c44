//! What a handle, its holds and its tasks share: the state behind its lock, the store, the clock and the wake-ups.
//!
//! Invariants: the lock is held for short steps without a wait; a hold is handed over outside of it.
//! Does not know: how the state decides.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use crate::escrow::backing::Backing;
use crate::escrow::event::Events;
use crate::escrow::hold::Hold;
use crate::escrow::known::CallScope;
use crate::escrow::plan::{Verdict, Verdicts};
use crate::escrow::queue::{Answer, Ticket};
use crate::escrow::settings::EscrowSettings;
use crate::escrow::state::{Cut, Ended, State};

/// Time since the start of the process.
pub(crate) type Clock = Arc<dyn Fn() -> Duration + Send + Sync>;

pub(crate) struct Shared {
    pub(crate) backing: Box<dyn Backing>,
    pub(crate) settings: EscrowSettings,
    pub(crate) seed: [u8; 16],
    pub(crate) events: Events,
    /// The granter has something to do.
    pub(crate) granter: Notify,
    pub(crate) closed: watch::Sender<bool>,
    clock: Clock,
    state: Mutex<State>,
}

impl Shared {
    pub(crate) fn new(
        backing: Box<dyn Backing>,
        clock: Clock,
        seed: [u8; 16],
        state: State,
    ) -> Shared {
        Shared {
            backing,
            settings: state.settings.clone(),
            seed,
            events: Events::default(),
            granter: Notify::new(),
            closed: watch::Sender::new(false),
            clock,
            state: Mutex::new(state),
        }
    }

    pub(crate) fn now(&self) -> Duration {
        (self.clock)()
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A reservation from free money.
    pub(crate) fn try_reserve(self: &Arc<Self>, scope: &CallScope, amount: i64) -> Option<Hold> {
        let now = self.now();
        let cut = self.lock().try_cut(scope, amount, now)?;
        Some(self.hold(cut))
    }

    /// Puts a reservation into a caller's hands.
    pub(crate) fn hold(self: &Arc<Self>, cut: Cut) -> Hold {
        if cut.wake {
            self.granter.notify_one();
        }
        Hold::new(self, cut)
    }

    /// Ends a reservation.
    pub(crate) fn end(&self, key: usize, cost: i64) -> Option<Ended> {
        let mut state = self.lock();
        let ended = state.end(key, cost)?;
        if ended.wake {
            let now = self.now();
            state.wake(now);
            drop(state);
            self.granter.notify_one();
        }
        Some(ended)
    }

    /// Tells calls what became of them. A call that has gone meanwhile drops its hold, which releases it.
    pub(crate) fn deliver(self: &Arc<Self>, verdicts: Verdicts) {
        for (sender, verdict) in verdicts {
            let answer = match verdict {
                Verdict::Held(cut) => Answer::Held(self.hold(cut)),
                Verdict::Other(answer) => answer,
            };
            drop(sender.send(answer));
        }
    }

    /// Takes a call out of the queue.
    pub(crate) fn leave(&self, ticket: Ticket) {
        self.lock().queue.remove(ticket);
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Shared").finish_non_exhaustive()
    }
}
