//! Holds money for calls before they are sent, so that no budget is ever exceeded: O'Neil's escrow over leases on disk.
//!
//! An [`Escrow`] is one running server's share of the budgets. It leases money from the store in one transaction for all budgets a
//! call lacks, cuts reservations from these leases in memory, and returns what it does not use. A [`Hold`] is settled at what the
//! call cost, and its [`Charges`] go into the ledger with the entry.
//!
//! - Warm, a reservation is one short lock. Cold, it waits for one group commit that it shares with all who wait.
//! - Where a budget has room but calls under way hold it, a call waits up to `wait_max` for money to come back, in the order of
//!   arrival. Where it could not fit even then, it is refused at once.
//! - If the store fails or this instance can't prove that it is alive, nothing is given: [`Refused::Unavailable`].
//!
//! Invariants: for every budget and window, what is settled, held and free here together never exceeds what was leased; a
//! reservation is held in every budget in its scope or in none; a call that goes away leaves nothing behind.
//! Does not know: prices, HTTP, SQL.
//! Source: P. O'Neil, "The Escrow Transactional Method", ACM TODS 1986.

mod account;
pub(crate) mod backing;
mod cold;
mod event;
mod granter;
pub(crate) mod hold;
mod keeper;
mod known;
pub(crate) mod leases;
mod outcome;
mod plan;
pub(crate) mod pool;
mod queue;
mod refusal;
mod renewal;
mod settings;
mod shared;
mod spend;
mod state;
mod sweep;

use std::sync::Arc;
use std::time::Duration;

use storage::{Store, StoreError};

pub use crate::escrow::event::{EVENTS_MAX, EscrowEvent};
pub use crate::escrow::hold::{Charges, Hold};
pub use crate::escrow::known::CallScope;
pub use crate::escrow::refusal::{BudgetRefusal, RefusalReason, Refused};
pub use crate::escrow::settings::{ACCOUNTS_MAX, EscrowSettings, HOLDS_MAX, WAITERS_MAX};

use crate::escrow::backing::Backing;
use crate::escrow::settings::AMOUNT_MAX;
use crate::escrow::shared::{Clock, Shared};
use crate::escrow::state::{Instance, State};
use crate::money::PicoUsd;

/// One server's share of the budgets. A clone is a second handle on the same one.
#[derive(Clone, Debug)]
pub struct Escrow {
    pub(crate) shared: Arc<Shared>,
}

/// What was left when escrow closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// Everything went back to the store.
    Clean,
    /// Reservations were open. Their money stays held, and the next start charges what they do not settle until then.
    Open {
        /// How many.
        holds: usize,
    },
}

impl Escrow {
    /// Opens an instance on the store and charges what dead ones still held.
    ///
    /// Shape: `clock` is the time since the process started; `seed` is sixteen random bytes, the name of this instance. Somebody
    /// must drive [`Escrow::run`] from now on.
    pub async fn open(
        store: Store,
        settings: EscrowSettings,
        clock: Arc<dyn Fn() -> Duration + Send + Sync>,
        seed: [u8; 16],
    ) -> Result<Escrow, StoreError> {
        Escrow::open_on(Box::new(store), settings, clock, seed).await
    }

    pub(crate) async fn open_on(
        backing: Box<dyn Backing>,
        settings: EscrowSettings,
        clock: Clock,
        seed: [u8; 16],
    ) -> Result<Escrow, StoreError> {
        let instance = Instance {
            id: seed,
            generation: 0,
            cut_until: Duration::ZERO,
        };
        let state = State::new(settings, instance);
        let shared = Arc::new(Shared::new(backing, clock, seed, state));
        shared.open_instance(0).await?;
        // Another server may hold rows for a moment, frozen in the middle: the keeper tries again.
        match shared.write_off().await {
            Err(error) if !error.is_passing() => Err(error),
            _ => Ok(Escrow { shared }),
        }
    }

    /// Grants, beats, returns and renews, until [`Escrow::close`]. To be driven to its end by one task: dropped in between, answers
    /// of the store are lost and cold calls are refused.
    pub async fn run(&self) {
        tokio::join!(self.shared.run_granter(), self.shared.run_keeper());
    }

    /// Holds `amount`, the most that a call can cost, in every budget that binds the call.
    ///
    /// Shape: waits for the store where leases are cold, and up to `wait_max` for held money to come back. Dropping the future
    /// leaves nothing behind.
    /// Errors: [`Refused`]; nothing is held then.
    pub async fn reserve(&self, scope: &CallScope, amount: PicoUsd) -> Result<Hold, Refused> {
        let patience = self.shared.settings.wait_max;
        self.reserve_within(scope, amount, patience).await
    }

    /// The same without a wait for money that other calls hold: for a caller who can do with less and finds that out by this.
    pub async fn reserve_at_once(
        &self,
        scope: &CallScope,
        amount: PicoUsd,
    ) -> Result<Hold, Refused> {
        self.reserve_within(scope, amount, Duration::ZERO).await
    }

    async fn reserve_within(
        &self,
        scope: &CallScope,
        amount: PicoUsd,
        patience: Duration,
    ) -> Result<Hold, Refused> {
        let pico = held_pico(amount)?;
        match self.shared.try_reserve(scope, pico) {
            Some(hold) => Ok(hold),
            None => self.shared.reserve_cold(scope, pico, patience).await,
        }
    }

    /// The same where it takes neither the store nor a wait; `None` says nothing about whether [`Escrow::reserve`] would succeed.
    #[must_use]
    pub fn try_reserve(&self, scope: &CallScope, amount: PicoUsd) -> Option<Hold> {
        self.shared.try_reserve(scope, held_pico(amount).ok()?)
    }

    /// The smallest limit of the budgets that bind a call; `None` if none does.
    ///
    /// Errors: as of [`Escrow::reserve`], when the budgets are not known yet and can't be looked up.
    pub async fn tightest_limit(&self, scope: &CallScope) -> Result<Option<PicoUsd>, Refused> {
        let known = self.shared.look_up(scope).await?;
        let tightest = known.tightest.map(i128::from);
        Ok(tightest.map(PicoUsd::from_pico))
    }

    /// The next thing that somebody should hear of. Waits for it.
    pub async fn next_event(&self) -> EscrowEvent {
        self.shared.events.next().await
    }

    /// The next thing that somebody should hear of, if there is one.
    #[must_use]
    pub fn take_event(&self) -> Option<EscrowEvent> {
        self.shared.events.take()
    }

    /// Reservations that are open now.
    #[must_use]
    pub fn open_holds(&self) -> usize {
        self.shared.lock().open_count()
    }

    /// Ends the tasks, refuses who waits, and gives everything back if nothing is held. To be called when all entries were recorded.
    pub async fn close(&self) -> Result<Closed, StoreError> {
        self.shared.close().await
    }
}

/// What is held for a bound: at least a pico-dollar, so that every attempt has a lease that a crash finds.
fn held_pico(amount: PicoUsd) -> Result<i64, Refused> {
    match i64::try_from(amount.pico()) {
        Ok(pico) if pico <= AMOUNT_MAX => Ok(pico.max(1)),
        _ if amount < PicoUsd::ZERO => Ok(1),
        _ => Err(Refused::TooLarge { needed: amount }),
    }
}
