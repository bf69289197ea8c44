//! A reservation in a caller's hands, and what its end charges.
//!
//! Invariants: a hold ends once: settled, released, or dropped, which is a release unless it was sent; what was sent and is
//! dropped stays held, because it may have cost money.
//! Does not know: budgets, the store.

use std::fmt;
use std::sync::Arc;

use storage::EntryWrite;

use crate::escrow::event::EscrowEvent;
use crate::escrow::shared::Shared;
use crate::escrow::state::Cut;
use crate::money::PicoUsd;

/// Which leases an entry is charged to.
///
/// Shape: comes from [`Hold::settle`] and goes with the entry into the ledger, which moves the entry's cost from leased to settled
/// in each, in the transaction that writes the entry.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a settled reservation is only charged when its entry is recorded with these"]
pub struct Charges {
    pub(crate) leases: Vec<i64>,
    pub(crate) epoch: i64,
}

impl Charges {
    /// Charges no budget: for what costs nothing, such as a hit in the cache.
    pub const fn none() -> Charges {
        Charges {
            leases: Vec::new(),
            epoch: i64::MAX,
        }
    }

    /// Charges every budget in the entry's scope though nothing was held: for a call that ran without a reservation.
    pub const fn unheld() -> Charges {
        Charges {
            leases: Vec::new(),
            epoch: -1,
        }
    }

    /// The lease of the books, which an entry names as its own.
    #[must_use]
    pub fn lease_id(&self) -> Option<i64> {
        self.leases.first().copied()
    }

    /// The entry with these charges.
    pub(crate) fn of(self, row: storage::EntryRow) -> EntryWrite {
        EntryWrite {
            row,
            leases: self.leases,
            epoch: self.epoch,
        }
    }
}

/// Money held for one attempt in every budget that binds it.
///
/// Shape: cut from leases that are on disk. Dropped before [`Hold::sent`] it is released: nothing was sent. Dropped after, nothing
/// is settled and the money stays held, with an [`EscrowEvent::NeverSettled`]; whoever sends a call always settles it.
#[must_use = "dropping a hold releases the money"]
pub struct Hold {
    shared: Arc<Shared>,
    cut: Cut,
    is_sent: bool,
    is_ended: bool,
}

impl Hold {
    pub(crate) fn new(shared: &Arc<Shared>, cut: Cut) -> Hold {
        Hold {
            shared: Arc::clone(shared),
            cut,
            is_sent: false,
            is_ended: false,
        }
    }

    /// What is held.
    #[must_use]
    pub fn amount(&self) -> PicoUsd {
        PicoUsd::from_pico(i128::from(self.cut.amount))
    }

    /// The UTC day that is charged, in days since 1970-01-01: the day of the grant by the database's clock.
    #[must_use]
    pub fn window_day(&self) -> i64 {
        self.cut.window_day
    }

    /// From now on the call may cost money.
    pub fn sent(&mut self) {
        self.is_sent = true;
    }

    /// Ends the reservation at what the call cost; the rest is free at once.
    ///
    /// Shape: the charges go into the ledger with the entry, whose cost is `cost`. A cost above what was held is charged all the
    /// same, and told as [`EscrowEvent::Overrun`].
    pub fn settle(mut self, cost: PicoUsd) -> Charges {
        self.is_ended = true;
        let most = i128::from(i64::MAX);
        // Clamped to what an entry can hold.
        let pico = i64::try_from(cost.pico().clamp(0, most)).unwrap_or(i64::MAX);
        if pico > self.cut.amount {
            let held = self.amount();
            self.shared.events.tell(EscrowEvent::Overrun { held, cost });
        }
        match self.shared.end(self.cut.key, pico) {
            Some(ended) => Charges {
                leases: ended.leases,
                epoch: ended.epoch,
            },
            // Not reached: a hold ends once. If it were, every budget in scope is charged.
            None => Charges::unheld(),
        }
    }

    /// Ends the reservation untouched.
    pub fn release(mut self) {
        self.is_ended = true;
        self.shared.end(self.cut.key, 0);
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if self.is_ended {
            return;
        }
        if self.is_sent {
            let amount = self.amount();
            self.shared
                .events
                .tell(EscrowEvent::NeverSettled { amount });
        } else {
            self.shared.end(self.cut.key, 0);
        }
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Hold")
            .field("amount", &self.amount())
            .field("window_day", &self.cut.window_day)
            .finish_non_exhaustive()
    }
}
