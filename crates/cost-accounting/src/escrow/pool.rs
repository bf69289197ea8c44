//! The money of one lease in memory: what is free, what is held by reservations, and how either changes.
//!
//! Invariants: free + held − deficit is never above what the lease's row has left once every settlement is on disk; nothing is
//! negative; money of one window is never cut for another.
//! Does not know: budgets, waiting, the store.

/// A lease as the store granted it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Lease {
    pub(crate) lease_id: i64,
    /// First day of its window, in days since 1970-01-01 UTC.
    pub(crate) window_start: i64,
    /// When its window ends, by the database's clock; `None`: never.
    pub(crate) ends_at_ms: Option<i64>,
}

impl Lease {
    fn has_ended(&self, now_ms: i64) -> bool {
        self.ends_at_ms.is_some_and(|end| now_ms >= end)
    }
}

/// Money that goes back to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Return {
    pub(crate) lease_id: i64,
    pub(crate) amount: i64,
}

/// The lease of one budget's window, and the one fetched ahead for the next window. Units: pico-USD.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Pool {
    lease: Option<Lease>,
    free: i64,
    held: i64,
    /// What settlements above their reservation took from the row that memory still counts as held by others. Paid off from
    /// whatever comes free next.
    deficit: i64,
    next: Option<(Lease, i64)>,
}

impl Pool {
    /// What can be cut at this moment of the database's clock.
    pub(crate) fn free_at(&self, now_ms: i64) -> i64 {
        match &self.lease {
            Some(lease) if !lease.has_ended(now_ms) => self.free,
            _ => 0,
        }
    }

    /// How much must be granted before `amount` can be cut besides `claimed`.
    pub(crate) fn lack(&self, now_ms: i64, claimed: i64, amount: i64) -> i64 {
        let wanted = claimed.saturating_add(amount);
        wanted
            .saturating_sub(self.free_at(now_ms))
            .saturating_add(self.deficit)
            .clamp(0, amount.saturating_add(self.deficit))
    }

    pub(crate) fn lease(&self) -> Option<&Lease> {
        self.lease.as_ref()
    }

    pub(crate) fn has_next(&self) -> bool {
        self.next.is_some()
    }

    /// Nothing in it: it may be forgotten.
    pub(crate) fn is_empty(&self) -> bool {
        self.free == 0 && self.held == 0 && self.deficit == 0 && self.next.is_none()
    }

    /// Cuts a reservation; the id of the lease that it was cut from.
    pub(crate) fn cut(&mut self, now_ms: i64, amount: i64) -> Option<i64> {
        if self.free_at(now_ms) < amount {
            return None;
        }
        self.free -= amount;
        self.held += amount;
        self.lease.as_ref().map(|lease| lease.lease_id)
    }

    /// Ends a reservation of `amount` that cost `cost`. The rest is free again, or goes back if its lease is not the one of now.
    pub(crate) fn end(&mut self, lease_id: i64, amount: i64, cost: i64) -> Option<Return> {
        if self.lease.as_ref().map(|lease| lease.lease_id) != Some(lease_id) {
            let amount = amount.saturating_sub(cost);
            return (amount > 0).then_some(Return { lease_id, amount });
        }
        // A lease that came back after its window had been left has holds that were counted before.
        self.held = self.held.saturating_sub(amount).max(0);
        self.put(amount.saturating_sub(cost));
        None
    }

    /// Adds a grant. What belonged to another window goes back, unless it is the next one's.
    pub(crate) fn take(&mut self, lease: Lease, amount: i64) -> Option<Return> {
        let mut left = None;
        if let Some(old) = self.lease
            && old.lease_id != lease.lease_id
        {
            if old.window_start > lease.window_start && self.next.is_none() && self.held == 0 {
                self.next = Some((old, self.free));
            } else {
                left = self.take_back(old.lease_id);
            }
            (self.free, self.held, self.deficit) = (0, 0, 0);
        }
        self.lease = Some(lease);
        self.put(amount);
        left
    }

    /// Keeps a grant for the next window until that begins.
    pub(crate) fn take_next(&mut self, lease: Lease, amount: i64) -> Option<Return> {
        match &mut self.next {
            Some((next, free)) if next.lease_id == lease.lease_id => *free += amount,
            Some(_) => {
                let lease_id = lease.lease_id;
                return Some(Return { lease_id, amount });
            }
            empty => *empty = Some((lease, amount)),
        }
        None
    }

    /// Leaves a window that has ended for the one fetched ahead, if there is one. What was free dies with the window.
    pub(crate) fn turn(&mut self, now_ms: i64) -> Option<Return> {
        let old = self.lease.filter(|lease| lease.has_ended(now_ms))?;
        let left = self.take_back(old.lease_id);
        *self = match self.next.take() {
            Some((lease, free)) => Pool {
                lease: Some(lease),
                free,
                ..Pool::default()
            },
            None => Pool::default(),
        };
        left
    }

    /// Takes up to `most` of the free part out, to be given back.
    pub(crate) fn give(&mut self, most: i64) -> Option<Return> {
        let lease_id = self.lease.as_ref()?.lease_id;
        let amount = self.free.min(most).max(0);
        self.free -= amount;
        (amount > 0).then_some(Return { lease_id, amount })
    }

