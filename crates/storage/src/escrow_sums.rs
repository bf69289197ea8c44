//! The arithmetic of windows and leases: one step each for granting, settling, giving back, writing off and closing.
//!
//! Invariants: nothing is below zero and nothing wraps; a step takes from `leased` of the window exactly what it takes
//! from `remaining` of the lease; only a forced grant passes the limit.
//! Does not know: SQL, time; which lease belongs to which window: the caller brings both.

use crate::budget_rows::Want;

/// The sums of one window of one budget, in pico-USD.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WindowSums {
    /// Spent.
    pub settled: i64,
    /// What remains of the open leases.
    pub leased: i64,
    /// Ever granted above the limit.
    pub forced: i64,
}

/// The sums of one lease, in pico-USD.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeaseSums {
    /// Granted, neither settled nor given back.
    pub remaining: i64,
    /// Ever granted.
    pub granted: i64,
    /// Ever given back.
    pub given_back: i64,
    /// What remained when its owner was found dead.
    pub written_off: i64,
    /// The part of it that later settlements took back.
    pub taken_back: i64,
}

/// What entries charge, summed up: the order of entries makes no difference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Charge {
    /// The sum of costs above zero.
    pub spent: i64,
    /// The sum of costs below zero, without its sign: corrections.
    pub lowered: i64,
}

impl Charge {
    /// Adds the cost of one entry.
    pub fn add(&mut self, cost: i64) {
        if cost >= 0 {
            self.spent = self.spent.saturating_add(cost);
        } else {
            self.lowered = self.lowered.saturating_add(cost.saturating_neg());
        }
    }
}

impl WindowSums {
    /// What may still be granted; zero if the limit is passed. Without a limit: what 64 bits hold.
    #[must_use]
    pub fn room(&self, limit: Option<i64>) -> i64 {
        let room = match limit {
            Some(limit) => i128::from(limit) - i128::from(self.settled) - i128::from(self.leased),
            None => i128::from(i64::MAX) - i128::from(self.leased),
        };
        i64::try_from(room.max(0)).unwrap_or(i64::MAX)
    }

    /// What a want gets: as much as is wished if there is room, at least its minimum, or `None`.
    #[must_use]
    pub fn grantable(&self, limit: Option<i64>, want: &Want) -> Option<i64> {
        let room = if want.forced {
            self.room(None)
        } else {
            self.room(limit)
        };
        (want.amount_min <= room).then(|| want.amount_wished.min(room))
    }

    /// Adds to a lease. The part above the limit counts as forced.
    pub fn grant(&mut self, lease: &mut LeaseSums, limit: Option<i64>, amount: i64) {
        let above = amount.saturating_sub(self.room(limit)).max(0);
        self.forced = self.forced.saturating_add(above);
        self.leased = self.leased.saturating_add(amount);
        lease.remaining = lease.remaining.saturating_add(amount);
        lease.granted = lease.granted.saturating_add(amount);
    }

    /// Settles what entries charge to a lease, open or not; says how much of its write-off that took back.
    pub fn settle(&mut self, lease: &mut LeaseSums, charge: Charge) -> i64 {
        let moved = charge.spent.min(lease.remaining);
        self.release(lease, moved);
        let back = (charge.spent - moved).min(lease.written_off - lease.taken_back);
        lease.taken_back += back;
        let spent = charge.spent - back;
        self.charge(Charge { spent, ..charge });
        back
    }

    /// Charges what no lease was held for.
    pub fn charge(&mut self, charge: Charge) {
        let settled = self.settled.saturating_add(charge.spent);
        self.settled = settled.saturating_sub(charge.lowered).max(0);
    }

    /// Gives back until `given_back` in all were given back. What does not remain, because an entry cost more than was
    /// held, counts as given back all the same: it is not made up for later.
    pub fn give_back(&mut self, lease: &mut LeaseSums, given_back: i64) {
        let given_back = given_back.min(lease.granted).max(lease.given_back);
        let amount = (given_back - lease.given_back).min(lease.remaining);
        lease.given_back = given_back;
        self.release(lease, amount);
    }

    /// Charges what remains of a dead owner's lease; says how much.
    pub fn write_off(&mut self, lease: &mut LeaseSums) -> i64 {
        let amount = lease.remaining;
        self.release(lease, amount);
        self.settled = self.settled.saturating_add(amount);
        lease.written_off = amount;
        amount
    }

