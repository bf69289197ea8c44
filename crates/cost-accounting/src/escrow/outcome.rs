//! What the store's answer means for the calls that wait: served, refused at once, or left waiting for held money.
//!
//! Invariants: a call that can never be served is refused at once; money that comes wakes those who wait for it, in their order.
//! Does not know: tasks, how the store was asked.

use std::time::Duration;

use storage::{GrantAnswer, Granted, Short};

use crate::escrow::account::Seen;
use crate::escrow::plan::{Asker, Plan, Verdicts};
use crate::escrow::pool::{Lease, Return};
use crate::escrow::queue::{Answer, Ticket};
use crate::escrow::refusal::{RefusalReason, Refused};
use crate::escrow::settings::{REFILL_PAUSE, WAKE_MAX};
use crate::escrow::state::State;

impl State {
    /// Takes what the store granted and tells the calls that it refused. `sent` is when it was asked.
    pub(crate) fn apply(&mut self, plan: Plan, answer: GrantAnswer, now: Duration) -> Verdicts {
        self.time.learn(answer.now_ms, now);
        let mut verdicts = Verdicts::new();
        for (asker, result) in plan.askers.into_iter().zip(answer.results) {
            match (result, asker) {
                (Ok(granted), asker) => {
                    let is_ahead = matches!(asker, Asker::Ahead);
                    for granted in granted {
                        self.take(&granted, now, is_ahead);
                    }
                }
                (Err(short), Asker::Calls(tickets)) => {
                    self.short(&short, &tickets, now, &mut verdicts)
                }
                (Err(short), Asker::Ahead) => self.see(&short),
            }
        }
        verdicts
    }

    /// Takes a grant, and what answers that got lost had granted; says how much that is.
    pub(crate) fn take(&mut self, granted: &Granted, now: Duration, is_ahead: bool) -> i64 {
        let settings = self.settings.clone();
        let Some(account) = self.accounts.get_mut(&granted.budget_id) else {
            self.give_all_back(granted);
            return 0;
        };
        let lease = account.lease(granted.lease_id, granted.window_start);
        let amount = self.leases.granted(&lease, granted);
        let left = account.pool.take(lease, amount);
        account.see(Seen {
            window_start: granted.window_start,
            limit: granted.limit_pico_usd,
            settled: granted.settled_pico_usd,
            leased: granted.leased_pico_usd,
        });
        account.mark(now, &settings);
        self.doubts.remove(&granted.budget_id);
        if is_ahead && granted.amount_pico_usd == 0 {
            account.refill_after = now + REFILL_PAUSE;
        }
        if let Some(left) = left {
            self.leases.give_back(left);
        }
        // There is room again, so those who wait for it ask again.
        let mut count = 0;
        self.queue.unpark(granted.budget_id, |_| {
            count += 1;
            count <= WAKE_MAX
        });
        amount
    }

    /// Gives back what was granted to a budget that was forgotten meanwhile, because who wanted it left: nobody here would know of it,
    /// and it would be held until this instance ends.
    pub(crate) fn give_all_back(&mut self, granted: &Granted) {
        let lease = Lease {
            lease_id: granted.lease_id,
            window_start: granted.window_start,
            ends_at_ms: None,
        };
        let amount = self.leases.granted(&lease, granted);
        if amount > 0 {
            let lease_id = lease.lease_id;
            self.leases.give_back(Return { lease_id, amount });
        }
    }

    fn see(&mut self, short: &Short) {
        if let Some(account) = self.accounts.get_mut(&short.budget_id) {
            account.see(Seen {
                window_start: short.window_start,
                limit: Some(short.limit_pico_usd),
                settled: short.settled_pico_usd,
                leased: short.leased_pico_usd,
            });
        }
    }

