//! The way of a call that finds no free money: look up its budgets, wait in line, be served or refused.
//!
//! Invariants: one look-up at a time for each scope, however many calls want it; a call that goes away at any await leaves the
//! queue, and what it was given in the same moment is released.
//! Does not know: what is asked of the store.

use std::sync::Arc;
use std::time::Duration;

use storage::ScopeAnswer;
use tokio::sync::{Notify, oneshot};
use tokio::time::timeout;

use crate::escrow::hold::Hold;
use crate::escrow::known::{CallScope, Known};
use crate::escrow::queue::{Answer, Ticket, Waiter};
use crate::escrow::refusal::Refused;
use crate::escrow::settings::REDO_MAX;
use crate::escrow::shared::Shared;

const SLOW: &str = "the store did not answer in time";
const EDITED: &str = "budgets are edited faster than they can be read";
pub(crate) const CLOSED: &str = "this instance is closing";

/// What a call does about a scope that may be looked up already.
enum Lookup {
    Known(Arc<Known>),
    Mine(u64),
    Anothers(tokio::sync::futures::OwnedNotified),
}

/// Lets others look a scope up when the one who did is done or gone.
struct Looking<'s> {
    shared: &'s Shared,
    scope: &'s CallScope,
}

impl Drop for Looking<'_> {
    fn drop(&mut self) {
        if let Some(done) = self.shared.lock().lookups.remove(self.scope) {
            done.notify_waiters();
        }
    }
}

/// Takes a call out of the queue when it is done or gone.
struct Waiting<'s> {
    shared: &'s Shared,
    ticket: Ticket,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.shared.leave(self.ticket);
    }
}

enum Entered {
    Held(Hold),
    Waits(Ticket, oneshot::Receiver<Answer>),
    /// An edit came after the look-up.
    Outdated,
}

impl Shared {
    pub(crate) async fn reserve_cold(
        self: &Arc<Self>,
        scope: &CallScope,
        amount: i64,
        patience: Duration,
    ) -> Result<Hold, Refused> {
        let since = self.now();
        let mut place = None;
        for _ in 0..REDO_MAX {
            let known = self.look_up(scope).await?;
            let (waiter, answer) = Waiter::new(known, amount, (since, patience));
            let (ticket, answer) = match self.enter(waiter, answer, place)? {
                Entered::Held(hold) => return Ok(hold),
                Entered::Outdated => continue,
                Entered::Waits(ticket, answer) => (ticket, answer),
            };
            place = Some(ticket);
            let waiting = Waiting {
                shared: self,
                ticket,
            };
            let answer = self.wait(ticket, answer, patience).await;
            drop(waiting);
            match answer {
                Answer::Held(hold) => return Ok(hold),
                Answer::Refused(refused) => return Err(refused),
                Answer::Again => {}
            }
        }
        Err(Refused::unavailable(EDITED))
    }

    /// Cuts at once if there is money by now, else takes a place in the queue.
    fn enter(
        self: &Arc<Self>,
        waiter: Waiter,
        answer: oneshot::Receiver<Answer>,
        place: Option<Ticket>,
    ) -> Result<Entered, Refused> {
        let now = self.now();
        let mut state = self.lock();
        if state.is_closed {
            return Err(Refused::unavailable(CLOSED));
        }
        if waiter.known.view != state.view {
            return Ok(Entered::Outdated);
        }
        let lacks = state.lacking(&waiter.known, waiter.amount, now);
        if lacks.is_empty()
            && state.may_cut(now)
            && let Some(cut) = state.cut(Arc::clone(&waiter.known), waiter.amount, now)
        {
            drop(state);
            return Ok(Entered::Held(self.hold(cut)));
        }
        let ticket = state.queue.enter(waiter, place, lacks);
        drop(state);
        let ticket = ticket.ok_or_else(|| Refused::unavailable("too many calls wait for money"))?;
        self.granter.notify_one();
        Ok(Entered::Waits(ticket, answer))
    }

    /// Waits for money or a word of the store. Who was told that money is held, and has waited long enough, is refused; who heard
    /// nothing is given a little more time, because the store may only be slow.
    async fn wait(
        &self,
        ticket: Ticket,
        mut answer: oneshot::Receiver<Answer>,
        patience: Duration,
    ) -> Answer {
        let gone = || Answer::Refused(Refused::unavailable(CLOSED));
        if let Ok(answer) = timeout(patience, &mut answer).await {
            return answer.unwrap_or_else(|_| gone());
        }
        if let Some(refused) = self.lock().waited_in_vain(ticket) {
            return Answer::Refused(refused);
        }
        match timeout(self.settings.store_wait_max, &mut answer).await {
            Ok(answer) => answer.unwrap_or_else(|_| gone()),
            Err(_) => Answer::Refused(Refused::unavailable(SLOW)),
        }
    }

    /// The budgets that bind a call: remembered, or looked up.
    pub(crate) async fn look_up(&self, scope: &CallScope) -> Result<Arc<Known>, Refused> {
        let looking = timeout(self.settings.store_wait_max, self.look_up_for_long(scope));
        looking
            .await
            .unwrap_or_else(|_| Err(Refused::unavailable(SLOW)))
    }

    async fn look_up_for_long(&self, scope: &CallScope) -> Result<Arc<Known>, Refused> {
        loop {
            let view = match self.begin_look_up(scope) {
                Lookup::Known(known) => return Ok(known),
                Lookup::Anothers(done) => {
                    done.await;
                    continue;
                }
                Lookup::Mine(view) => view,
            };
            let looking = Looking {
                shared: self,
                scope,
            };
            let known = Arc::new(self.ask_scope(scope, view).await?);
            let mut state = self.lock();
            if state.view == view {
                state.learn(&known);
                drop(state);
                drop(looking);
                return Ok(known);
            }
        }
    }

    fn begin_look_up(&self, scope: &CallScope) -> Lookup {
        let mut state = self.lock();
        if let Some(known) = state.scopes.find(scope) {
            return Lookup::Known(known);
        }
        if let Some(done) = state.lookups.get(scope) {
            return Lookup::Anothers(Arc::clone(done).notified_owned());
        }
        state.lookups.insert(scope.clone(), Arc::new(Notify::new()));
        Lookup::Mine(state.view)
    }

    pub(crate) async fn ask_scope(&self, scope: &CallScope, view: u64) -> Result<Known, Refused> {
        let end_users_max = self.settings.end_users_per_key_day_max;
        match self
            .backing
            .budgets_in_scope(scope.ask(end_users_max))
            .await?
        {
            ScopeAnswer::Budgets { epoch, budgets } => {
                Known::read(scope.clone(), (view, epoch), &budgets)
                    .map_err(|unreadable| Refused::unavailable(unreadable.to_string()))
            }
            ScopeAnswer::TooManyEndUsers { made_today } => Err(Refused::TooManyEndUsers {
                made_today,
                end_users_max,
            }),
        }
    }
}
