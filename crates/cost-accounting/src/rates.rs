//! The prices of one model and tier, a price per usage class, with every gap filled in.
//!
//! Invariants: a price that is not stated is never zero: it becomes the dearest that the stated ones allow; derived prices are rounded up.
//! Does not know: files, dates, models.
//! Source: OpenAI's pricing: cache writes cost 1.25 times input (30 minutes) or 2.5 times (12 hours); long context
//! doubles input and cache prices and multiplies output by one and a half.

use crate::money::PicoUsd;

/// Micro-USD per million tokens, which is the same number as pico-USD per token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenPrice(u32);

impl TokenPrice {
    /// Takes micro-USD per million tokens: 0.15 USD per million is 150,000.
    #[must_use]
    pub const fn from_micro_usd_per_million(micro_usd: u32) -> TokenPrice {
        TokenPrice(micro_usd)
    }

    /// Micro-USD per million tokens.
    #[must_use]
    pub const fn micro_usd_per_million(self) -> u32 {
        self.0
    }

    /// What so many tokens cost.
    ///
    /// Cannot overflow: `u32` times `u64` fits `i128`.
    #[must_use]
    pub fn cost(self, tokens: u64) -> PicoUsd {
        PicoUsd::from_pico(i128::from(self.0) * i128::from(tokens))
    }

    /// This price changed as `from` changes to `to`, rounded up; `None` if that does not fit.
    /// Nothing can be learnt from a free `from`: then the dearer of this price and `to`.
    fn in_proportion(self, to: TokenPrice, from: TokenPrice) -> Option<TokenPrice> {
        if from.0 == 0 {
            return Some(self.max(to));
        }
        self.scaled(to.0, from.0)
    }

    /// This price times a fraction, rounded up. The denominator is not zero.
    fn scaled(self, numerator: u32, denominator: u32) -> Option<TokenPrice> {
        let price = (u64::from(self.0) * u64::from(numerator)).div_ceil(u64::from(denominator));
        u32::try_from(price).ok().map(TokenPrice)
    }
}

/// Prices as somebody wrote them down; `None` is "not stated", which is not zero.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StatedRates {
    pub(crate) input: Option<TokenPrice>,
    pub(crate) cached_input: Option<TokenPrice>,
    pub(crate) cache_write_30m: Option<TokenPrice>,
    pub(crate) cache_write_12h: Option<TokenPrice>,
    pub(crate) output: Option<TokenPrice>,
}

/// One price for each usage class. Reasoning is billed as output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rates {
    pub(crate) input: TokenPrice,
    pub(crate) cached_input: TokenPrice,
    pub(crate) cache_write_30m: TokenPrice,
    pub(crate) cache_write_12h: TokenPrice,
    pub(crate) output: TokenPrice,
}

impl Rates {
    /// Fills the gaps of standard prices: cached input costs input, a cache write 2.5 times input (the dearest known), or
    /// just input where writes are not billed apart.
    /// `None` if a derived price does not fit.
    pub(crate) fn standard(
        stated: &StatedRates,
        input: TokenPrice,
        output: TokenPrice,
        writes_billed: bool,
    ) -> Option<Rates> {
        let write = if writes_billed {
            input.scaled(5, 2)?
        } else {
            input
        };
        Some(Rates {
            input,
            output,
            cached_input: stated.cached_input.unwrap_or(input),
            cache_write_30m: stated.cache_write_30m.unwrap_or(write),
            cache_write_12h: stated.cache_write_12h.unwrap_or(write),
        })
    }

    /// Fills the gaps of another tier: cached input costs the tier's input; a cache write stands to the tier's input as in
    /// the standard prices.
    pub(crate) fn tier(
        &self,
        stated: &StatedRates,
        input: TokenPrice,
        output: TokenPrice,
    ) -> Option<Rates> {
        let derived = |standard: TokenPrice| standard.in_proportion(input, self.input);
        Some(Rates {
            input,
            output,
            cached_input: stated.cached_input.unwrap_or(input),
            cache_write_30m: or_derived(stated.cache_write_30m, derived(self.cache_write_30m))?,
            cache_write_12h: or_derived(stated.cache_write_12h, derived(self.cache_write_12h))?,
        })
    }

    /// Fills the gaps of long-context prices: input twice, output one and a half times the standard price; cache prices grow as input does.
    pub(crate) fn long(&self, stated: &StatedRates) -> Option<Rates> {
        let input = or_derived(stated.input, self.input.scaled(2, 1))?;
        let derived = |standard: TokenPrice| standard.in_proportion(input, self.input);
        Some(Rates {
            input,
            output: or_derived(stated.output, self.output.scaled(3, 2))?,
            cached_input: or_derived(stated.cached_input, derived(self.cached_input))?,
            cache_write_30m: or_derived(stated.cache_write_30m, derived(self.cache_write_30m))?,
            cache_write_12h: or_derived(stated.cache_write_12h, derived(self.cache_write_12h))?,
        })
    }

