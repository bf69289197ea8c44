//! Laws of money that hold for every row that ships and every usage.
//!
//! Invariants: rows come from the file that ships; tokens reach across every long-context threshold.
//! Does not know: any single price.

use std::sync::{Arc, LazyLock};

use cost_accounting::{Limits, Modalities, PicoUsd, PriceBook, PriceRow, Tier, Usage};
use proptest::array::uniform18;
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::sample::select;

use super::shipped;

/// The same upstream, its processing kept in one region.
static RAISED: LazyLock<PriceBook> = LazyLock::new(|| BOOK.clone().in_region());
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
    uniform18(each).prop_map(|units| {
        let mut usage = Usage::default();
        for (class, units) in classes(&mut usage).into_iter().zip(units) {
            *class = units;
        }
        usage
    })
}

/// Usage of which most classes are 0, as it comes.
fn sparse(each: impl Strategy<Value = u64>) -> impl Strategy<Value = Usage> {
    usages(prop_oneof![2 => Just(0), 1 => each])
}

/// Tokens first, then the other meters.
fn classes(usage: &mut Usage) -> [&mut u64; 18] {
    let Usage {
        input,
        cached_input,
        cache_write_30m,
        cache_write_12h,
        output,
        reasoning,
        audio_input,
        cached_audio_input,
        audio_output,
        image_input,
        cached_image_input,
        image_output,
        audio_ms,
        characters,
        images,
        web_searches,
        file_searches,
        containers,
    } = usage;
    [
        input,
        cached_input,
        cache_write_30m,
        cache_write_12h,
        output,
        reasoning,
        audio_input,
        cached_audio_input,
        audio_output,
        image_input,
        cached_image_input,
        image_output,
        audio_ms,
        characters,
        images,
        web_searches,
        file_searches,
        containers,
    ]
}

/// The tightest limits that hold the usage, with some room.
fn limits(usage: &Usage, room: u64) -> Limits {
    let text = |tokens: u128| u64::try_from(tokens).unwrap() + room;
    Limits {
        modalities: Modalities {
            audio_input: usage.audio_input + usage.cached_audio_input > 0,
            image_input: usage.image_input + usage.cached_image_input > 0,
            audio_output: usage.audio_output > 0,
            image_output: usage.image_output > 0,
        },
        audio_ms: usage.audio_ms + room,
        characters: usage.characters + room,
        images: usage.images + room,
        web_searches: usage.web_searches,
        file_searches: usage.file_searches,
        containers: usage.containers,
        ..Limits::text(text(usage.input_tokens()), text(usage.output_tokens()))
    }
}

/// The usage without its other meters.
fn tokens_of(mut usage: Usage) -> Usage {
    for units in &mut classes(&mut usage)[12..] {
        **units = 0;
    }
    usage
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
    fn a_token_more_of_any_class_is_never_cheaper(row in rows(), tier in tiers(), usage in usages(tokens()), class in 0_usize..18, more in tokens()) {
        let mut larger = usage;
        let tokens = &mut *classes(&mut larger)[class];
        *tokens = tokens.saturating_add(more);
        prop_assert!(row.cost_at(tier, &larger) >= row.cost_at(tier, &usage));
    }

    #[test]
    fn below_the_threshold_the_parts_cost_what_the_whole_costs(
        row in rows(),
        tier in tiers(),
        usage in usages(0..BELOW_ANY_THRESHOLD / 8),
        shares in uniform18(0_u64..=100),
    ) {
        let mut part = usage;
        for (units, share) in classes(&mut part).into_iter().zip(shares) {
            *units = *units * share / 100;
        }
        let rest = rest(usage, part);
        let cost = |usage: &Usage| row.cost_at(tier, usage);
        if let (Some(whole), Some(part_cost), Some(rest_cost)) = (cost(&usage), cost(&part), cost(&rest)) {
            // Each other meter is rounded up once.
            let over = part_cost.pico() + rest_cost.pico() - whole.pico();
            prop_assert!((0..=6).contains(&over));
            let [tokens, part, rest] = [usage, part, rest].map(|usage| cost(&tokens_of(usage)).unwrap());
            prop_assert_eq!(part.checked_add(rest), Some(tokens));
        }
    }

    #[test]
    fn no_usage_within_its_limits_costs_more_than_their_bound(
        row in rows(),
        (tier, other) in (tiers(), tiers()),
        usage in sparse(prop_oneof![0_u64..200, 0_u64..300_000]),
        room in 0_u64..1_000,
    ) {
        let limits = limits(&usage, room);
        prop_assert!(limits.hold(&usage));
        if let Some(cost) = row.cost_at(tier, &usage) {
            prop_assert!(row.bound_within(&limits, &[tier]) >= cost);
            prop_assert!(row.bound_within(&limits, &[tier, other]) >= cost);
        }
        prop_assert!(row.bound_within(&limits, &Tier::ALL) >= row.dearest_cost(&usage));
        // A tier without a price is charged as the dearest that has one.
        let among = row.bound_within(&limits, &[tier, other]);
        prop_assert_eq!(row.bound_within(&limits, &[]), row.bound_within(&limits, &Tier::ALL));
        if row.cost_at(tier, &usage).is_none() {
            prop_assert!(among >= row.dearest_cost(&usage));
        }
        let tokens = tokens_of(usage);
        let any = row.bound(limits.input_tokens, limits.output_tokens);
        prop_assert!(any >= row.dearest_cost(&tokens));
        prop_assert!(row.bound_at(tier, limits.input_tokens, limits.output_tokens).is_none_or(|bound| bound <= any));
    }

    #[test]
    fn a_region_never_costs_less_nor_more_than_a_tenth(row in rows(), usage in usages(0..BELOW_ANY_THRESHOLD)) {
        let raised = RAISED.rows().find(|raised| raised.id().trim_end_matches("+regional") == row.id()).unwrap();
        let [cost, raised_cost] = [&row, raised].map(|row| row.cost(&tokens_of(usage)).pico());
        prop_assert!(raised_cost >= cost && raised_cost * 10 <= cost * 11);
        prop_assert_eq!(raised.id() == row.id(), raised_cost == cost || cost == 0);
    }

    #[test]
    fn the_order_of_charges_does_not_matter(row in rows(), mut usages in proptest::collection::vec(sparse(tokens()), 1..6)) {
        let sum = |usages: &[Usage]| usages.iter().map(|usage| row.cost(usage)).sum::<PicoUsd>();
        let forwards = sum(&usages);
        usages.reverse();
        prop_assert_eq!(sum(&usages), forwards);
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