    /// Counts a forced grant as held by reservations that are under way already.
    pub(crate) fn carry(&mut self, lease_id: i64, amount: i64) -> bool {
        let is_ours = self.lease.as_ref().map(|lease| lease.lease_id) == Some(lease_id);
        if is_ours {
            self.held = self.held.saturating_add(amount);
            self.put(amount.saturating_neg());
        }
        is_ours
    }

    fn take_back(&mut self, lease_id: i64) -> Option<Return> {
        let amount = std::mem::take(&mut self.free);
        (amount > 0).then_some(Return { lease_id, amount })
    }

    fn put(&mut self, amount: i64) {
        let sum = self
            .free
            .saturating_sub(self.deficit)
            .saturating_add(amount);
        self.free = sum.max(0);
        // The row stops at zero, so nobody owes more than is still held.
        self.deficit = sum.min(0).saturating_neg().min(self.held);
    }
}

#[cfg(test)]
mod tests {
    use super::{Lease, Pool, Return};

    const DAY_MS: i64 = 86_400_000;

    fn lease(lease_id: i64, day: i64) -> Lease {
        Lease {
            lease_id,
            window_start: day,
            ends_at_ms: Some((day + 1) * DAY_MS),
        }
    }

    fn check(pool: &Pool, free: i64, held: i64, deficit: i64) {
        assert_eq!((pool.free, pool.held, pool.deficit), (free, held, deficit));
    }

    #[test]
    fn what_is_cut_comes_free_but_for_its_cost() {
        let mut pool = Pool::default();
        assert_eq!(pool.cut(0, 1), None);
        assert_eq!(pool.lack(0, 0, 4), 4);
        assert_eq!(pool.take(lease(7, 0), 10), None);
        assert_eq!(pool.cut(0, 4), Some(7));
        assert_eq!((pool.lack(0, 0, 6), pool.lack(0, 2, 6)), (0, 2));
        check(&pool, 6, 4, 0);
        assert_eq!(pool.end(7, 4, 1), None);
        check(&pool, 9, 0, 0);
    }

    #[test]
    fn a_cost_above_its_hold_is_paid_by_what_comes_free() {
        let mut pool = Pool::default();
        pool.take(lease(7, 0), 10);
        pool.cut(0, 5);
        pool.cut(0, 4);
        // 8 above the hold: 1 is free, 4 are held by the other, and 3 nobody has.
        pool.end(7, 5, 13);
        check(&pool, 0, 4, 4);
        assert_eq!(pool.lack(0, 0, 1), 5);
        pool.end(7, 4, 1);
        check(&pool, 0, 0, 0);
        pool.take(lease(7, 0), 3);
        check(&pool, 3, 0, 0);
    }

    #[test]
    fn a_window_that_ended_is_left_and_its_holds_settle_in_it() {
        let mut pool = Pool::default();
        pool.take(lease(7, 0), 10);
        pool.cut(0, 4);
        assert_eq!(pool.take_next(lease(8, 1), 5), None);
        assert_eq!(pool.free_at(DAY_MS - 1), 6);
        assert_eq!(pool.free_at(DAY_MS), 0);
        assert_eq!(pool.turn(DAY_MS - 1), None);
        let left = Return {
            lease_id: 7,
            amount: 6,
        };
        assert_eq!(pool.turn(DAY_MS), Some(left));
        check(&pool, 5, 0, 0);
        let rest = Return {
            lease_id: 7,
            amount: 3,
        };
        assert_eq!(pool.end(7, 4, 1), Some(rest));
        check(&pool, 5, 0, 0);
    }

    #[test]
    fn a_grant_of_a_new_window_replaces_the_old_one() {
        let mut pool = Pool::default();
        pool.take(lease(7, 0), 10);
        pool.cut(0, 4);
        let left = Return {
            lease_id: 7,
            amount: 6,
        };
        assert_eq!(pool.take(lease(8, 1), 2), Some(left));
        check(&pool, 2, 0, 0);
    }

    #[test]
    fn a_clock_that_turned_too_early_keeps_what_was_fetched_ahead() {
        let mut pool = Pool::default();
        pool.take(lease(8, 1), 5);
        assert_eq!(pool.take(lease(7, 0), 2), None);
        check(&pool, 2, 0, 0);
        assert!(pool.has_next());
        pool.turn(DAY_MS);
        check(&pool, 5, 0, 0);
    }

    #[test]
    fn a_hold_of_a_lease_that_came_back_made_no_money() {
        let mut pool = Pool::default();
        pool.take(lease(7, 0), 10);
        pool.cut(0, 4);
        pool.turn(DAY_MS);
        // An answer that was under way while the window turned.
        pool.take(lease(7, 0), 0);
        pool.end(7, 4, 4);
        check(&pool, 0, 0, 0);
        pool.take(lease(7, 0), 3);
        check(&pool, 3, 0, 0);
    }

    #[test]
    fn only_what_is_free_is_given_back() {
        let mut pool = Pool::default();
        assert_eq!(pool.give(9), None);
        pool.take(lease(7, 0), 10);
        pool.cut(0, 4);
        let given = |amount| {
            Some(Return {
                lease_id: 7,
                amount,
            })
        };
        assert_eq!(pool.give(2), given(2));
        assert_eq!(pool.give(i64::MAX), given(4));
        assert_eq!(pool.give(i64::MAX), None);
        check(&pool, 0, 4, 0);
        assert!(!pool.is_empty());
    }
}
