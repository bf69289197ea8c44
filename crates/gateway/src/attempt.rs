//! One attempt as a unit of money: from the moment it may cost something to its entry in the ledger.
//!
//! Invariants: every attempt that was begun is entered once, however it ends: by [`Attempt::settle`], whose wait must not be dropped, or
//! by its own drop as estimated at its bound; a call whose usage nobody reported costs its bound, never nothing, unless it is proven that it did not run.
//! Does not know: HTTP bodies, streams, the breaker.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use cost_accounting::{
    CallScope, Charges, Entry, EntryState, Hold, PicoUsd, PriceRow, Tier, Usage,
};
use tracing::Span;
use uuid::Uuid;

use crate::bound;
use crate::in_flight::Held;
use crate::outlive::Outlive;
use crate::pipeline::{Incoming, Reserved};
use crate::request::{Operation, Request};
use crate::settlement::{Outcome, Settlement};
use crate::shared::Shared;
use crate::telemetry::metrics::{ByClass, ByEndpoint, ByOutcome};
use crate::telemetry::spans;

/// What an upstream calls its model or its tier is kept up to this length, in bytes.
const NAME_BYTES_MAX: usize = 256;
/// How long an answer waits for its entry to have a place in the ledger's queue.
const ENTERING_MAX: Duration = Duration::from_secs(5);
/// The most that one call adds to the counter of cost: a counter that overflows would begin anew.
const COUNTED_PICO_USD_MAX: i128 = 1_000_000_000_000_000_000;

/// A name of the upstream's, cut to what the ledger keeps.
fn cut(mut name: String) -> String {
    let end = name.floor_char_boundary(NAME_BYTES_MAX);
    name.truncate(end);
    name
}

/// An attempt under way.
pub(crate) struct Attempt {
    pub(crate) shared: Arc<Shared>,
    pub(crate) operation: Operation,
    pub(crate) request_id: Uuid,
    /// A stop waits for it, and tells it when waiting is over.
    pub(crate) held: Held,
    /// When the request came, on the monotonic clock.
    pub(crate) begun: Duration,
    pub(crate) stream: bool,
    scope: CallScope,
    price: Arc<PriceRow>,
    number: u32,
    span: Span,
    /// What is charged where nobody reports usage.
    bound: PicoUsd,
    /// What is billed whatever the answer says.
    known_usage: Option<Usage>,
    /// The tiers that may have served where the answer names none; the dearest is charged.
    unsaid_tiers: &'static [Tier],
    /// The money of the attempt; none for an answer from the cache, for a call without the store, and once it is settled.
    money: Option<Hold>,
    settled: bool,
}

impl Attempt {
    /// Begins attempt `number` of `request`, from 1, with the money that is held for it.
    pub(crate) fn begin(
        shared: &Arc<Shared>,
        scope: CallScope,
        request: &Request,
        price: Arc<PriceRow>,
        incoming: &Incoming,
        number: u32,
        reserved: Reserved,
    ) -> Self {
        let mut attempt = Self::of_cache(shared, scope, request, price, incoming);
        attempt.number = number;
        attempt.bound = reserved.bound;
        attempt.unsaid_tiers = reserved.unsaid_tiers;
        attempt.money = reserved.hold;
        if let Some(hold) = &mut attempt.money {
            hold.sent();
        }
        attempt
    }

    /// An answer from the cache: attempt 0, which costs nothing.
    pub(crate) fn of_cache(
        shared: &Arc<Shared>,
        scope: CallScope,
        request: &Request,
        price: Arc<PriceRow>,
        incoming: &Incoming,
    ) -> Self {
        Self {
            shared: Arc::clone(shared),
            operation: request.operation,
            request_id: incoming.id,
            held: shared.in_flight.begin(),
            begun: incoming.begun,
            stream: request.stream,
            span: spans::inference(request.operation, request, &scope.key_id),
            known_usage: bound::known_usage(request.making, &price),
            scope,
            price,
            number: 0,
            bound: PicoUsd::ZERO,
            unsaid_tiers: &[Tier::Standard],
            money: None,
            settled: false,
        }
    }

