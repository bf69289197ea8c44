//! How an instance begins, stays alive, begins again when the store calls it dead, and takes up edits.
//!
//! Invariants: nothing is cut from two thirds of a life after the last beat that was answered was sent; an edit is called seen only when every
//! reservation that is open is charged to the budgets that it made.
//! Does not know: who waits.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use storage::{Granted, StoreError, StoreErrorKind, Want};

use crate::escrow::event::EscrowEvent;
use crate::escrow::known::{CallScope, Facts, Known};
use crate::escrow::refusal::Refused;
use crate::escrow::settings::ASKS_MAX;
use crate::escrow::shared::Shared;
use crate::escrow::state::{Instance, Part, State};
use crate::money::PicoUsd;

/// What open reservations need in budgets that were made after them.
#[derive(Debug, Default)]
struct CarryOver {
    known: HashMap<CallScope, Arc<Known>>,
    facts: BTreeMap<i64, Arc<Facts>>,
    amounts: BTreeMap<i64, i64>,
}

impl Shared {
    fn lives_for_ms(&self) -> i64 {
        i64::try_from(self.settings.lives_for.as_millis()).unwrap_or(i64::MAX)
    }

    /// The name of an instance: the seed, and how often it began again.
    fn name(&self, generation: u64) -> [u8; 16] {
        let mut name = self.seed;
        for (byte, count) in name.iter_mut().rev().zip(generation.to_le_bytes()) {
            *byte ^= count;
        }
        name
    }

    pub(crate) async fn open_instance(&self, generation: u64) -> Result<(), StoreError> {
        let id = self.name(generation);
        let sent = self.now();
        let beat = self.backing.open_instance(id, self.lives_for_ms()).await?;
        let now = self.now();
        let mut state = self.lock();
        if generation > 0 && state.instance.generation + 1 != generation {
            return Ok(());
        }
        state.begin_again(Instance {
            id,
            generation,
            cut_until: sent,
        });
        state.beat(&beat, sent, now);
        if generation == 0 {
            state.epoch = beat.epoch;
            state.adopted = beat.epoch;
        }
        Ok(())
    }

    /// Begins again after the store called generation `dead` dead.
    pub(crate) async fn begin_again(&self, dead: u64) -> Result<(), StoreError> {
        let holds = {
            let state = self.lock();
            if state.instance.generation != dead || state.is_closed {
                return Ok(());
            }
            state.open_count()
        };
        self.open_instance(dead + 1).await?;
        self.events.tell(EscrowEvent::Fenced { holds });
        self.write_off().await
    }

    /// Charges what dead instances still held.
    pub(crate) async fn write_off(&self) -> Result<(), StoreError> {
        let own = self.lock().instance.id;
        for written in self.backing.write_off_dead(own).await? {
            self.events.tell(EscrowEvent::WrittenOff {
                budget_id: written.budget_id,
                amount: PicoUsd::from_pico(i128::from(written.amount_pico_usd)),
                entry_id: written.entry_id,
            });
        }
        Ok(())
    }

    /// Says that this instance lives, and hears what others want of it. Gives the epoch.
    pub(crate) async fn beat(&self) -> Result<i64, StoreError> {
        let (instance, adopted) = {
            let state = self.lock();
            (state.instance, state.adopted)
        };
        let sent = self.now();
        let beat = self
            .backing
            .heartbeat(instance.id, adopted, self.lives_for_ms())
            .await;
        match beat {
            Ok(beat) if beat.alive => {
                let now = self.now();
                let mut state = self.lock();
                if state.instance.generation == instance.generation {
                    state.beat(&beat, sent, now);
                }
                Ok(beat.epoch)
            }
            Ok(beat) => {
                self.begin_again(instance.generation).await?;
                Ok(beat.epoch)
            }
            Err(error) if error.kind == StoreErrorKind::Fenced => {
                self.begin_again(instance.generation).await?;
                Ok(adopted)
            }
            Err(error) => Err(error),
        }
    }