    fn release(&mut self, lease: &mut LeaseSums, amount: i64) {
        lease.remaining -= amount;
        self.leased = self.leased.saturating_sub(amount).max(0);
    }
}

#[cfg(test)]
mod tests {
    use super::{Charge, LeaseSums, WindowSums};
    use crate::budget_rows::Want;

    const LIMIT: Option<i64> = Some(100);

    fn want(amount_min: i64, amount_wished: i64, forced: bool) -> Want {
        Want {
            budget_id: 1,
            amount_min,
            amount_wished,
            forced,
            next_window: false,
        }
    }

    fn charge(costs: &[i64]) -> Charge {
        let mut charge = Charge::default();
        for cost in costs {
            charge.add(*cost);
        }
        charge
    }

    #[test]
    fn a_want_gets_what_there_is_room_for() {
        let window = WindowSums {
            settled: 60,
            leased: 10,
            forced: 0,
        };
        assert_eq!(window.grantable(LIMIT, &want(30, 50, false)), Some(30));
        assert_eq!(window.grantable(LIMIT, &want(31, 50, false)), None);
        assert_eq!(window.grantable(LIMIT, &want(0, 0, false)), Some(0));
        assert_eq!(window.grantable(LIMIT, &want(31, 50, true)), Some(50));
        assert_eq!(window.grantable(None, &want(31, 50, false)), Some(50));
        assert_eq!(window.grantable(Some(5), &want(0, 50, false)), Some(0));
    }

    #[test]
    fn only_the_part_above_the_limit_is_forced() {
        let mut window = WindowSums {
            settled: 60,
            ..WindowSums::default()
        };
        let mut lease = LeaseSums::default();
        window.grant(&mut lease, LIMIT, 50);
        assert_eq!(
            (window.leased, window.forced, lease.remaining),
            (50, 10, 50)
        );
        window.grant(&mut lease, LIMIT, 5);
        assert_eq!((window.leased, window.forced, lease.granted), (55, 15, 55));
    }

    #[test]
    fn a_settlement_takes_from_the_lease_first_and_then_from_the_write_off() {
        let mut window = WindowSums::default();
        let mut lease = LeaseSums::default();
        window.grant(&mut lease, LIMIT, 50);
        assert_eq!(window.settle(&mut lease, charge(&[10, 10])), 0);
        assert_eq!((window.settled, window.leased), (20, 30));
        assert_eq!(window.write_off(&mut lease), 30);
        assert_eq!((window.settled, window.leased), (50, 0));
        assert_eq!(window.settle(&mut lease, charge(&[20])), 20);
        assert_eq!(window.settled, 50, "it had been charged for want of proof");
        assert_eq!(window.settle(&mut lease, charge(&[20])), 10);
        assert_eq!(window.settled, 60);
        assert_eq!((lease.written_off, lease.taken_back), (30, 30));
    }

    #[test]
    fn a_correction_lowers_what_was_settled_and_leaves_the_lease() {
        let mut window = WindowSums::default();
        let mut lease = LeaseSums::default();
        window.grant(&mut lease, LIMIT, 50);
        window.settle(&mut lease, charge(&[30, -20]));
        assert_eq!((window.settled, lease.remaining), (10, 20));
        window.charge(charge(&[-30]));
        assert_eq!(window.settled, 0, "never below zero");
    }

    #[test]
    fn a_repeated_return_gives_nothing_back_twice() {
        let mut window = WindowSums::default();
        let mut lease = LeaseSums::default();
        window.grant(&mut lease, LIMIT, 50);
        for _ in 0..2 {
            window.give_back(&mut lease, 20);
            assert_eq!((window.leased, lease.given_back), (30, 20));
        }
        window.give_back(&mut lease, 1_000);
        assert_eq!(
            (window.leased, lease.remaining, lease.given_back),
            (0, 0, 50)
        );
    }

    #[test]
    fn sums_stop_at_the_end_of_64_bits() {
        let mut window = WindowSums {
            settled: i64::MAX - 1,
            ..WindowSums::default()
        };
        let mut lease = LeaseSums::default();
        window.settle(&mut lease, charge(&[i64::MAX, 7, i64::MIN]));
        assert_eq!(window.settled, 0);
        window.charge(charge(&[i64::MAX, 7]));
        assert_eq!(window.settled, i64::MAX);
        assert_eq!(window.room(LIMIT), 0);
        assert_eq!(window.room(None), i64::MAX);
    }
}
