//! Gaps in prices, and what fills them.
//!
//! Invariants: expected prices are worked out by hand.
//! Does not know: price files.

use super::{Class, Rates, StatedRates, TokenPrice};

const fn price(micro_usd: u32) -> TokenPrice {
    TokenPrice::from_micro_usd_per_million(micro_usd)
}

fn stated(prices: &[(Class, u32)]) -> StatedRates {
    StatedRates::read(|class| {
        let found = prices.iter().find(|(of, _)| *of == class);
        found.map(|(_, micro_usd)| price(*micro_usd))
    })
}

const TEXT: [Class; 5] = [
    Class::Input,
    Class::CachedInput,
    Class::CacheWrite30m,
    Class::CacheWrite12h,
    Class::Output,
];
const AUDIO: [Class; 3] = [
    Class::AudioInput,
    Class::CachedAudioInput,
    Class::AudioOutput,
];

fn check<const N: usize>(rates: &Rates, classes: [Class; N], expected: [u32; N]) {
    let found = classes.map(|class| rates.get(class).micro_usd_per_million());
    assert_eq!(found, expected);
}

fn standard(stated: &StatedRates, writes_billed: bool) -> Rates {
    Rates::standard(stated, price(2_000_001), price(10_000_000), writes_billed).unwrap()
}

#[test]
fn every_class_stands_at_its_number() {
    for (number, class) in Class::ALL.into_iter().enumerate() {
        assert_eq!(class as usize, number, "{class:?}");
    }
}

#[test]
fn an_unstated_standard_price_is_the_dearest_not_zero() {
    let none = StatedRates::default();
    check(
        &standard(&none, true),
        TEXT,
        [2_000_001, 2_000_001, 5_000_003, 5_000_003, 10_000_000],
    );
    check(
        &standard(&none, false),
        TEXT,
        [2_000_001, 2_000_001, 2_000_001, 2_000_001, 10_000_000],
    );
    check(
        &standard(&none, true),
        AUDIO,
        [2_000_001, 2_000_001, 10_000_000],
    );
}

#[test]
fn a_stated_price_is_taken_even_if_it_is_zero() {
    let stated = stated(&[(Class::CachedInput, 0), (Class::CacheWrite30m, 7)]);
    check(
        &standard(&stated, true),
        TEXT,
        [2_000_001, 0, 7, 5_000_003, 10_000_000],
    );
}

#[test]
fn a_modality_without_a_price_counts_as_text_also_where_it_is_cached() {
    let text = stated(&[(Class::CachedInput, 500)]);
    let rates = standard(&text, true);
    check(&rates, AUDIO, [2_000_001, 500, 10_000_000]);
    let flex = rates.tier(
        &text,
        &stated(&[(Class::CachedInput, 250)]),
        price(9),
        price(11),
    );
    check(&flex.unwrap(), AUDIO, [9, 250, 11]);
}

#[test]
fn a_modality_with_a_price_is_never_cheaper_for_being_cached_or_of_another_tier() {
    let audio = stated(&[
        (Class::CachedInput, 500),
        (Class::AudioInput, 40_000_000),
        (Class::AudioOutput, 80_000_000),
    ]);
    let rates = Rates::standard(&audio, price(2_000), price(10_000), false).unwrap();
    check(&rates, AUDIO, [40_000_000, 40_000_000, 80_000_000]);
    check(&rates, TEXT, [2_000, 500, 2_000, 2_000, 10_000]);
    // What is written to the cache can be audio.
    let billed = Rates::standard(&audio, price(2_000), price(10_000), true).unwrap();
    check(&billed, TEXT, [2_000, 500, 40_000_000, 40_000_000, 10_000]);
    let none = StatedRates::default();
    let batch = rates.tier(&audio, &none, price(1_000), price(5_000));
    check(&batch.unwrap(), AUDIO, [40_000_000, 40_000_000, 80_000_000]);
    let priority = rates.tier(&audio, &none, price(4_000), price(15_000));
    check(
        &priority.unwrap(),
        AUDIO,
        [80_000_000, 80_000_000, 120_000_000],
    );
}

#[test]
fn cache_writes_of_a_tier_keep_the_standard_proportion() {
    let writes = stated(&[
        (Class::CacheWrite30m, 12_500),
        (Class::CacheWrite12h, 25_000),
    ]);
    let standard = Rates::standard(&writes, price(10_000), price(50_000), true).unwrap();
    let none = StatedRates::default();
    check(
        &standard
            .tier(&writes, &none, price(20_000), price(100_000))
            .unwrap(),
        TEXT,
        [20_000, 20_000, 25_000, 50_000, 100_000],
    );
}

#[test]
fn unstated_long_context_is_twice_the_input_and_half_more_output() {
    let cached = stated(&[(Class::CachedInput, 400)]);
    let standard = Rates::standard(&cached, price(8_000), price(40_001), true).unwrap();
    let long = standard.long(&StatedRates::default()).unwrap();
    check(&long, TEXT, [16_000, 800, 40_000, 40_000, 60_002]);
    check(&long, AUDIO, [16_000, 800, 60_002]);
    let flex = standard
        .tier(&cached, &cached, price(4_000), price(20_000))
        .unwrap();
    check(
        &standard.long_of_tier(&long, &flex).unwrap(),
        TEXT,
        [8_000, 800, 20_000, 20_000, 30_001],
    );
}

#[test]
fn free_standard_prices_do_not_make_dear_tiers_free() {
    let none = StatedRates::default();
    let free = Rates::standard(&none, price(0), price(0), true).unwrap();
    let priority = free.tier(&none, &none, price(5), price(9)).unwrap();
    check(&priority, TEXT, [5, 5, 5, 5, 9]);
    check(
        &free.long_of_tier(&free, &priority).unwrap(),
        TEXT,
        [5, 5, 5, 5, 9],
    );
}

#[test]
fn a_region_costs_a_tenth_more_rounded_up() {
    let rates = Rates::standard(&StatedRates::default(), price(100_000), price(11), true);
    let raised = rates.unwrap().raised(10).unwrap();
    check(&raised, TEXT, [110_000, 110_000, 275_000, 275_000, 13]);
    assert!(raised.covers(&rates.unwrap()) && !rates.unwrap().covers(&raised));
}

#[test]
fn a_derived_price_that_does_not_fit_is_none() {
    let none = StatedRates::default();
    assert_eq!(
        Rates::standard(&none, price(u32::MAX), price(0), true),
        None
    );
    let dear = Rates::standard(&none, price(u32::MAX), price(0), false);
    assert_eq!(dear.unwrap().raised(10), None);
}