    /// Another tier's long-context prices: each class of `tier` grows as it does from `self` (standard) to `long`.
    pub(crate) fn long_of_tier(&self, long: &Rates, tier: &Rates) -> Option<Rates> {
        Some(Rates {
            input: tier.input.in_proportion(long.input, self.input)?,
            cached_input: tier
                .cached_input
                .in_proportion(long.cached_input, self.cached_input)?,
            cache_write_30m: tier
                .cache_write_30m
                .in_proportion(long.cache_write_30m, self.cache_write_30m)?,
            cache_write_12h: tier
                .cache_write_12h
                .in_proportion(long.cache_write_12h, self.cache_write_12h)?,
            output: tier.output.in_proportion(long.output, self.output)?,
        })
    }

    /// Whether no class is cheaper than in `other`.
    pub(crate) fn covers(&self, other: &Rates) -> bool {
        self.input >= other.input
            && self.cached_input >= other.cached_input
            && self.cache_write_30m >= other.cache_write_30m
            && self.cache_write_12h >= other.cache_write_12h
            && self.output >= other.output
    }
}

fn or_derived(stated: Option<TokenPrice>, derived: Option<TokenPrice>) -> Option<TokenPrice> {
    stated.or(derived)
}

#[cfg(test)]
mod tests {
    use super::{Rates, StatedRates, TokenPrice};

    const fn price(micro_usd: u32) -> TokenPrice {
        TokenPrice::from_micro_usd_per_million(micro_usd)
    }

    fn check(rates: Rates, expected: [u32; 5]) {
        let Rates {
            input,
            cached_input,
            cache_write_30m,
            cache_write_12h,
            output,
        } = rates;
        assert_eq!(
            [
                input,
                cached_input,
                cache_write_30m,
                cache_write_12h,
                output
            ]
            .map(TokenPrice::micro_usd_per_million),
            expected
        );
    }

    fn standard(stated: &StatedRates, writes_billed: bool) -> Rates {
        Rates::standard(stated, price(2_000_001), price(10_000_000), writes_billed).unwrap()
    }

    #[test]
    fn an_unstated_standard_price_is_the_dearest_not_zero() {
        check(
            standard(&StatedRates::default(), true),
            [2_000_001, 2_000_001, 5_000_003, 5_000_003, 10_000_000],
        );
        check(
            standard(&StatedRates::default(), false),
            [2_000_001, 2_000_001, 2_000_001, 2_000_001, 10_000_000],
        );
    }

    #[test]
    fn a_stated_price_is_taken_even_if_it_is_zero() {
        let stated = StatedRates {
            cached_input: Some(price(0)),
            cache_write_30m: Some(price(7)),
            ..StatedRates::default()
        };
        check(
            standard(&stated, true),
            [2_000_001, 0, 7, 5_000_003, 10_000_000],
        );
    }

    #[test]
    fn cache_writes_of_a_tier_keep_the_standard_proportion() {
        let stated = StatedRates {
            cache_write_30m: Some(price(12_500)),
            cache_write_12h: Some(price(25_000)),
            ..StatedRates::default()
        };
        let standard = Rates::standard(&stated, price(10_000), price(50_000), true).unwrap();
        check(
            standard
                .tier(&StatedRates::default(), price(20_000), price(100_000))
                .unwrap(),
            [20_000, 20_000, 25_000, 50_000, 100_000],
        );
    }

    #[test]
    fn unstated_long_context_is_twice_the_input_and_half_more_output() {
        let stated = StatedRates {
            cached_input: Some(price(400)),
            ..StatedRates::default()
        };
        let standard = Rates::standard(&stated, price(8_000), price(40_001), true).unwrap();
        let long = standard.long(&StatedRates::default()).unwrap();
        check(long, [16_000, 800, 40_000, 40_000, 60_002]);
        let flex = standard.tier(&stated, price(4_000), price(20_000)).unwrap();
        check(
            standard.long_of_tier(&long, &flex).unwrap(),
            [8_000, 800, 20_000, 20_000, 30_001],
        );
    }

    #[test]
    fn free_standard_prices_do_not_make_dear_tiers_free() {
        let free = Rates::standard(&StatedRates::default(), price(0), price(0), true).unwrap();
        let priority = free
            .tier(&StatedRates::default(), price(5), price(9))
            .unwrap();
        check(priority, [5, 5, 5, 5, 9]);
        check(
            free.long_of_tier(&free, &priority).unwrap(),
            [5, 5, 5, 5, 9],
        );
    }

    #[test]
    fn a_derived_price_that_does_not_fit_is_none() {
        assert_eq!(
            Rates::standard(&StatedRates::default(), price(u32::MAX), price(0), true),
            None
        );
    }
}
