//! One model's prices from one day on, and the one function that turns usage into money.
//!
//! Invariants: cost is exact, never negative, and grows with every class; a bound is a cost, so the two cannot disagree.
//! Does not know: files, who pays, budgets.
//! Source: OpenAI's pricing; above the long-context threshold the whole request is repriced, not the excess.

use std::sync::Arc;

use jiff::civil::Date;

use crate::money::PicoUsd;
use crate::rates::Rates;
use crate::usage::Usage;

/// What a model is called for, which decides what its prices can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Chat completions.
    Chat,
    /// Legacy text completions.
    Completion,
    /// Only the responses endpoint.
    Responses,
    /// Embeddings.
    Embedding,
}

/// The service tier that an upstream served a request at. It decides the price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Tier {
    /// The ordinary one.
    Standard,
    /// Asynchronous, cheaper.
    Batch,
    /// Slow, cheaper.
    Flex,
    /// Fast, dearer.
    Priority,
    /// Fastest, dearest.
    Ultrafast,
}

impl Tier {
    /// Every tier.
    pub const ALL: [Tier; 5] = [
        Tier::Standard,
        Tier::Batch,
        Tier::Flex,
        Tier::Priority,
        Tier::Ultrafast,
    ];

    /// Reads the `service_tier` of an answer. `fast` is another word for priority.
    ///
    /// Shape: `None` for a name without a price here, such as `scale` or one that is new; never a guess.
    #[must_use]
    pub fn read(name: &str) -> Option<Tier> {
        match name {
            "default" | "standard" => Some(Tier::Standard),
            "batch" => Some(Tier::Batch),
            "flex" => Some(Tier::Flex),
            "priority" | "fast" => Some(Tier::Priority),
            "ultrafast" => Some(Tier::Ultrafast),
            _ => None,
        }
    }
}

/// The prices of one tier, below and above the long-context threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TierRates {
    pub(crate) short: Rates,
    pub(crate) long: Rates,
}

/// The prices of all tiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tiers {
    pub(crate) standard: TierRates,
    /// Batch, flex, priority, ultrafast, as far as they have a price.
    pub(crate) others: [Option<TierRates>; 4],
}

/// The prices of one model from one day on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceRow {
    pub(crate) id: Arc<str>,
    pub(crate) model: Arc<str>,
    pub(crate) kind: Kind,
    pub(crate) effective_from: Date,
    pub(crate) input_tokens_max: Option<u64>,
    pub(crate) output_tokens_max: Option<u64>,
    pub(crate) long_context_above: Option<u64>,
    pub(crate) tiers: Tiers,
}

impl PriceRow {
    /// What a ledger entry keeps of this row: `"gpt-4o-mini@2026-01-01"`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The same id, shared, for filling an entry without copying it.
    #[must_use]
    pub fn shared_id(&self) -> Arc<str> {
        Arc::clone(&self.id)
    }

    /// The model as the price file names it.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }

    /// What the model is called for.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// First UTC day on which the prices hold.
    #[must_use]
    pub fn effective_from(&self) -> Date {
        self.effective_from
    }

    /// Most input tokens that the model takes, where stated.
    #[must_use]
    pub fn input_tokens_max(&self) -> Option<u64> {
        self.input_tokens_max
    }

    /// Most output tokens that the model gives, reasoning among them, where stated.
    #[must_use]
    pub fn output_tokens_max(&self) -> Option<u64> {
        self.output_tokens_max
    }

    /// What the usage costs at the standard tier.
    ///
    /// Units: tokens in, pico-USD out. Exact, nothing is rounded.
    #[must_use]
    pub fn cost(&self, usage: &Usage) -> PicoUsd {
        self.cost_of(&self.tiers.standard, usage)
    }

    /// What the usage costs at the tier that the answer named.
    ///
    /// Shape: `None` if this row has no price for the tier; the caller then charges [`PriceRow::dearest_cost`], marks the
    /// entry estimated and raises an alarm.
    #[must_use]
    pub fn cost_at(&self, tier: Tier, usage: &Usage) -> Option<PicoUsd> {
        self.tier(tier).map(|rates| self.cost_of(rates, usage))
    }

    /// What the usage costs at the dearest tier of this row: the charge for a tier without a price.
    ///
    /// Shape: never below [`PriceRow::cost_at`] any tier, and not more than [`PriceRow::bound`] if the usage is within it.
    #[must_use]
    pub fn dearest_cost(&self, usage: &Usage) -> PicoUsd {
        Tier::ALL
            .into_iter()
            .filter_map(|tier| self.cost_at(tier, usage))
            .max()
            .unwrap_or_default()
    }

    /// The most a request within these limits can cost, at the dearest tier of this row and with its input in the dearest class.
    ///
    /// Shape: `input_tokens_max` counts all input classes together, `output_tokens_max` output and reasoning of all choices together.
    #[must_use]
    pub fn bound(&self, input_tokens_max: u64, output_tokens_max: u64) -> PicoUsd {
        Tier::ALL
            .into_iter()
            .filter_map(|tier| self.bound_at(tier, input_tokens_max, output_tokens_max))
            .max()
            .unwrap_or_default()
    }

    /// The most a request within these limits can cost if it is served at this tier, or `None` if the row has no price for it.
    #[must_use]
    pub fn bound_at(
        &self,
        tier: Tier,
        input_tokens_max: u64,
        output_tokens_max: u64,
    ) -> Option<PicoUsd> {
        let rates = self.tier(tier)?;
        // A row whose long prices undercut its short ones is refused when it is read, and cost is linear below and above the threshold:
        // so no mixture of classes and no smaller request is dearer than the dearest of these four.
        let rest = Usage {
            output: output_tokens_max,
            ..Usage::default()
        };
        [
            Usage {
                input: input_tokens_max,
                ..rest
            },
            Usage {
                cached_input: input_tokens_max,
                ..rest
            },
            Usage {
                cache_write_30m: input_tokens_max,
                ..rest
            },
            Usage {
                cache_write_12h: input_tokens_max,
                ..rest
            },
        ]
        .iter()
        .map(|usage| self.cost_of(rates, usage))
        .max()
    }

    fn tier(&self, tier: Tier) -> Option<&TierRates> {
        let [batch, flex, priority, ultrafast] = &self.tiers.others;
        match tier {
            Tier::Standard => Some(&self.tiers.standard),
            Tier::Batch => batch.as_ref(),
            Tier::Flex => flex.as_ref(),
            Tier::Priority => priority.as_ref(),
            Tier::Ultrafast => ultrafast.as_ref(),
        }
    }

    /// The one pricing function, of settlements and bounds alike.
    fn cost_of(&self, rates: &TierRates, usage: &Usage) -> PicoUsd {
        let long = self
            .long_context_above
            .is_some_and(|threshold| usage.input_tokens() > u128::from(threshold));
        let rates = if long { &rates.long } else { &rates.short };
        // Six products of 96 bits: the sum cannot reach the end of `i128`.
        [
            rates.input.cost(usage.input),
            rates.cached_input.cost(usage.cached_input),
            rates.cache_write_30m.cost(usage.cache_write_30m),
            rates.cache_write_12h.cost(usage.cache_write_12h),
            rates.output.cost(usage.output),
            rates.output.cost(usage.reasoning),
        ]
        .into_iter()
        .sum()
    }
}
