//! Whether any entry at all reaches a real ledger.
//!
//! Invariants: figures and texts are whatever an upstream could say, plausible or not.
//! Does not know: how they are made to fit.

use std::time::Duration;

use cost_accounting::{Charges, Entry, PicoUsd, Usage};
use proptest::array::uniform6;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{ProptestConfig, Strategy, any, prop_assert_eq, proptest};
use proptest::sample::select;

use super::ledger::{entry, world};

fn texts() -> impl Strategy<Value = String> {
    ("\\PC{0,9}", 0_usize..600).prop_map(|(text, times)| text.repeat(times))
}

fn entries() -> impl Strategy<Value = Entry> {
    let named = (texts(), texts(), texts(), texts());
    let told = (
        option::of(texts()),
        option::of(texts()),
        option::of(texts()),
    );
    let tags = vec(texts(), 0..3).prop_flat_map(|tags| vec(select_or_empty(tags), 0..300));
    let times = (any::<Duration>(), option::of(any::<Duration>()));
    let figures = (uniform6(any::<u64>()), 0..=i128::MAX, any::<u16>(), times);
    (any::<u128>(), named, told, tags, figures).prop_map(|(request, named, told, tags, figures)| {
        let (key_id, project, model, outcome) = named;
        let (model_served, service_tier, end_user) = told;
        let (tokens, cost, status, (latency, first_chunk)) = figures;
        let [
            input,
            cached_input,
            cache_write_30m,
            cache_write_12h,
            output,
            reasoning,
        ] = tokens;
        Entry {
            key_id: key_id.into(),
            project: project.into(),
            model: model.into(),
            model_served: model_served.map(Into::into),
            service_tier: service_tier.map(Into::into),
            end_user,
            tags: tags.into(),
            usage: Usage {
                input,
                cached_input,
                cache_write_30m,
                cache_write_12h,
                output,
                reasoning,
                ..Usage::default()
            },
            cost: PicoUsd::from_pico(cost),
            status,
            latency,
            first_chunk,
            outcome: outcome.into(),
            ..entry(request, "2026-11-22T10:00:00Z", "0")
        }
    })
}

fn select_or_empty(mut texts: Vec<String>) -> impl Strategy<Value = String> {
    texts.push(String::new());
    select(texts)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn whatever_an_upstream_says_an_entry_is_made(entries in vec(entries(), 8)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let world = world().await;
            for entry in entries {
                let request_id = entry.request_id;
                let (expected, clamped) = entry.clone().storable();
                let receipt = world.ledger.record(entry, Charges::none()).await.unwrap();
                prop_assert_eq!(receipt.clamped(), clamped);
                receipt.await.unwrap();
                let found = world.ledger.find(request_id).await.unwrap().remove(0);
                prop_assert_eq!(found.usage, expected.usage);
                prop_assert_eq!(found.cost, expected.cost);
                prop_assert_eq!(found.model_served, expected.model_served);
                prop_assert_eq!(found.tags, expected.tags);
                prop_assert_eq!(found.other_usage, expected.other_usage);
            }
            Ok(())
        })?;
    }
}
