//! One model's prices from one day on, and the one function that turns usage into money.
//!
//! Invariants: cost is exact, never negative, and grows with every class; a bound is a cost, so the two cannot disagree.
//! Does not know: files, who pays, budgets.
//! Source: OpenAI's pricing; above the long-context threshold the whole request is repriced, not the excess.

use std::sync::Arc;

use jiff::civil::Date;

use crate::money::PicoUsd;
use crate::price_meters::MeterPrices;
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
    /// Making and editing images.
    Image,
    /// Audio to text.
    Transcription,
    /// Text to audio.
    Speech,
    /// Judging texts and images.
    Moderation,
    /// Realtime sessions.
    Realtime,
}

/// The field of a request in which a model takes the most tokens out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OutputLimitField {
    /// Of chat completions.
    MaxCompletionTokens,
    /// Of legacy completions, and of older and other servers' chat completions.
    MaxTokens,
    /// Of responses.
    MaxOutputTokens,
}

impl OutputLimitField {
    /// Every field.
    pub(crate) const ALL: [OutputLimitField; 3] = [
        OutputLimitField::MaxCompletionTokens,
        OutputLimitField::MaxTokens,
        OutputLimitField::MaxOutputTokens,
    ];

    /// Its name in the request and in price files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            OutputLimitField::MaxCompletionTokens => "max_completion_tokens",
            OutputLimitField::MaxTokens => "max_tokens",
            OutputLimitField::MaxOutputTokens => "max_output_tokens",
        }
    }
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

impl TierRates {
    fn raised(&self, percent: u32) -> Option<TierRates> {
        Some(TierRates {
            short: self.short.raised(percent)?,
            long: self.long.raised(percent)?,
        })
    }
}

/// The prices of all tiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tiers {
    pub(crate) standard: TierRates,
    /// Batch, flex, priority, ultrafast, as far as they have a price.
    pub(crate) others: [Option<TierRates>; 4],
}

impl Tiers {
    /// Every price raised by so many percent; `None` if one does not fit.
    pub(crate) fn raised(&self, percent: u32) -> Option<Tiers> {
        let mut others = [None; 4];
        for (raised, tier) in others.iter_mut().zip(&self.others) {
            if let Some(tier) = tier {
                *raised = Some(tier.raised(percent)?);
            }
        }
        Some(Tiers {
            standard: self.standard.raised(percent)?,
            others,
        })
    }
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
    pub(crate) image_tokens_low_max: Option<u64>,
    pub(crate) image_tokens_high_max: Option<u64>,
    pub(crate) output_limit_field: OutputLimitField,
    pub(crate) long_context_above: Option<u64>,
    pub(crate) tiers: Tiers,
    /// The same with the uplift of regional processing, if the model has one.
    pub(crate) regional: Option<Tiers>,
    pub(crate) meters: MeterPrices,
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

    /// Most tokens of one image at low detail, where stated.
    #[must_use]
    pub fn image_tokens_low_max(&self) -> Option<u64> {
        self.image_tokens_low_max
    }

    /// Most tokens of one image at high detail, where stated.
    #[must_use]
    pub fn image_tokens_high_max(&self) -> Option<u64> {
        self.image_tokens_high_max
    }

    /// The field in which the model takes the most tokens out, on the endpoint of its kind.
    #[must_use]
    pub fn output_limit_field(&self) -> OutputLimitField {
        self.output_limit_field
    }

    /// The row at the prices of regional processing, if it has an uplift.
    ///
    /// Shape: tokens cost the uplift more, rounded up; fees do not. The id says so: `"gpt-6-luna@2026-01-01+regional"`.
    pub(crate) fn in_region(&self) -> Option<PriceRow> {
        let tiers = self.regional?;
        Some(PriceRow {
            id: format!("{}+regional", self.id).into(),
            tiers,
            regional: None,
            ..self.clone()
        })
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

    pub(crate) fn tier(&self, tier: Tier) -> Option<&TierRates> {
        let [batch, flex, priority, ultrafast] = &self.tiers.others;
        match tier {
            Tier::Standard => Some(&self.tiers.standard),
            Tier::Batch => batch.as_ref(),
            Tier::Flex => flex.as_ref(),
            Tier::Priority => priority.as_ref(),
            Tier::Ultrafast => ultrafast.as_ref(),
        }
    }

    /// The prices that hold for a request with so much input.
    pub(crate) fn rates<'r>(&self, tier: &'r TierRates, input_tokens: u128) -> &'r Rates {
        let long = self
            .long_context_above
            .is_some_and(|threshold| input_tokens > u128::from(threshold));
        if long { &tier.long } else { &tier.short }
    }

    /// The one pricing function, of settlements and bounds alike.
    pub(crate) fn cost_of(&self, tier: &TierRates, usage: &Usage) -> PicoUsd {
        let tokens = self.rates(tier, usage.input_tokens()).cost(usage);
        [tokens, self.meters.cost(usage)].into_iter().sum()
    }
}