    /// What is billed whatever the answer says, where that is known.
    pub(crate) fn known_usage(&self) -> Option<Usage> {
        self.known_usage
    }

    /// Time since the request came.
    pub(crate) fn elapsed(&self) -> Duration {
        (self.shared.clock)().saturating_sub(self.begun)
    }

    /// What `usage` costs at the price of the model and tier that answered.
    ///
    /// Without a price for those, the row under which the attempt was bounded counts, and the entry is marked.
    pub(crate) fn price(
        &self,
        usage: &Usage,
        model_served: Option<&str>,
        service_tier: Option<&str>,
    ) -> (PicoUsd, Arc<PriceRow>, EntryState) {
        let served = model_served.filter(|served| *served != &*self.scope.model);
        let now = || (self.shared.wall)();
        let row = match served {
            None => Some(Arc::clone(&self.price)),
            Some(model) => self.shared.prices.find_priced(model, now()),
        };
        let is_priced = row.is_some();
        let row = row.unwrap_or_else(|| Arc::clone(&self.price));
        let cost_at = |tier: Tier| row.cost_at(tier, usage);
        let cost = match service_tier {
            Some(name) => Tier::read(name).and_then(cost_at),
            None => self.unsaid_tiers.iter().copied().filter_map(cost_at).max(),
        };
        match cost {
            Some(cost) if is_priced => (cost, row, EntryState::Reported),
            Some(cost) => (cost, row, EntryState::Estimated),
            // Never less than the tier may have cost.
            None => (row.dearest_cost(usage), row, EntryState::Estimated),
        }
    }

    /// The attempt was never sent: nothing to enter.
    pub(crate) fn withdraw(mut self) {
        self.settled = true;
        if let Some(hold) = self.money.take() {
            hold.release();
        }
    }

    /// Enters the attempt in the ledger and gives its cost. Waits for a place in the ledger's queue, not for the disk.
    pub(crate) async fn settle(mut self, settlement: Settlement) -> PicoUsd {
        self.settled = true;
        let (entry, charges) = self.entry(settlement);
        let cost = entry.cost;
        enter(&self.shared, entry, charges).await;
        cost
    }

    /// What the attempt is charged, under which row, and how sure that is.
    fn charge(&self, settlement: &Settlement) -> (Usage, PicoUsd, Arc<PriceRow>, EntryState) {
        let row = || Arc::clone(&self.price);
        match settlement.usage {
            Some(usage) if self.number == 0 => (usage, PicoUsd::ZERO, row(), EntryState::Reported),
            Some(usage) => {
                let (model, tier) = (&settlement.model_served, &settlement.service_tier);
                let (cost, row, state) = self.price(&usage, model.as_deref(), tier.as_deref());
                (usage, cost, row, state)
            }
            None if settlement.outcome.is_proven_free() => {
                (Usage::default(), PicoUsd::ZERO, row(), EntryState::Reported)
            }
            None => (Usage::default(), self.bound, row(), EntryState::Estimated),
        }
    }

