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

/// Models that bill by the minute or the character and not by tokens.
const BY_UNITS: [&str; 10] = [
    "gpt-live-1",
    "gpt-live-transcribe",
    "gpt-realtime-translate",
    "gpt-realtime-whisper",
    "gpt-transcribe",
    "tts-1",
    "tts-1-1106",
    "tts-1-hd",
    "tts-1-hd-1106",
    "whisper-1",
];

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
        assert!(row.effective_from().year() >= 2026, "{}", row.id());
        let [input, output] = [[1, 0], [0, 1]].map(|[input, output]| {
            let usage = Usage {
                input,
                output,
                ..Usage::default()
            };
            row.cost(&usage).pico()
        });
        let free = match row.kind() {
            Kind::Embedding => input > 0 && output == 0,
            Kind::Moderation => (input, output) == (0, 0),
            _ if BY_UNITS.contains(&row.model()) => (input, output) == (0, 0),
            _ => input > 0 && output > 0,
        };
        assert!(free, "{}: {input} in, {output} out", row.id());
    }
    assert_eq!(ids.len(), 167);
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

/// US dollars for a million tokens, a minute, a million characters or a thousand calls of one class.
fn check_unit(model: &str, usage: Usage, times: u64, usd: &str) {
    let row = shipped().find(model, today()).unwrap();
    let cost = row.cost(&usage).checked_mul(times).unwrap();
    assert_eq!(cost.to_string(), usd, "{model}");
}

#[test]
fn spot_prices_of_audio_images_and_fees_are_the_published_ones() {
    let none = Usage::default();
    let audio_in = Usage {
        audio_input: 1_000,
        ..none
    };
    let audio_out = Usage {
        audio_output: 1_000,
        ..none
    };
    check_unit("gpt-audio", audio_in, 1_000, "32");
    check_unit("gpt-audio", audio_out, 1_000, "64");
    check_unit("gpt-4o-transcribe", audio_in, 1_000, "6");
    check_unit("gpt-4o-mini-tts", audio_out, 1_000, "12");
    check_unit("gpt-4o-mini", audio_in, 1_000, "0.15"); // counts as text
    let cached_audio = Usage {
        cached_audio_input: 1_000,
        ..none
    };
    check_unit("gpt-realtime", cached_audio, 1_000, "0.4");
    check_unit("gpt-audio", cached_audio, 1_000, "32"); // not stated
    let images_in = Usage {
        image_input: 1_000,
        ..none
    };
    let images_out = Usage {
        image_output: 1_000,
        ..none
    };
    check_unit("gpt-image-2", images_in, 1_000, "8");
    check_unit("gpt-image-2", images_out, 1_000, "30");
    check_unit("gpt-image-1.5", images_out, 1_000, "32");
    let minute = Usage {
        audio_ms: 60_000,
        ..none
    };
    check_unit("whisper-1", minute, 1, "0.006");
    check_unit("gpt-transcribe", minute, 1, "0.0045");
    let characters = Usage {
        characters: 1_000_000,
        ..none
    };
    check_unit("tts-1", characters, 1, "15");
    check_unit("tts-1-hd", characters, 1, "30");
    let searches = Usage {
        web_searches: 1_000,
        ..none
    };
    check_unit("gpt-4.1", searches, 1, "25");
    check_unit("gpt-5.5", searches, 1, "10");
    check_unit("gpt-6.2-sol", searches, 1, "25"); // not stated
}

#[test]
fn only_models_that_state_it_cost_more_in_a_region() {
    let book = shipped().in_region();
    let usage = Usage {
        input: 1_000_000 / 4,
        output: 1_000,
        web_searches: 1,
        ..Usage::default()
    };
    let cost = |model: &str| {
        let row = book.find(model, today()).unwrap();
        (row.id().to_owned(), row.cost(&usage).to_string())
    };
    // 250,000 x 0.11 + 1,000 x 0.55 per million, and a search at 0.01 without the uplift.
    let luna = ("gpt-6-luna@2026-01-01+regional", "0.03805");
    assert_eq!(cost("gpt-6-luna"), (luna.0.to_owned(), luna.1.to_owned()));
    let mini = ("gpt-4o-mini@2026-01-01", "0.0631");
    assert_eq!(cost("gpt-4o-mini"), (mini.0.to_owned(), mini.1.to_owned()));
    let raised = book.rows().filter(|row| row.id().ends_with("+regional"));
    assert_eq!(raised.count(), 28);
}

#[test]
fn what_bounds_need_is_carried() {
    let row = |model: &str| shipped().find(model, today()).unwrap();
    let images = |model: &str| {
        let row = row(model);
        (row.image_tokens_low_max(), row.image_tokens_high_max())
    };
    assert_eq!(images("gpt-4o-2024-11-20"), (Some(85), Some(1_445)));
    assert_eq!(images("gpt-4o-mini"), (Some(2_833), Some(48_169)));
    assert_eq!(images("gpt-6-astra"), (None, None));
    let field = |model: &str| row(model).output_limit_field().name();
    assert_eq!(field("gpt-6-luna"), "max_completion_tokens");
    assert_eq!(field("gpt-3.5-turbo-instruct"), "max_tokens");
    assert_eq!(field("o1-pro"), "max_output_tokens");
}

#[test]
fn a_model_that_no_route_serves_has_no_price() {
    let book = shipped();
    for model in ["sora-2", "gpt-4o-realtime-preview", "dall-e-3"] {
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
