//! What the waiting calls need: who can be served now, what is asked of the store for the others, and what its answer means.
//!
//! Invariants: calls are served in their order as far as they want the same budget; a call that can never be served is refused
//! at once; calls that lack the same budgets are one ask, so that ten thousand of them are not ten thousand.
//! Does not know: tasks, the store's insides.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use storage::Want;
use tokio::sync::oneshot::Sender;

use crate::escrow::known::Known;
use crate::escrow::queue::{Answer, Ticket};
use crate::escrow::refusal::Refused;
use crate::escrow::settings::{ASKS_MAX, WANTS_ASKED_MAX};
use crate::escrow::state::{Cut, State};

/// What a call is told; a reservation is still to be wrapped.
#[derive(Debug)]
pub(crate) enum Verdict {
    Held(Cut),
    Other(Answer),
}

/// Calls, out of the queue already, and what they are told, to be delivered when the lock is free.
pub(crate) type Verdicts = Vec<(Sender<Answer>, Verdict)>;

/// For whom something is asked.
#[derive(Debug)]
pub(crate) enum Asker {
    /// Calls that lack the same budgets.
    Calls(Vec<Ticket>),
    /// Nobody yet: a budget that runs low, or one of which an answer got lost.
    Ahead,
}

/// What is asked of the store at once, one asker for each ask.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) asks: Vec<Vec<Want>>,
    pub(crate) askers: Vec<Asker>,
}

/// Calls that lack the same budgets, while they are gathered.
#[derive(Debug, Default)]
struct Group {
    tickets: Vec<Ticket>,
    wants: Vec<Want>,
}

#[derive(Debug, Default)]
struct Gathering {
    claimed: HashMap<i64, i64>,
    groups: Vec<Group>,
    /// Of all groups together.
    wants: usize,
    by_lacks: HashMap<Vec<i64>, usize>,
}

impl State {
    /// Which of these budgets have not got `amount` free beside what is claimed, and how much each lacks.
    fn lacks(
        &self,
        known: &Known,
        amount: i64,
        now_ms: i64,
        claimed: &HashMap<i64, i64>,
    ) -> Vec<(i64, i64)> {
        let lack = |id: i64| {
            let claimed = claimed.get(&id).copied().unwrap_or(0);
            self.accounts
                .get(&id)
                .map_or(amount, |account| account.pool.lack(now_ms, claimed, amount))
        };
        let lacks = known.ids().map(|id| (id, lack(id)));
        lacks.filter(|(_, lack)| *lack > 0).collect()
    }

