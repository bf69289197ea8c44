//! Fees, modalities, regions and what bounds need, as people write them in a price file.
//!
//! Invariants: every fault is told at its line with a remedy.
//! Does not know: the file that ships.

use crate::price_book::tests::{check_fault, check_line, noon, parse, with_line, with_prices};
use crate::usage::Usage;

#[test]
fn a_fee_outside_of_what_is_known_was_typed_in_another_unit() {
    let fault = |fee: &str, problem: &str| {
        let field = fee.split(' ').next().unwrap();
        check_line(5, fee, field, problem);
    };
    // Per call instead of per thousand, per second instead of per minute, per character instead of per million.
    fault("usd_per_1000_web_searches = \"0.01\"", "is far below");
    fault("usd_per_minute_of_audio = \"0.000075\"", "is far below");
    fault("usd_per_million_characters = \"0.000015\"", "is far below");
    fault("usd_per_1000_file_searches = \"2500\"", "is far above");
    fault("usd_per_image = \"40\"", "is far above");
    fault(
        "usd_per_container = \"99999999999999999999\"",
        "is far above",
    );
    fault("usd_per_container = \"-1\"", "is negative");
    fault("usd_per_image = 0.04", "is a number literal");
    fault("usd_per_image = \"4 cents\"", "is not a plain decimal");
    fault("usd_per_image = \"0.0000000000001\"", "is finer than");
    for free in [
        "usd_per_image = \"0\"",
        "usd_per_1000_web_searches = \"10\"",
    ] {
        assert!(parse(&with_line(5, free)).is_ok(), "{free}");
    }
}

#[test]
fn what_bounds_and_regions_need_is_checked_too() {
    check_line(
        5,
        "output_limit_field = \"max_length\"",
        "output_limit_field",
        "is not a known field",
    );
    check_line(
        5,
        "regional_uplift_percent = 110",
        "regional_uplift_percent",
        "is above 100",
    );
    check_line(
        5,
        "image_tokens_high_max = 0",
        "image_tokens_high_max",
        "above zero",
    );
    let dear = with_line(
        5,
        "cache_writes_billed = false\nregional_uplift_percent = 10",
    )
    .replace("\"10\"", "\"4000\"");
    check_fault(
        &dear,
        6,
        "price[1].regional_uplift_percent",
        "raises a price",
    );
}

#[test]
fn audio_in_a_price_is_charged_apart_from_text() {
    let book = parse(&with_prices(
        "audio_input = \"32\"\ncached_audio_input = \"0.4\"\naudio_output = \"64\"\nimage_input = \"5\"",
    ))
    .unwrap();
    let row = book.find("m", noon("2026-01-01")).unwrap();
    let usage = Usage {
        input: 1,
        audio_input: 10,
        cached_audio_input: 100,
        audio_output: 1_000,
        image_input: 10_000,
        cached_image_input: 100_000,
        image_output: 1_000_000,
        ..Usage::default()
    };
    // 1 x 2 + 10 x 32 + 100 x 0.4 + 1,000 x 64 + 10,000 x 5 + 100,000 x 5 (not stated) + 1,000,000 x 10 (as text), per million
    assert_eq!(row.cost(&usage).to_string(), "10.614362");
}
