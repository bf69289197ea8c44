//! Calls that wait for money, in the order in which they came.
//!
//! Invariants: at most `WAITERS_MAX`; a call is in one place, asking or parked on one budget; `is_lacked` is true for a budget
//! exactly while some call waits for it.
//! Does not know: money, the store.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::escrow::hold::Hold;
use crate::escrow::known::Known;
use crate::escrow::refusal::Refused;
use crate::escrow::settings::WAITERS_MAX;

/// What a waiting call is told.
#[derive(Debug)]
pub(crate) enum Answer {
    Held(Hold),
    Refused(Refused),
    /// Budgets were edited meanwhile: look up which ones bind, and come back with the same ticket.
    Again,
}

/// A call that waits.
#[derive(Debug)]
pub(crate) struct Waiter {
    pub(crate) known: Arc<Known>,
    pub(crate) amount: i64,
    pub(crate) since: Duration,
    /// How long it waits for held money from then on.
    pub(crate) patience: Duration,
    pub(crate) answer: oneshot::Sender<Answer>,
    /// The budget that the store had no room in.
    pub(crate) short: Option<i64>,
    lacks: Vec<i64>,
}

impl Waiter {
    pub(crate) fn new(
        known: Arc<Known>,
        amount: i64,
        (since, patience): (Duration, Duration),
    ) -> (Waiter, oneshot::Receiver<Answer>) {
        let (answer, receiver) = oneshot::channel();
        let waiter = Waiter {
            known,
            amount,
            since,
            patience,
            answer,
            short: None,
            lacks: Vec::new(),
        };
        (waiter, receiver)
    }
}

/// The place of a call in the order of arrival. A call that has to begin again keeps it.
pub(crate) type Ticket = u64;

#[derive(Debug, Default)]
pub(crate) struct Queue {
    last: Ticket,
    asking: BTreeMap<Ticket, Waiter>,
    parked: BTreeMap<(i64, Ticket), Waiter>,
    parked_on: HashMap<Ticket, i64>,
    lacking: HashMap<i64, usize>,
}

impl Queue {
    /// Takes a call in, or gives it back if the queue is full.
    pub(crate) fn enter(
        &mut self,
        waiter: Waiter,
        ticket: Option<Ticket>,
        lacks: Vec<i64>,
    ) -> Option<Ticket> {
        if self.len() >= WAITERS_MAX {
            return None;
        }
        let ticket = ticket.unwrap_or_else(|| {
            self.last += 1;
            self.last
        });
        self.asking.insert(ticket, waiter);
        self.set_lacks(ticket, lacks);
        Some(ticket)
    }

    pub(crate) fn len(&self) -> usize {
        self.asking.len() + self.parked.len()
    }

    pub(crate) fn asking(&self) -> Vec<Ticket> {
        self.asking.keys().copied().collect()
    }

    pub(crate) fn get(&self, ticket: Ticket) -> Option<&Waiter> {
        match self.parked_on.get(&ticket) {
            Some(budget_id) => self.parked.get(&(*budget_id, ticket)),
            None => self.asking.get(&ticket),
        }
    }

    /// Whether some call waits for held money to come back.
    pub(crate) fn has_parked(&self) -> bool {
        !self.parked.is_empty()
    }

    /// Whether any call waits for this budget.
    pub(crate) fn is_lacked(&self, budget_id: i64) -> bool {
        self.lacking.contains_key(&budget_id)
    }

    /// Whether a call that came before waits for money of this budget to come back.
    pub(crate) fn is_before(&self, budget_id: i64, ticket: Ticket) -> bool {
        let range = (budget_id, 0)..(budget_id, ticket);
        self.parked.range(range).next().is_some()
    }

    /// Says which budgets a call lacks.
    pub(crate) fn set_lacks(&mut self, ticket: Ticket, lacks: Vec<i64>) {
        let Some(waiter) = self.asking.get_mut(&ticket) else {
            return;
        };
        if waiter.lacks == lacks {
            return;
        }
        let old = std::mem::replace(&mut waiter.lacks, lacks.clone());
        self.uncount(&old);
        for budget_id in lacks {
            *self.lacking.entry(budget_id).or_default() += 1;
        }
    }

    /// Lets a call wait for money of one budget to come back.
    pub(crate) fn park(&mut self, ticket: Ticket, budget_id: i64) {
        self.set_lacks(ticket, vec![budget_id]);
        if let Some(mut waiter) = self.asking.remove(&ticket) {
            waiter.short = Some(budget_id);
            self.parked.insert((budget_id, ticket), waiter);
            self.parked_on.insert(ticket, budget_id);
        }
    }

    /// Lets calls parked on a budget ask again, in their order, while `goes_on` says so of the next one.
    pub(crate) fn unpark(
        &mut self,
        budget_id: i64,
        mut goes_on: impl FnMut(&Waiter) -> bool,
    ) -> usize {
        let mut count = 0;
        while let Some((&place, waiter)) = self.parked_at(budget_id)
            && goes_on(waiter)
        {
            if let Some(waiter) = self.parked.remove(&place) {
                self.parked_on.remove(&place.1);
                self.asking.insert(place.1, waiter);
                count += 1;
            }
        }
        count
    }

    fn parked_at(&self, budget_id: i64) -> Option<(&(i64, Ticket), &Waiter)> {
        let range = (budget_id, 0)..=(budget_id, Ticket::MAX);
        self.parked.range(range).next()
    }

    /// The budgets on which calls are parked.
    pub(crate) fn parked_budgets(&self) -> Vec<i64> {
        let mut found = Vec::new();
        let mut next = self.parked.keys().next().copied();
        while let Some((budget_id, _)) = next {
            found.push(budget_id);
            let after = (budget_id, Ticket::MAX);
            next = self
                .parked
                .range((std::ops::Bound::Excluded(after), std::ops::Bound::Unbounded))
                .next()
                .map(|(place, _)| *place);
        }
        found
    }

    /// The calls parked on a budget for which `is_wanted` holds.
    pub(crate) fn parked_where(
        &self,
        budget_id: i64,
        is_wanted: impl Fn(&Waiter) -> bool,
    ) -> Vec<Ticket> {
        let range = (budget_id, 0)..=(budget_id, Ticket::MAX);
        self.parked
            .range(range)
            .filter(|(_, waiter)| is_wanted(waiter))
            .map(|((_, ticket), _)| *ticket)
            .collect()
    }

    /// Takes a call out.
    pub(crate) fn remove(&mut self, ticket: Ticket) -> Option<Waiter> {
        let waiter = match self.parked_on.remove(&ticket) {
            Some(budget_id) => self.parked.remove(&(budget_id, ticket)),
            None => self.asking.remove(&ticket),
        }?;
        self.uncount(&waiter.lacks);
        Some(waiter)
    }

    /// Takes all calls out.
    pub(crate) fn drain(&mut self) -> Vec<Waiter> {
        self.parked_on.clear();
        self.lacking.clear();
        let asking = std::mem::take(&mut self.asking).into_values();
        let parked = std::mem::take(&mut self.parked).into_values();
        asking.chain(parked).collect()
    }

    fn uncount(&mut self, lacks: &[i64]) {
        for budget_id in lacks {
            if let Some(count) = self.lacking.get_mut(budget_id) {
                *count -= 1;
                if *count == 0 {
                    self.lacking.remove(budget_id);
                }
            }
        }
    }
}
