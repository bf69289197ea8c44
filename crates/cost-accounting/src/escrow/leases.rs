//! What was granted into each lease of this instance and given back out of it, in all: so that an answer that got lost is noticed
//! with the next one, and a return that is sent twice counts once.
//!
//! Invariants: a granted sum is taken once, whatever order answers come in; what is given back only grows; at most `LEASES_MAX`
//! leases are remembered.
//! Does not know: what is held or settled.

use std::collections::{BTreeMap, BTreeSet};

use storage::{Granted, Return as Returned};

use crate::escrow::pool::{Lease, Return};
use crate::escrow::settings::{LEASES_MAX, RETURNS_MAX};

/// A lease whose window ended this long ago is forgotten.
const KEPT_MS: i64 = 86_400_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Sums {
    granted: i64,
    given_back: i64,
    ends_at_ms: Option<i64>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Leases {
    sums: BTreeMap<i64, Sums>,
    /// Of these more is given back than the store has heard.
    due: BTreeSet<i64>,
    /// Some lease was forgotten while it may still be granted into.
    has_forgotten: bool,
}

impl Leases {
    /// How much of what the store granted is new here: the grant, and what an answer that got lost had granted.
    pub(crate) fn granted(&mut self, lease: &Lease, granted: &Granted) -> i64 {
        if let Some(sums) = self.sums.get_mut(&lease.lease_id) {
            let new = granted.lease_granted_pico_usd.saturating_sub(sums.granted);
            sums.granted = sums.granted.max(granted.lease_granted_pico_usd);
            return new.max(0);
        }
        if self.sums.len() >= LEASES_MAX {
            self.sums.clear();
            self.due.clear();
            self.has_forgotten = true;
        }
        let sums = Sums {
            granted: granted.lease_granted_pico_usd,
            given_back: granted.lease_given_back_pico_usd,
            ends_at_ms: lease.ends_at_ms,
        };
        self.sums.insert(lease.lease_id, sums);
        if self.has_forgotten {
            granted.amount_pico_usd
        } else {
            sums.granted.saturating_sub(sums.given_back).max(0)
        }
    }

    /// Notes that money goes back.
    pub(crate) fn give_back(&mut self, left: Return) {
        if let Some(sums) = self.sums.get_mut(&left.lease_id) {
            sums.given_back = sums.given_back.saturating_add(left.amount);
            self.due.insert(left.lease_id);
        }
    }

    /// What the store is to be told, at most `RETURNS_MAX` of it.
    pub(crate) fn due(&self) -> Vec<Returned> {
        let due = self.due.iter().take(RETURNS_MAX);
        due.filter_map(|lease_id| {
            self.sums.get(lease_id).map(|sums| Returned {
                lease_id: *lease_id,
                given_back_pico_usd: sums.given_back,
            })
        })
        .collect()
    }

    /// The store has heard this.
    pub(crate) fn heard(&mut self, returns: &[Returned]) {
        for heard in returns {
            let sums = self.sums.get(&heard.lease_id);
            if sums.is_none_or(|sums| sums.given_back == heard.given_back_pico_usd) {
                self.due.remove(&heard.lease_id);
            }
        }
    }

    /// Forgets leases whose window is long over.
    pub(crate) fn forget(&mut self, now_ms: i64) {
        let due = &self.due;
        self.sums.retain(|lease_id, sums| {
            let is_over = sums
                .ends_at_ms
                .is_some_and(|end| end.saturating_add(KEPT_MS) < now_ms);
            !is_over || due.contains(lease_id)
        });
    }
}

#[cfg(test)]
mod tests {
    use storage::{Granted, Return as Returned};

    use super::Leases;
    use crate::escrow::pool::{Lease, Return};

    const LEASE: Lease = Lease {
        lease_id: 7,
        window_start: 0,
        ends_at_ms: Some(1_000),
    };

    fn granted(amount: i64, in_all: i64, given_back: i64) -> Granted {
        Granted {
            budget_id: 1,
            window_start: 0,
            lease_id: LEASE.lease_id,
            amount_pico_usd: amount,
            lease_granted_pico_usd: in_all,
            lease_given_back_pico_usd: given_back,
            limit_pico_usd: None,
            settled_pico_usd: 0,
            leased_pico_usd: 0,
        }
    }

    #[test]
    fn a_lost_answer_is_made_good_by_the_next() {
        let mut leases = Leases::default();
        // The first answer, 10, got lost.
        assert_eq!(leases.granted(&LEASE, &granted(5, 15, 0)), 15);
        // So did one of 3.
        assert_eq!(leases.granted(&LEASE, &granted(2, 20, 0)), 5);
    }

    #[test]
    fn answers_in_any_order_count_once() {
        let mut leases = Leases::default();
        assert_eq!(leases.granted(&LEASE, &granted(5, 15, 0)), 15);
        assert_eq!(leases.granted(&LEASE, &granted(10, 10, 0)), 0);
        assert_eq!(leases.granted(&LEASE, &granted(10, 10, 0)), 0);
    }

    #[test]
    fn a_return_is_told_until_it_was_heard() {
        let mut leases = Leases::default();
        leases.granted(&LEASE, &granted(10, 10, 0));
        let give = |leases: &mut Leases, amount| {
            leases.give_back(Return {
                lease_id: 7,
                amount,
            });
        };
        give(&mut leases, 4);
        let first = leases.due();
        let told = |given_back_pico_usd| Returned {
            lease_id: 7,
            given_back_pico_usd,
        };
        assert_eq!(first, [told(4)]);
        give(&mut leases, 1);
        leases.heard(&first);
        assert_eq!(leases.due(), [told(5)]);
        leases.heard(&[told(5)]);
        assert!(leases.due().is_empty());
    }

    #[test]
    fn a_lease_is_remembered_until_its_window_is_long_over() {
        let mut leases = Leases::default();
        leases.granted(&LEASE, &granted(10, 10, 0));
        leases.forget(1_000);
        assert_eq!(leases.granted(&LEASE, &granted(1, 11, 0)), 1);
        leases.forget(super::KEPT_MS + 1_001);
        assert!(leases.sums.is_empty());
    }
}
