//! Whether the price file that ships is sound, and says what was published.
//!
//! Invariants: spot prices are copied from the published list by hand, not computed.
//! Does not know: how prices are charged.

use std::collections::HashSet;

use cost_accounting::{Kind, PriceBook, Tier, Usage};
use jiff::Timestamp;

use super::shipped;

fn today() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

/// US dollars for a million tokens of input, cached input and output, each in a request of its own below any threshold.
fn check(book: &PriceBook, model: &str, input: &str, cached_input: &str, output: &str) {
    let row = book.find(model, today()).unwrap();
    let per_million = |usage: Usage| {
        let thousand = row.cost(&usage);
        thousand.checked_mul(1_000).unwrap().to_string()
    };
    let none = Usage::default();
    assert_eq!(
        per_million(Usage {
            input: 1_000,
            ..none
        }),
        input,
        "{model} input"
    );
    assert_eq!(
        per_million(Usage {
            cached_input: 1_000,
            ..none
        }),
        cached_input,
        "{model} cached input"
    );
    assert_eq!(
        per_million(Usage {
            output: 1_000,
            ..none
        }),
        output,
        "{model} output"
    );
    assert_eq!(
        per_million(Usage {
            reasoning: 1_000,
            ..none
        }),
        output,
        "{model} reasoning"
    );
}

#[test]
fn every_row_is_sound() {
    let book = shipped();
    let mut ids = HashSet::new();
    for row in book.rows() {
        assert!(ids.insert(row.id().to_owned()), "{} twice", row.id());
        assert_eq!(
            row.id(),
            format!("{}@{}", row.model(), row.effective_from())
        );
        let one = Usage {
            input: 1,
            ..Usage::default()
        };
        assert!(row.cost(&one).pico() > 0, "{} has no input price", row.id());
        assert!(row.effective_from().year() >= 2026, "{}", row.id());
        let output = Usage {
            output: 1,
            ..Usage::default()
        };
        assert_eq!(
            row.cost(&output).pico() == 0,
            row.kind() == Kind::Embedding,
            "{}",
            row.id()
        );
    }
    assert_eq!(ids.len(), 118);
}

#[test]
fn spot_prices_are_the_published_ones() {
    let book = shipped();
    check(&book, "text-embedding-ada-002", "0.1", "0.1", "0");
    check(&book, "text-embedding-3-small", "0.02", "0.02", "0");
    check(&book, "text-embedding-3-large", "0.13", "0.13", "0");
    check(&book, "gpt-3.5-turbo", "0.5", "0.5", "1.5");
    check(&book, "gpt-6.2-astra", "8", "0.4", "40");
    check(&book, "gpt-6-astra", "10", "1", "50");
    check(&book, "gpt-6.2-sol", "2", "2", "10"); // cached input is not stated, so it costs input
    check(&book, "gpt-6.1-sol", "2", "0.1", "10");
    check(&book, "gpt-6.1-terra", "1", "0.05", "5");
    check(&book, "gpt-6-luna", "0.1", "0.01", "0.5");
    check(&book, "gpt-5.6-sol", "4", "0.4", "20");
    check(&book, "gpt-5.6-terra", "2", "0.2", "12");
    check(&book, "gpt-5.6-luna", "0.2", "0.02", "1.2");
    check(&book, "gpt-5.5", "5", "0.5", "30");
    check(&book, "gpt-5.4", "2.5", "0.25", "15");
    check(&book, "gpt-4.1", "2", "0.5", "8");
    check(&book, "gpt-4o", "2.5", "1.25", "10");
    check(&book, "gpt-4o-mini", "0.15", "0.075", "0.6");
    check(&book, "gpt-4o-mini-2029-01-31", "0.15", "0.075", "0.6"); // a date nobody knows yet
}

#[test]
fn limits_are_carried() {
    let book = shipped();
    let limits = |model: &str| {
        let row = book.find(model, today()).unwrap();
        (row.input_tokens_max(), row.output_tokens_max())
    };
    assert_eq!(limits("gpt-4o-mini"), (Some(128_000), Some(16_384)));
    assert_eq!(limits("text-embedding-ada-002"), (Some(8_191), None));
    assert_eq!(limits("gpt-5.5-cyber"), (None, None));
}

#[test]
fn tiers_are_carried() {
    let book = shipped();
    let row = book.find("gpt-6-astra", today()).unwrap();
    let usage = Usage {
        input: 1_000_000 / 4,
        output: 1_000,
        ..Usage::default()
    };
    let cost = |tier| row.cost_at(tier, &usage).map(|cost| cost.to_string());
    // A quarter million input and a thousand output tokens, at 10/50, 5/25, 5/25, 20/100, 60/300.
    let expected = ["2.55", "1.275", "1.275", "5.1", "15.3"].map(|usd| Some(usd.to_owned()));
    assert_eq!(Tier::ALL.map(cost), expected);
}

#[test]
fn a_model_that_bills_what_is_not_metered_has_no_price() {
    let book = shipped();
    for model in [
        "gpt-audio",
        "gpt-4o-audio-preview-2024-12-17",
        "gpt-4o-realtime-preview",
        "whisper-1",
        "dall-e-3",
    ] {
        assert!(book.find(model, today()).is_err(), "{model}");
    }
}

#[test]
fn a_model_that_bills_each_search_was_charged_for_tokens_alone() {
    let book = shipped();
    for model in [
        "gpt-4o-search-preview",
        "gpt-4o-search-preview-2025-03-11",
        "gpt-4o-mini-search-preview",
        "gpt-4o-mini-search-preview-2025-03-11",
        "gpt-5-search-api",
        "gpt-5-search-api-2025-10-14",
        "o3-deep-research",
        "o3-deep-research-2025-06-26",
        "o4-mini-deep-research",
        "o4-mini-deep-research-2025-06-26",
    ] {
        assert!(book.find(model, today()).is_err(), "{model}");
    }
    let of_kind = |model: &&str| model.contains("-search") || model.ends_with("deep-research");
    assert_eq!(book.models().find(of_kind), None);
}