    /// The entry, and what it is charged to: the reservation ends with it.
    fn entry(&mut self, settlement: Settlement) -> (Entry, Charges) {
        let elapsed = self.elapsed();
        let at = (self.shared.wall)();
        let (usage, cost, row, state) = self.charge(&settlement);
        self.count(&usage, cost, state, settlement.outcome, elapsed);
        spans::settled(&self.span, &settlement, &usage, cost);
        let window_day = self
            .money
            .as_ref()
            .map_or_else(|| cost_accounting::day_of(at), Hold::window_day);
        let charges = match self.money.take() {
            Some(hold) => hold.settle(cost),
            None if self.number == 0 => Charges::none(),
            None => Charges::unheld(),
        };
        let entry = Entry {
            entry_id: None,
            request_id: self.request_id,
            attempt: self.number,
            adjustment: 0,
            adjusts: None,
            state,
            at,
            window_day,
            lease_id: charges.lease_id(),
            key_id: Arc::clone(&self.scope.key_id),
            project: Arc::clone(&self.scope.project),
            endpoint: self.operation.endpoint().into(),
            model: Arc::clone(&self.scope.model),
            model_served: settlement.model_served.map(|model| cut(model).into()),
            upstream: Arc::clone(&self.shared.upstream_name),
            service_tier: settlement.service_tier.map(|tier| cut(tier).into()),
            price_row: Some(row.shared_id()),
            usage,
            taken_back: Usage::default(),
            other_usage: None,
            cost,
            status: settlement.status,
            outcome: settlement.outcome.word().into(),
            cached: self.number == 0,
            stream: self.stream,
            latency: elapsed,
            first_chunk: settlement.first_chunk,
            end_user: self.scope.end_user.as_deref().map(str::to_owned),
            tags: Arc::clone(&self.scope.tags),
        };
        (entry, charges)
    }

    fn count(
        &self,
        usage: &Usage,
        cost: PicoUsd,
        state: EntryState,
        outcome: Outcome,
        elapsed: Duration,
    ) {
        let metrics = &self.shared.metrics;
        let (endpoint, word) = (self.operation.endpoint(), outcome.word());
        if self.number == 0 {
            return;
        }
        metrics.attempt(endpoint, elapsed);
        metrics
            .attempts
            .get_or_create(&ByOutcome {
                endpoint,
                outcome: word,
            })
            .inc();
        let classes = [
            ("input", usage.input),
            ("cached_input", usage.cached_input),
            (
                "cache_write",
                usage.cache_write_30m.saturating_add(usage.cache_write_12h),
            ),
            ("output", usage.output),
            ("reasoning", usage.reasoning),
        ];
        for (class, tokens) in classes {
            if tokens > 0 {
                metrics
                    .tokens
                    .get_or_create(&ByClass { endpoint, class })
                    .inc_by(tokens);
            }
        }
        metrics
            .cost_pico_usd
            .get_or_create(&ByEndpoint { endpoint })
            .inc_by(cost.pico().clamp(0, COUNTED_PICO_USD_MAX) as u64);
        if state == EntryState::Estimated {
            metrics
                .estimated
                .get_or_create(&ByOutcome {
                    endpoint,
                    outcome: word,
                })
                .inc();
            tracing::warn!(endpoint, outcome = word, cost_usd = %cost, "a call was charged without a report of its usage or price");
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        let (entry, charges) = self.entry(Settlement::bare(Outcome::Abandoned, 0));
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let shared = Arc::clone(&self.shared);
            // Held from here on, not from when it is first polled.
            let held = shared.in_flight.begin();
            drop(runtime.spawn(async move {
                enter(&shared, entry, charges).await;
                drop(held);
            }));
        }
    }
}

/// Hands an entry to the ledger and waits for its place in the queue, for a while: past that the entry waits on by itself, and the
/// answer goes out.
async fn enter(shared: &Shared, entry: Entry, charges: Charges) {
    let (ledger, held) = (shared.ledger.clone(), shared.in_flight.begin());
    let mut entered = Outlive::new(async move {
        // A stop waits for it, also once nobody here does.
        let _held = held;
        match ledger.record(entry, charges).await {
            Ok(receipt) if receipt.clamped() => {
                tracing::error!(
                    "an entry of the ledger was cut to what fits: the upstream's figures are out of range"
                );
            }
            Ok(_) => {}
            // Refused for good: a fault of ours, or a store that is closed.
            Err(error) => tracing::error!(%error, "failed to enter a call in the ledger"),
        }
    });
    // Nearly always there is a place at once, and no timer is needed.
    if std::future::poll_fn(|context| Poll::Ready(Pin::new(&mut entered).poll(context)))
        .await
        .is_ready()
    {
        return;
    }
    if tokio::time::timeout(ENTERING_MAX, entered).await.is_err() {
        tracing::warn!("an answer goes out before its entry has a place in the ledger's queue");
    }
}
