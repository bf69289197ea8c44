//! The prices of what is not billed in tokens: time, characters, pictures, and the calls of hosted tools.
//!
//! Invariants: a meter without a stated price costs the dearest that is known of it, never nothing; a sum is exact but for its last pico-USD, rounded up.
//! Does not know: files, dates, tiers: no fee depends on the tier.
//! Source: OpenAI's pricing: web search 10 to 25 USD per 1,000 calls, file search 2.50, a container 0.03 to 1.92 USD, speech 15 to 30
//! USD per million characters, transcription 0.003 to 0.05 USD a minute.

use crate::money::PicoUsd;
use crate::usage::Usage;

/// What is billed beside tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Meter {
    AudioMs,
    Characters,
    Images,
    WebSearches,
    FileSearches,
    Containers,
}

impl Meter {
    /// Every meter, in the order of its number and of [`Usage::metered`].
    pub(crate) const ALL: [Meter; 6] = [
        Meter::AudioMs,
        Meter::Characters,
        Meter::Images,
        Meter::WebSearches,
        Meter::FileSearches,
        Meter::Containers,
    ];

    /// How a price file states it.
    pub(crate) const fn form(self) -> MeterForm {
        match self {
            Meter::AudioMs => MeterForm {
                field: "usd_per_minute_of_audio",
                per: 60_000,
                pico_usd_min: 100_000_000,
                pico_usd_max: 10_000_000_000_000,
                dearest: 50_000_000_000,
            },
            Meter::Characters => MeterForm {
                field: "usd_per_million_characters",
                per: 1_000_000,
                pico_usd_min: 100_000_000_000,
                pico_usd_max: 10_000_000_000_000_000,
                dearest: 30_000_000_000_000,
            },
            Meter::Images => MeterForm {
                field: "usd_per_image",
                per: 1,
                pico_usd_min: 100_000_000,
                pico_usd_max: 20_000_000_000_000,
                dearest: 250_000_000_000,
            },
            Meter::WebSearches => MeterForm {
                field: "usd_per_1000_web_searches",
                per: 1_000,
                pico_usd_min: 100_000_000_000,
                pico_usd_max: 1_000_000_000_000_000,
                dearest: 25_000_000_000_000,
            },
            Meter::FileSearches => MeterForm {
                field: "usd_per_1000_file_searches",
                per: 1_000,
                pico_usd_min: 100_000_000_000,
                pico_usd_max: 1_000_000_000_000_000,
                dearest: 2_500_000_000_000,
            },
            Meter::Containers => MeterForm {
                field: "usd_per_container",
                per: 1,
                pico_usd_min: 1_000_000_000,
                pico_usd_max: 100_000_000_000_000,
                dearest: 1_920_000_000_000,
            },
        }
    }
}

/// How a price file states a meter: the name has the unit, so that nobody has to guess it.
pub(crate) struct MeterForm {
    pub(crate) field: &'static str,
    /// Units that the stated price is for.
    pub(crate) per: u64,
    /// Least and most that are believed of the stated price, in pico-USD; 0 always is.
    pub(crate) pico_usd_min: u64,
    pub(crate) pico_usd_max: u64,
    /// The dearest known, for rows that do not state it.
    pub(crate) dearest: u64,
}

/// One price for each meter, in pico-USD for [`MeterForm::per`] units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MeterPrices([u64; 6]);

impl MeterPrices {
    /// Everything is free.
    pub(crate) const FREE: MeterPrices = MeterPrices([0; 6]);

    /// Asks for the price of every meter; what is not stated costs the dearest known.
    pub(crate) fn read(mut price: impl FnMut(&MeterForm) -> Option<u64>) -> MeterPrices {
        MeterPrices(Meter::ALL.map(|meter| {
            let form = meter.form();
            price(&form).unwrap_or(form.dearest)
        }))
    }

    /// What the units of all meters cost. Whole prices of a minute or a thousand calls need not be whole per unit: each meter is
    /// rounded up once, by less than one pico-USD.
    pub(crate) fn cost(&self, usage: &Usage) -> PicoUsd {
        let prices = Meter::ALL.into_iter().zip(self.0).zip(usage.metered());
        prices
            .map(|((meter, price), units)| {
                // 55 bits times 64 bits.
                let product = u128::from(price) * u128::from(units);
                let pico = product.div_ceil(u128::from(meter.form().per));
                PicoUsd::from_pico(i128::try_from(pico).unwrap_or(i128::MAX))
            })
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::{Meter, MeterForm, MeterPrices, Usage};

    fn check(field: &str, price: u64, units: u64, pico: i128) {
        let prices = MeterPrices::read(|form| (form.field == field).then_some(price));
        let mut usage = Usage::default();
        *match field {
            "usd_per_minute_of_audio" => &mut usage.audio_ms,
            "usd_per_million_characters" => &mut usage.characters,
            _ => &mut usage.web_searches,
        } = units;
        assert_eq!(prices.cost(&usage).pico(), pico, "{units} of {field}");
    }

    #[test]
    fn a_part_of_a_minute_is_a_part_of_its_price_rounded_up() {
        let minute = "usd_per_minute_of_audio";
        check(minute, 6_000_000_000, 60_000, 6_000_000_000);
        check(minute, 6_000_000_000, 9_000, 900_000_000);
        check(minute, 50_000_000_000, 1, 833_334);
        check(minute, 50_000_000_000, 60_000 * 60, 3_000_000_000_000);
        check(minute, u64::MAX, u64::MAX, {
            i128::try_from((u128::from(u64::MAX) * u128::from(u64::MAX)).div_ceil(60_000)).unwrap()
        });
    }

    #[test]
    fn characters_and_calls_are_counted_by_the_piece() {
        check(
            "usd_per_million_characters",
            15_000_000_000_000,
            4_096,
            61_440_000_000,
        );
        check(
            "usd_per_1000_web_searches",
            10_000_000_000_000,
            3,
            30_000_000_000,
        );
        check("usd_per_1000_web_searches", 0, 3, 0);
    }

    #[test]
    fn what_is_not_stated_costs_the_dearest_known() {
        let prices = MeterPrices::read(|_| None);
        let one = Usage {
            web_searches: 1,
            containers: 1,
            ..Usage::default()
        };
        assert_eq!(prices.cost(&one).to_string(), "1.945");
        assert_eq!(MeterPrices::FREE.cost(&one).pico(), 0);
    }

    #[test]
    fn every_meter_stands_at_its_number_and_believes_its_own_dearest() {
        for (number, meter) in Meter::ALL.into_iter().enumerate() {
            assert_eq!(meter as usize, number);
            let MeterForm {
                pico_usd_min,
                pico_usd_max,
                dearest,
                ..
            } = meter.form();
            assert!(
                (pico_usd_min..=pico_usd_max).contains(&dearest),
                "{meter:?}"
            );
        }
    }
}
