//! What happened that somebody should hear of, as plain values.
//!
//! Invariants: at most `EVENTS_MAX` wait; when nobody listens the oldest are dropped, and the next reader is told how many.
//! Does not know: logs, metrics, webhooks.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

use crate::budget::{BudgetScope, BudgetWindow};
use crate::money::PicoUsd;

/// How many events wait for a reader.
pub const EVENTS_MAX: usize = 1_024;

/// Something for the log, the metrics or a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EscrowEvent {
    /// A budget's spending crossed a threshold. Told once for each window, over all instances.
    Threshold {
        /// The budget.
        budget_id: i64,
        /// Whom it binds.
        scope: BudgetScope,
        /// Over which time.
        window: BudgetWindow,
        /// First day of the window, in days since 1970-01-01 UTC.
        window_start: i64,
        /// The threshold, in percent of the limit.
        percent: u8,
        /// What is spent.
        settled: PicoUsd,
        /// What it allows.
        limit: PicoUsd,
    },
    /// A call cost more than it was held for.
    Overrun {
        /// What was held.
        held: PicoUsd,
        /// What it cost.
        cost: PicoUsd,
    },
    /// What an instance that ended without a word still held was charged.
    WrittenOff {
        /// The budget; 0 for the books.
        budget_id: i64,
        /// How much.
        amount: PicoUsd,
        /// The `unsettled` entry in the ledger, for the books.
        entry_id: Option<i64>,
    },
    /// The store called this instance dead, though it lives: a pause or a lost database. It goes on under a new name, and what was
    /// held settles late.
    Fenced {
        /// Reservations that were open.
        holds: usize,
    },
    /// Money of a reservation that was sent and never settled stays held until this instance ends.
    NeverSettled {
        /// How much.
        amount: PicoUsd,
    },
    /// A step of the store failed; calls that need it are refused until it works.
    Failed {
        /// What failed.
        message: String,
    },
    /// Nobody listened, and this many events are gone.
    Lost {
        /// How many.
        events: u64,
    },
}

/// The queue between escrow and whoever tells the world.
#[derive(Debug, Default)]
pub(crate) struct Events {
    waiting: Mutex<(VecDeque<EscrowEvent>, u64)>,
    arrived: Notify,
}

impl Events {
    pub(crate) fn tell(&self, event: EscrowEvent) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let (events, lost) = &mut *waiting;
        if events.len() >= EVENTS_MAX {
            events.pop_front();
            *lost += 1;
        }
        events.push_back(event);
        drop(waiting);
        self.arrived.notify_one();
    }

    pub(crate) fn take(&self) -> Option<EscrowEvent> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let (events, lost) = &mut *waiting;
        if *lost > 0 {
            let events = std::mem::take(lost);
            return Some(EscrowEvent::Lost { events });
        }
        events.pop_front()
    }

    pub(crate) async fn next(&self) -> EscrowEvent {
        loop {
            let arrived = self.arrived.notified();
            if let Some(event) = self.take() {
                return event;
            }
            arrived.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{EVENTS_MAX, EscrowEvent, Events};
    use crate::money::PicoUsd;

    fn event(pico: usize) -> EscrowEvent {
        EscrowEvent::NeverSettled {
            amount: PicoUsd::from_pico(i128::try_from(pico).unwrap()),
        }
    }

    #[tokio::test]
    async fn the_oldest_are_dropped_and_counted() {
        let events = Events::default();
        for pico in 0..EVENTS_MAX + 3 {
            events.tell(event(pico));
        }
        assert_eq!(events.next().await, EscrowEvent::Lost { events: 3 });
        assert_eq!(events.next().await, event(3));
        for _ in 0..EVENTS_MAX - 1 {
            events.next().await;
        }
        assert_eq!(events.take(), None);
    }
}
