//! Laws of money that hold for every row that ships and every usage.
//!
//! Invariants: rows come from the file that ships; tokens reach across every long-context threshold.
//! Does not know: any single price.

use std::sync::{Arc, LazyLock};

use cost_accounting::{PicoUsd, PriceBook, PriceRow, Tier, Usage};
use proptest::array::uniform6;
use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::sample::select;

use super::shipped;

static BOOK: LazyLock<PriceBook> = LazyLock::new(shipped);

/// No published model reprices below this many input tokens.
const BELOW_ANY_THRESHOLD: u64 = 272_000;

fn rows() -> impl Strategy<Value = Arc<PriceRow>> {
    let rows: Vec<Arc<PriceRow>> = BOOK.rows().cloned().map(Arc::new).collect();
    select(rows)
}

fn tiers() -> impl Strategy<Value = Tier> {
    select(Tier::ALL.to_vec())
}

fn tokens() -> impl Strategy<Value = u64> {
    prop_oneof![0_u64..200, 0_u64..300_000, any::<u64>()]
}

fn usages(each: impl Strategy<Value = u64>) -> impl Strategy<Value = Usage> {
    uniform6(each).prop_map(
        |[
            input,
            cached_input,
            cache_write_30m,
            cache_write_12h,
            output,
            reasoning,
        ]| Usage {
            input,
            cached_input,
            cache_write_30m,
            cache_write_12h,
            output,
            reasoning,
        },
    )
}

fn classes(usage: &mut Usage) -> [&mut u64; 6] {
    let Usage {
        input,
        cached_input,
        cache_write_30m,
        cache_write_12h,
        output,
        reasoning,
    } = usage;
    [
        input,
        cached_input,
        cache_write_30m,
        cache_write_12h,
        output,
        reasoning,
    ]
}

/// What is left of `usage` after `part`, class by class.
fn rest(usage: Usage, mut part: Usage) -> Usage {
    let mut rest = usage;
    for (rest, part) in classes(&mut rest).into_iter().zip(classes(&mut part)) {
        *rest -= *part;
    }
    rest
}

proptest! {
    #[test]
    fn cost_is_never_negative_and_nothing_costs_nothing(row in rows(), tier in tiers(), usage in usages(tokens())) {
        if let Some(cost) = row.cost_at(tier, &usage) {
            prop_assert!(cost >= PicoUsd::ZERO);
            prop_assert_eq!(row.cost_at(tier, &Usage::default()), Some(PicoUsd::ZERO));
        }
        prop_assert_eq!(row.cost_at(Tier::Standard, &usage), Some(row.cost(&usage)));
    }

    #[test]
    fn a_token_more_of_any_class_is_never_cheaper(row in rows(), tier in tiers(), usage in usages(tokens()), class in 0_usize..6, more in tokens()) {
        let mut larger = usage;
        let tokens = &mut *classes(&mut larger)[class];
        *tokens = tokens.saturating_add(more);
        prop_assert!(row.cost_at(tier, &larger) >= row.cost_at(tier, &usage));
    }

    #[test]
    fn below_the_threshold_the_parts_cost_what_the_whole_costs(
        row in rows(),
        tier in tiers(),
        usage in usages(0..BELOW_ANY_THRESHOLD / 4),
        shares in uniform6(0_u64..=100),
    ) {
        let mut part = usage;
        for (tokens, share) in classes(&mut part).into_iter().zip(shares) {
            *tokens = *tokens * share / 100;
        }
        let rest = rest(usage, part);
        if let (Some(part), Some(rest)) = (row.cost_at(tier, &part), row.cost_at(tier, &rest)) {
            prop_assert_eq!(part.checked_add(rest), row.cost_at(tier, &usage));
        }
    }

    #[test]
    fn no_usage_within_a_bound_costs_more_at_any_tier(
        row in rows(),
        tier in tiers(),
        usage in usages(prop_oneof![0_u64..200, 0_u64..300_000]),
        (spare_input, spare_output) in (0_u64..1_000, 0_u64..1_000),
    ) {
        let input_tokens_max = u64::try_from(usage.input_tokens()).unwrap() + spare_input;
        let output_tokens_max = u64::try_from(usage.output_tokens()).unwrap() + spare_output;
        let bound = row.bound(input_tokens_max, output_tokens_max);
        if let Some(cost) = row.cost_at(tier, &usage) {
            let bound_at = row.bound_at(tier, input_tokens_max, output_tokens_max);
            prop_assert!(bound_at >= Some(cost));
            prop_assert!(Some(bound) >= bound_at);
            prop_assert!(bound >= row.dearest_cost(&usage));
        }
    }

    #[test]
    fn no_tier_costs_more_than_the_dearest(row in rows(), usage in usages(tokens())) {
        let dearest = row.dearest_cost(&usage);
        let costs: Vec<PicoUsd> = Tier::ALL.iter().filter_map(|tier| row.cost_at(*tier, &usage)).collect();
        prop_assert!(costs.iter().all(|cost| *cost <= dearest));
        prop_assert!(costs.contains(&dearest));
    }

    #[test]
    fn a_bound_grows_with_its_limits(row in rows(), (input, output) in (tokens(), tokens()), (more_in, more_out) in (tokens(), tokens())) {
        let larger = row.bound(input.saturating_add(more_in), output.saturating_add(more_out));
        prop_assert!(larger >= row.bound(input, output));
    }

    #[test]
    fn decimal_text_gives_back_the_same_money(pico in any::<i128>()) {
        let money = PicoUsd::from_pico(pico);
        let text = money.to_string();
        prop_assert_eq!(PicoUsd::from_usd(&text), Ok(money));
        prop_assert!(!text.contains('e') && (!text.contains('.') || !text.ends_with('0')));
    }

    #[test]
    fn any_text_is_read_or_refused_without_panic(text in "[-0-9.e]{0,60}") {
        if let Ok(money) = PicoUsd::from_usd(&text) {
            prop_assert_eq!(PicoUsd::from_usd(&money.to_string()), Ok(money));
        }
    }
}