    fn short(&mut self, short: &Short, tickets: &[Ticket], now: Duration, verdicts: &mut Verdicts) {
        self.see(short);
        for ticket in tickets {
            self.wait_or_refuse(*ticket, short.budget_id, now, verdicts);
        }
        // Whoever waited for money that is spent by now waits in vain.
        let Some(account) = self.accounts.get(&short.budget_id) else {
            return;
        };
        let vain = |needed| account.hopeless(needed).is_some();
        let parked = self
            .queue
            .parked_where(short.budget_id, |waiter| vain(waiter.amount));
        for ticket in parked {
            self.wait_or_refuse(ticket, short.budget_id, now, verdicts);
        }
    }

    /// Lets a call wait for money of a budget to come back, or refuses it if it would wait in vain or has waited enough.
    pub(crate) fn wait_or_refuse(
        &mut self,
        ticket: Ticket,
        budget_id: i64,
        now: Duration,
        verdicts: &mut Verdicts,
    ) {
        let (Some(waiter), Some(account)) = (self.queue.get(ticket), self.accounts.get(&budget_id))
        else {
            return;
        };
        let has_waited = now.saturating_sub(waiter.since) >= waiter.patience;
        let reason = account
            .hopeless(waiter.amount)
            .or(has_waited.then_some(RefusalReason::Held));
        match reason {
            Some(reason) => {
                let refusal = account.refusal(waiter.amount, reason);
                let refused = Refused::Budget(Box::new(refusal));
                self.tell(ticket, Answer::Refused(refused), verdicts);
            }
            None => self.queue.park(ticket, budget_id),
        }
    }

    /// What a call is told that waited long enough: a refusal, if the store said that there is no room. It is out of the queue then.
    pub(crate) fn waited_in_vain(&mut self, ticket: Ticket) -> Option<Refused> {
        let waiter = self.queue.get(ticket)?;
        let account = self.accounts.get(&waiter.short?)?;
        let reason = account.hopeless(waiter.amount);
        let refusal = account.refusal(waiter.amount, reason.unwrap_or(RefusalReason::Held));
        self.queue.remove(ticket);
        Some(Refused::Budget(Box::new(refusal)))
    }

    /// Lets calls that wait for this budget's money ask again, if it is free now.
    pub(crate) fn wake(&mut self, now: Duration) -> usize {
        let now_ms = self.time.now_ms(now);
        let mut count = 0;
        for budget_id in self.queue.parked_budgets() {
            let account = self.accounts.get(&budget_id);
            let mut free = account.map_or(0, |account| account.pool.free_at(now_ms));
            count += self.queue.unpark(budget_id, |waiter| {
                free -= waiter.amount;
                free >= 0
            });
        }
        count
    }

    /// Lets the first of each budget ask the store again.
    pub(crate) fn recheck(&mut self) {
        for budget_id in self.queue.parked_budgets() {
            let mut is_first = true;
            self.queue
                .unpark(budget_id, |_| std::mem::take(&mut is_first));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use storage::{Granted, Return};

    use crate::escrow::settings::EscrowSettings;
    use crate::escrow::state::{Instance, State};

    #[test]
    fn money_granted_to_a_budget_that_was_forgotten_meanwhile_goes_back() {
        let instance = Instance {
            id: [1; 16],
            generation: 0,
            cut_until: Duration::ZERO,
        };
        let mut state = State::new(EscrowSettings::default(), instance);
        let granted = Granted {
            budget_id: 1,
            window_start: 0,
            lease_id: 7,
            amount_pico_usd: 40,
            lease_granted_pico_usd: 100,
            lease_given_back_pico_usd: 60,
            limit_pico_usd: Some(50),
            settled_pico_usd: 0,
            leased_pico_usd: 40,
        };
        let back = |given_back_pico_usd| Return {
            lease_id: 7,
            given_back_pico_usd,
        };
        assert_eq!(state.take(&granted, Duration::ZERO, false), 0);
        assert_eq!(state.leases.due(), [back(100)]);
        let more = Granted {
            lease_granted_pico_usd: 110,
            ..granted
        };
        state.take_ahead(&more, Duration::ZERO);
        assert_eq!(state.leases.due(), [back(110)]);
    }
}
