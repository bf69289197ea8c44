//! The most that a request can cost, from how much it can use.
//!
//! Invariants: a bound is never below the cost of a usage within its limits, at any of its tiers; it grows with every limit.
//! Does not know: requests, tokenizers, budgets.

use crate::money::PicoUsd;
use crate::price::{PriceRow, Tier, TierRates};
use crate::rates::{Class, Rates, TokenPrice};
use crate::usage::Usage;

/// How much a request can use at most.
///
/// Units: tokens, unless a name says otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Limits {
    /// Tokens in, of all classes together.
    pub input_tokens: u64,
    /// Tokens out, of all classes and choices together, reasoning among them.
    pub output_tokens: u64,
    /// What beside text the tokens can be.
    pub modalities: Modalities,
    /// Audio that is billed by its length, in milliseconds.
    pub audio_ms: u64,
    /// Characters of text that is read aloud.
    pub characters: u64,
    /// Images that are billed by the piece.
    pub images: u64,
    /// Web searches.
    pub web_searches: u64,
    /// File searches.
    pub file_searches: u64,
    /// Containers of the code interpreter.
    pub containers: u64,
}

/// What tokens can be, beside text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Modalities {
    /// Audio in.
    pub audio_input: bool,
    /// Images in.
    pub image_input: bool,
    /// Audio out.
    pub audio_output: bool,
    /// Images out.
    pub image_output: bool,
}

impl Modalities {
    /// Everything.
    pub const ALL: Modalities = Modalities {
        audio_input: true,
        image_input: true,
        audio_output: true,
        image_output: true,
    };

    /// Whether tokens of the class can occur.
    fn allow(self, class: Class) -> bool {
        match class {
            Class::AudioInput | Class::CachedAudioInput => self.audio_input,
            Class::ImageInput | Class::CachedImageInput => self.image_input,
            Class::AudioOutput => self.audio_output,
            Class::ImageOutput => self.image_output,
            _ => true,
        }
    }
}

impl Limits {
    /// Text in and text out, and nothing else.
    #[must_use]
    pub fn text(input_tokens: u64, output_tokens: u64) -> Limits {
        Limits {
            input_tokens,
            output_tokens,
            ..Limits::default()
        }
    }

    /// Whether the usage is within these limits.
    #[must_use]
    pub fn hold(&self, usage: &Usage) -> bool {
        let classes = Class::ALL
            .into_iter()
            .all(|class| class.tokens(usage) == 0 || self.modalities.allow(class));
        let meters = usage.metered().into_iter().zip(self.metered().metered());
        classes
            && usage.input_tokens() <= self.input_tokens.into()
            && usage.output_tokens() <= self.output_tokens.into()
            && meters.into_iter().all(|(used, most)| used <= most)
    }

    /// The limits of the meters beside tokens, as if all of it were used.
    fn metered(&self) -> Usage {
        Usage {
            audio_ms: self.audio_ms,
            characters: self.characters,
            images: self.images,
            web_searches: self.web_searches,
            file_searches: self.file_searches,
            containers: self.containers,
            ..Usage::default()
        }
    }
}

impl PriceRow {
    /// The most a request with so many tokens can cost, whatever they are, at the dearest tier of this row.
    ///
    /// Shape: `input_tokens_max` counts all input classes together, `output_tokens_max` output and reasoning of all choices together.
    #[must_use]
    pub fn bound(&self, input_tokens_max: u64, output_tokens_max: u64) -> PicoUsd {
        let limits = Limits {
            modalities: Modalities::ALL,
            ..Limits::text(input_tokens_max, output_tokens_max)
        };
        self.bound_within(&limits, &Tier::ALL)
    }

    /// The same if it is served at this tier, or `None` if the row has no price for it.
    #[must_use]
    pub fn bound_at(
        &self,
        tier: Tier,
        input_tokens_max: u64,
        output_tokens_max: u64,
    ) -> Option<PicoUsd> {
        let limits = Limits {
            modalities: Modalities::ALL,
            ..Limits::text(input_tokens_max, output_tokens_max)
        };
        self.tier(tier).map(|tier| self.most(tier, &limits))
    }

    /// The most a request within these limits can cost, at the dearest of the tiers that may serve it.
    ///
    /// Shape: if one of them has no price in this row, or none is named, all tiers of the row count.
    #[must_use]
    pub fn bound_within(&self, limits: &Limits, tiers: &[Tier]) -> PicoUsd {
        self.dearest(tiers, |tier| self.most(tier, limits))
    }

    /// The dearest price of a token of text out at these tiers, above the long-context threshold where there is one.
    #[must_use]
    pub fn output_price_max(&self, tiers: &[Tier]) -> TokenPrice {
        self.dearest(tiers, |tier| tier.long.get(Class::Output))
    }

    /// The most tokens out of each choice where the caller names no maximum: what one percent of `limit` buys at these tiers, at least
    /// `tokens_min`, and at most `longest`.
    ///
    /// Shape: `None` where output is free.
    #[must_use]
    pub fn output_cap(
        &self,
        (tiers, choices): (&[Tier], u64),
        limit: PicoUsd,
        tokens_min: u64,
        longest: u64,
    ) -> Option<u64> {
        let price = self.output_price_max(tiers).cost(choices);
        let bought = (limit.pico().max(0) / 100).checked_div(price.pico())?;
        let bought = u64::try_from(bought).unwrap_or(u64::MAX);
        Some(bought.max(tokens_min).min(longest))
    }

    fn dearest<T: Ord + Default>(&self, tiers: &[Tier], of: impl Fn(&TierRates) -> T) -> T {
        let priced = !tiers.is_empty() && tiers.iter().all(|tier| self.tier(*tier).is_some());
        let tiers = if priced { tiers } else { &Tier::ALL };
        let rates = tiers.iter().filter_map(|tier| self.tier(*tier));
        rates.map(of).max().unwrap_or_default()
    }

    /// A row whose long prices undercut its short ones is refused when it is read, and cost is linear below and above the threshold:
    /// so no mixture of classes and no smaller request is dearer than all tokens in the dearest class.
    fn most(&self, tier: &TierRates, limits: &Limits) -> PicoUsd {
        let rates = self.rates(tier, limits.input_tokens.into());
        let (input, output) = dearest_classes(rates, limits.modalities);
        [
            input.cost(limits.input_tokens),
            output.cost(limits.output_tokens),
            self.meters.cost(&limits.metered()),
        ]
        .into_iter()
        .sum()
    }
}

/// The dearest price of a token in and of a token out.
fn dearest_classes(rates: &Rates, modalities: Modalities) -> (TokenPrice, TokenPrice) {
    let dearest = |is_output: bool| {
        Class::ALL
            .into_iter()
            .filter(|class| class.is_output() == is_output && modalities.allow(*class))
            .map(|class| rates.get(class))
            .max()
            .unwrap_or_default()
    };
    (dearest(false), dearest(true))
}
