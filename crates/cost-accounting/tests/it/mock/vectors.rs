//! Real shapes of usage with the bill worked out by hand from published prices.
//!
//! Invariants: expected sums are literals; the working is in the comment beside them.
//! Does not know: how the crate computes.

use cost_accounting::{PicoUsd, Tier, Usage};
use jiff::Timestamp;

use super::shipped;

fn check_on(day: &str, model: &str, usage: Usage, tier: Tier, usd: &str) {
    let at: Timestamp = format!("{day}T00:00:00Z").parse().unwrap();
    let row = shipped().find(model, at).unwrap();
    assert_eq!(
        row.cost_at(tier, &usage).unwrap(),
        PicoUsd::from_usd(usd).unwrap(),
        "{model} on {day}"
    );
}

fn check(model: &str, usage: Usage, usd: &str) {
    check_on("2026-11-22", model, usage, Tier::Standard, usd);
}

#[test]
fn sixteen_tokens_of_ada_are_exactly_1_6_micro_dollars() {
    // 16 x 0.10 / 1,000,000
    let usage = Usage {
        input: 16,
        ..Usage::default()
    };
    check("text-embedding-ada-002", usage, "0.0000016");
    let row = shipped()
        .find(
            "text-embedding-ada-002",
            "2026-11-22T00:00:00Z".parse().unwrap(),
        )
        .unwrap();
    assert_eq!(row.cost(&usage).pico(), 1_600_000);
    assert_eq!(row.cost(&usage).to_string(), "0.0000016");
}

#[test]
fn cached_tokens_are_not_charged_twice() {
    // prompt_tokens 1,000, of them cached 600; completion 200: 400 x 0.15 + 600 x 0.075 + 200 x 0.60 = 60 + 45 + 120 = 225 per million
    check(
        "gpt-4o-mini",
        Usage {
            input: 400,
            cached_input: 600,
            output: 200,
            ..Usage::default()
        },
        "0.000225",
    );
}

#[test]
fn reasoning_is_billed_as_output_once() {
    // prompt_tokens 100; completion_tokens 1,000, of them reasoning 900: 100 x 1.25 + 1,000 x 10 = 125 + 10,000 per million
    check(
        "gpt-5",
        Usage {
            input: 100,
            output: 100,
            reasoning: 900,
            ..Usage::default()
        },
        "0.010125",
    );
}

#[test]
fn cache_writes_have_two_prices() {
    // prompt_tokens 10,000: cached 5,000, written 2,000 (30 minutes) and 1,000 (12 hours), plain 2,000; completion 500, of them reasoning 300
    // 2,000 x 0.10 + 5,000 x 0.01 + 2,000 x 0.125 + 1,000 x 0.25 + 500 x 0.50 = 200 + 50 + 250 + 250 + 250 = 1,000 per million
    let usage = Usage {
        input: 2_000,
        cached_input: 5_000,
        cache_write_30m: 2_000,
        cache_write_12h: 1_000,
        output: 200,
        reasoning: 300,
        ..Usage::default()
    };
    check("gpt-6-luna", usage, "0.001");
}

#[test]
fn the_token_past_the_threshold_reprices_the_whole_request() {
    // 272,000 x 4 + 1,000 x 20 = 1,088,000 + 20,000
    check(
        "gpt-5.6-sol",
        Usage {
            input: 272_000,
            output: 1_000,
            ..Usage::default()
        },
        "1.108",
    );
    // 272,001 x 8 + 1,000 x 30 = 2,176,008 + 30,000
    check(
        "gpt-5.6-sol",
        Usage {
            input: 272_001,
            output: 1_000,
            ..Usage::default()
        },
        "2.206008",
    );
    // Cached and written tokens count for the threshold: 72,000 x 8 + 200,000 x 0.80 + 1 x 10 + 1,000 x 30; a 30-minute write is 5 x 2
    check(
        "gpt-5.6-sol",
        Usage {
            input: 72_000,
            cached_input: 200_000,
            cache_write_30m: 1,
            output: 1_000,
            ..Usage::default()
        },
        "0.76601",
    );
}

#[test]
fn the_tier_that_served_decides() {
    let usage = Usage {
        input: 1_000,
        cached_input: 1_000,
        output: 100,
        ..Usage::default()
    };
    // 1,000 x 0.25 + 1,000 x 0.125 + 100 x 1
    check_on(
        "2026-11-22",
        "gpt-4o-mini",
        usage,
        Tier::Priority,
        "0.000475",
    );
    // 1,000 x 0.625 + 1,000 x 0.0625 + 100 x 5
    check_on("2026-11-22", "gpt-5", usage, Tier::Flex, "0.0011875");
}

#[test]
fn the_day_decides() {
    let usage = Usage {
        input: 1_000_000 / 10,
        output: 1_000,
        ..Usage::default()
    };
    // 100,000 x 5 + 1,000 x 30, then 100,000 x 4 + 1,000 x 20
    check_on("2026-08-20", "gpt-5.6-sol", usage, Tier::Standard, "0.53");
    check_on("2026-08-21", "gpt-5.6-sol", usage, Tier::Standard, "0.42");
}

#[test]
fn a_bound_is_the_dearest_that_may_happen() {
    let row = shipped()
        .find("gpt-6-luna", "2026-11-22T00:00:00Z".parse().unwrap())
        .unwrap();
    // Standard, all input written for 12 hours: 1,000 x 0.25 + 100 x 0.50
    assert_eq!(
        row.bound_at(Tier::Standard, 1_000, 100)
            .unwrap()
            .to_string(),
        "0.0003"
    );
    // Priority is twice as dear, and the dearest of this row
    assert_eq!(row.bound(1_000, 100).to_string(), "0.0006");
    // Past the threshold: 272,001 x 0.50 + 100 x 0.75
    assert_eq!(
        row.bound_at(Tier::Standard, 272_001, 100)
            .unwrap()
            .to_string(),
        "0.1360755"
    );
}

#[test]
fn the_dearest_tier_is_charged_where_the_served_one_has_no_price() {
    // gpt-6-astra has every tier; the dearest is ultrafast, 60 in and 300 out: 1,000 x 60 + 1,000 x 300 = 360,000 per million
    let usage = Usage {
        input: 1_000,
        output: 1_000,
        ..Usage::default()
    };
    let at: Timestamp = "2026-11-22T00:00:00Z".parse().unwrap();
    let row = shipped().find("gpt-6-astra", at).unwrap();
    assert_eq!(row.dearest_cost(&usage).to_string(), "0.36");
    assert!(row.dearest_cost(&usage) > row.cost(&usage));
}