    /// The budgets that a call would wait for now.
    pub(crate) fn lacking(&self, known: &Known, amount: i64, now: Duration) -> Vec<i64> {
        let now_ms = self.time.now_ms(now);
        let lacks = self.lacks(known, amount, now_ms, &HashMap::new());
        let behind = known.ids().filter(|id| self.queue.is_lacked(*id));
        let mut ids: Vec<i64> = lacks.into_iter().map(|(id, _)| id).chain(behind).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// Serves whoever can be served and says what to ask the store for the others.
    pub(crate) fn plan(&mut self, now: Duration) -> (Verdicts, Plan) {
        let now_ms = self.time.now_ms(now);
        let mut verdicts = Verdicts::new();
        let mut gathering = Gathering::default();
        for ticket in self.queue.asking() {
            let Some(waiter) = self.queue.get(ticket) else {
                continue;
            };
            let (known, amount) = (Arc::clone(&waiter.known), waiter.amount);
            if known.view != self.view {
                self.tell(ticket, Answer::Again, &mut verdicts);
                continue;
            }
            let before = known.ids().find(|id| self.queue.is_before(*id, ticket));
            if let Some(budget_id) = before {
                self.wait_or_refuse(ticket, budget_id, now, &mut verdicts);
                continue;
            }
            let lacks = self.lacks(&known, amount, now_ms, &gathering.claimed);
            if lacks.is_empty() {
                self.serve(ticket, known, amount, now, &mut verdicts);
                continue;
            }
            let ids: Vec<i64> = lacks.iter().map(|(id, _)| *id).collect();
            if self.gather(ticket, &known, lacks, now, &mut gathering) {
                for id in known.ids() {
                    let claimed = gathering.claimed.entry(id).or_default();
                    *claimed = claimed.saturating_add(amount);
                }
                self.queue.set_lacks(ticket, ids);
            }
        }
        let mut plan = Plan::default();
        for group in gathering.groups {
            plan.asks.push(group.wants);
            plan.askers.push(Asker::Calls(group.tickets));
        }
        self.plan_refills(now, now_ms, &mut plan);
        (verdicts, plan)
    }

    fn serve(
        &mut self,
        ticket: Ticket,
        known: Arc<Known>,
        amount: i64,
        now: Duration,
        verdicts: &mut Verdicts,
    ) {
        let Some(waiter) = self.queue.remove(ticket) else {
            return;
        };
        let verdict = match self.cut(known, amount, now) {
            Some(cut) => Verdict::Held(cut),
            None => Verdict::Other(Answer::Refused(Refused::unavailable(
                "too many calls are under way",
            ))),
        };
        verdicts.push((waiter.answer, verdict));
    }

    pub(crate) fn tell(&mut self, ticket: Ticket, answer: Answer, verdicts: &mut Verdicts) {
        if let Some(waiter) = self.queue.remove(ticket) {
            verdicts.push((waiter.answer, Verdict::Other(answer)));
        }
    }

    /// Tells calls that what they wait for does not come. `None`: all that wait.
    pub(crate) fn fail(&mut self, tickets: Option<&[Ticket]>, message: &str) -> Verdicts {
        let waiters = match tickets {
            Some(tickets) => {
                let queue = &mut self.queue;
                tickets
                    .iter()
                    .filter_map(|ticket| queue.remove(*ticket))
                    .collect()
            }
            None => self.queue.drain(),
        };
        let refused = || Verdict::Other(Answer::Refused(Refused::unavailable(message)));
        waiters
            .into_iter()
            .map(|waiter| (waiter.answer, refused()))
            .collect()
    }

    /// Adds a call to the ask of its like. Gives `false` if it has to wait for the next round.
    fn gather(
        &mut self,
        ticket: Ticket,
        known: &Known,
        lacks: Vec<(i64, i64)>,
        now: Duration,
        gathering: &mut Gathering,
    ) -> bool {
        let ids: Vec<i64> = lacks.iter().map(|(id, _)| *id).collect();
        if let Some(group) = gathering.by_lacks.get(&ids) {
            let group = &mut gathering.groups[*group];
            group.tickets.push(ticket);
            for (want, (_, lack)) in group.wants.iter_mut().zip(lacks) {
                want.amount_wished = want.amount_wished.saturating_add(lack);
            }
            return true;
        }
        let wants = gathering.wants.saturating_add(lacks.len());
        if gathering.groups.len() >= ASKS_MAX || wants > WANTS_ASKED_MAX {
            return false;
        }
        gathering.wants = wants;
        let settings = self.settings.clone();
        let mut group = Group {
            tickets: vec![ticket],
            wants: Vec::with_capacity(lacks.len()),
        };
        for (budget_id, lack) in lacks {
            let facts = known
                .budgets
                .iter()
                .find(|facts| facts.budget_id == budget_id);
            let account = facts.and_then(|facts| self.account(facts));
            // What is leased ahead comes on top once, with the first that asks.
            let is_first = !gathering.claimed.contains_key(&budget_id);
            let wish = match account {
                Some(account) if is_first => account.wish(now, &settings),
                _ => 0,
            };
            group.wants.push(want(budget_id, lack, lack.max(wish)));
        }
        gathering.by_lacks.insert(ids, gathering.groups.len());
        gathering.groups.push(group);
        true
    }

    fn plan_refills(&mut self, now: Duration, now_ms: i64, plan: &mut Plan) {
        let settings = self.settings.clone();
        let room = ASKS_MAX.saturating_sub(plan.asks.len());
        for budget_id in std::mem::take(&mut self.refills).into_iter().take(room) {
            let Some(account) = self.accounts.get_mut(&budget_id) else {
                continue;
            };
            account.refill_asked = false;
            let lack = account.wish(now, &settings) - account.pool.free_at(now_ms);
            let is_asked = plan
                .asks
                .iter()
                .flatten()
                .any(|want| want.budget_id == budget_id);
            if lack > 0 && !is_asked {
                plan.asks.push(vec![want(budget_id, 0, lack)]);
                plan.askers.push(Asker::Ahead);
            }
        }
    }
}

fn want(budget_id: i64, amount_min: i64, amount_wished: i64) -> Want {
    Want {
        budget_id,
        amount_min,
        amount_wished,
        forced: false,
        next_window: false,
    }
}