    /// Takes up an edit: what was looked up is forgotten, and what is open is carried over into budgets that are new.
    pub(crate) async fn adopt(&self, epoch: i64) -> Result<(), Refused> {
        let (view, instance, stale) = {
            let mut state = self.lock();
            if state.epoch != epoch {
                state.forget_scopes(epoch);
            }
            let stale = state.stale(epoch);
            (state.view, state.instance, stale)
        };
        // Those who wait with what they knew look it up again.
        self.granter.notify_one();
        let mut known = HashMap::new();
        for scope in stale {
            match self.ask_scope(&scope, view).await {
                Ok(found) => drop(known.insert(scope, Arc::new(found))),
                // No budget can be made for such a user, so none is missed.
                Err(Refused::TooManyEndUsers { .. }) => {}
                Err(refused) => return Err(refused),
            }
        }
        let carry = self.lock().carry_over(known);
        let granted = self.grant_carried(&instance, &carry).await?;
        {
            let mut state = self.lock();
            if state.instance.generation == instance.generation {
                state.carried(&carry, &granted, self.now());
            }
        }
        // What settled before it was carried over is in the new budget's sum when its entry is on disk.
        self.backing.flush().await?;
        self.lock().adopted = epoch;
        Ok(())
    }

    async fn grant_carried(
        &self,
        instance: &Instance,
        carry: &CarryOver,
    ) -> Result<Vec<Granted>, StoreError> {
        let asks: Vec<Vec<Want>> = carry
            .amounts
            .iter()
            .map(|(budget_id, amount)| {
                vec![Want {
                    budget_id: *budget_id,
                    amount_min: *amount,
                    amount_wished: *amount,
                    forced: true,
                    next_window: false,
                }]
            })
            .collect();
        let mut granted = Vec::new();
        for asks in asks.chunks(ASKS_MAX) {
            let answer = self.backing.grant(instance.id, asks.to_vec()).await?;
            granted.extend(answer.results.into_iter().flatten().flatten());
        }
        Ok(granted)
    }
}

impl State {
    /// Scopes of open reservations that were looked up before `epoch`.
    fn stale(&self, epoch: i64) -> Vec<CallScope> {
        let mut found = HashMap::new();
        for open in self.open().filter(|open| open.epoch < epoch) {
            found
                .entry(Arc::as_ptr(&open.known))
                .or_insert(&open.known.scope);
        }
        found.into_values().cloned().collect()
    }

    fn carry_over(&self, known: HashMap<CallScope, Arc<Known>>) -> CarryOver {
        let mut carry = CarryOver::default();
        let generation = self.instance.generation;
        for open in self.open().filter(|open| open.generation == generation) {
            let Some(now) = known.get(&open.known.scope) else {
                continue;
            };
            for facts in missing(now, open.epoch, &open.parts) {
                let amount = carry.amounts.entry(facts.budget_id).or_default();
                *amount = amount.saturating_add(open.amount);
                carry.facts.insert(facts.budget_id, Arc::clone(facts));
            }
        }
        carry.known = known;
        carry
    }

    /// Adds the leases that were granted for it to the reservations that are still open; what is over goes back.
    fn carried(&mut self, carry: &CarryOver, granted: &[Granted], now: std::time::Duration) {
        let mut over = HashMap::new();
        for granted in granted {
            if let Some(facts) = carry.facts.get(&granted.budget_id) {
                self.account(facts);
                // With what a lost answer had forced: none of it may be cut for new calls.
                let amount = self.take(granted, now, false);
                over.insert(granted.budget_id, (granted.lease_id, amount));
            }
        }
        let generation = self.instance.generation;
        let mut held = Vec::new();
        for (_, open) in self.open_mut() {
            let Some(now) = carry.known.get(&open.known.scope) else {
                continue;
            };
            if open.generation != generation || open.epoch >= now.epoch {
                continue;
            }
            for facts in missing(now, open.epoch, &open.parts.clone()) {
                if let Some((lease_id, left)) = over.get_mut(&facts.budget_id) {
                    open.parts.push(Part {
                        budget_id: facts.budget_id,
                        lease_id: *lease_id,
                    });
                    *left -= open.amount;
                    held.push((facts.budget_id, *lease_id, open.amount));
                }
            }
            open.epoch = now.epoch;
        }
        for (budget_id, lease_id, amount) in held {
            if let Some(account) = self.accounts.get_mut(&budget_id) {
                account.pool.carry(lease_id, amount);
            }
        }
        for (budget_id, (lease_id, amount)) in over {
            let account = self.accounts.get_mut(&budget_id);
            if amount > 0
                && let Some(left) = account.and_then(|account| account.pool.give(amount))
            {
                debug_assert_eq!(left.lease_id, lease_id);
                self.leases.give_back(left);
            }
        }
    }
}

/// The budgets of a scope that a reservation was cut before.
fn missing<'k>(
    known: &'k Known,
    epoch: i64,
    parts: &[Part],
) -> impl Iterator<Item = &'k Arc<Facts>> {
    known.budgets.iter().filter(move |facts| {
        facts.created_epoch > epoch && !parts.iter().any(|part| part.budget_id == facts.budget_id)
    })
}
