//! Price files as people write them: what is read, what overrides what, and how every fault is told.
//!
//! Invariants: none beyond those of the price book.
//! Does not know: the file that ships.

use jiff::Timestamp;

use super::{PriceBook, PriceError, PriceSource, UnknownPrice};
use crate::price::Tier;
use crate::price_errors::PriceErrors;
use crate::usage::Usage;

const SOUND: [&str; 8] = [
    "[[price]]",
    "model = \"m\"",
    "kind = \"chat\"",
    "effective_from = 2026-01-01",
    "input_tokens_max = 9",
    "[price.usd_per_million_tokens]",
    "input = \"2\"",
    "output = \"10\"",
];

fn source(name: &str, text: &str) -> PriceSource {
    PriceSource {
        name: name.to_owned(),
        text: text.to_owned(),
    }
}

pub(crate) fn parse(text: &str) -> Result<PriceBook, PriceErrors> {
    PriceBook::parse(&[source("prices.toml", text)], UnknownPrice::Refuse)
}

fn row(model: &str, from: &str, usd: &str) -> String {
    format!(
        "[[price]]\nmodel = \"{model}\"\nkind = \"chat\"\neffective_from = {from}\n\
         [price.usd_per_million_tokens]\ninput = \"{usd}\"\noutput = \"{usd}\"\n"
    )
}

/// The sound row with one line (counted from 1) replaced.
pub(crate) fn with_line(line: usize, replacement: &str) -> String {
    let mut lines = SOUND;
    lines[line - 1] = replacement;
    lines.join("\n")
}

/// The sound row with lines added to its prices.
pub(crate) fn with_prices(lines: &str) -> String {
    format!("{}\n{lines}\n", SOUND.join("\n"))
}

pub(crate) fn noon(day: &str) -> Timestamp {
    format!("{day}T12:00:00Z").parse().unwrap()
}

/// The text is refused, and its first fault is this one.
pub(crate) fn check_fault(text: &str, line: usize, field: &str, problem: &str) {
    let errors = parse(text).unwrap_err();
    let first = &errors.problems[0];
    let place = (first.source.as_str(), first.line, first.field.as_str());
    assert_eq!(place, ("prices.toml", Some(line), field), "{errors}");
    assert!(first.problem.contains(problem), "{errors}");
    assert!(!first.remedy.is_empty(), "{errors}");
}

pub(crate) fn check_line(line: usize, replacement: &str, field: &str, problem: &str) {
    let field = format!("price[1].{field}");
    check_fault(&with_line(line, replacement), line, &field, problem);
}

fn check_price(price: &str, problem: &str) {
    let replacement = format!("input = {price}");
    check_line(7, &replacement, "usd_per_million_tokens.input", problem);
}

/// What 1,000 tokens of each class cost at a tier, in micro-USD.
fn costs(text: &str, tier: Tier) -> [i128; 5] {
    let book = parse(text).unwrap();
    let row = book.find("m", noon("2026-01-01")).unwrap();
    let none = Usage::default();
    [
        Usage {
            input: 1_000,
            ..none
        },
        Usage {
            cached_input: 1_000,
            ..none
        },
        Usage {
            cache_write_30m: 1_000,
            ..none
        },
        Usage {
            cache_write_12h: 1_000,
            ..none
        },
        Usage {
            output: 1_000,
            ..none
        },
    ]
    .map(|usage| row.cost_at(tier, &usage).unwrap().pico() / 1_000_000)
}

#[test]
fn a_faulty_field_is_named_with_its_line_and_remedy() {
    check_line(2, "model = \"\"", "model", "is empty");
    check_line(2, "model = \"two words\"", "model", "spaces");
    check_line(2, "model = 4", "model", "is not text");
    check_line(3, "kind = \"audio\"", "kind", "is not a known kind");
    check_line(
        4,
        "effective_from = \"2026-01-01\"",
        "effective_from",
        "is not a date",
    );
    check_line(
        4,
        "effective_from = 2026-01-01T00:00:00Z",
        "effective_from",
        "is not a date",
    );
    check_line(5, "input_tokens_max = 0", "input_tokens_max", "above zero");
    check_line(
        5,
        "output_tokens_max = -1",
        "output_tokens_max",
        "above zero",
    );
    check_line(
        5,
        "input_tokens_max = \"9\"",
        "input_tokens_max",
        "not a whole number",
    );
    check_line(
        5,
        "cache_writes_billed = 0",
        "cache_writes_billed",
        "neither true nor false",
    );
    check_line(5, "max_tokens = 9", "max_tokens", "is not a field");
    let threshold = "long_context_above_input_tokens";
    check_line(5, &format!("{threshold} = 0"), threshold, "above zero");
}

#[test]
fn a_missing_field_is_told_at_its_row() {
    for (line, field) in [(2, "model"), (3, "kind"), (4, "effective_from")] {
        check_fault(
            &with_line(line, ""),
            1,
            &format!("price[1].{field}"),
            "is missing",
        );
    }
    for (line, field) in [(7, "input"), (8, "output")] {
        let field = format!("price[1].usd_per_million_tokens.{field}");
        check_fault(&with_line(line, ""), 6, &field, "is missing");
    }
    let without_prices = SOUND[..5].join("\n");
    check_fault(
        &without_prices,
        1,
        "price[1].usd_per_million_tokens",
        "is missing",
    );
}

#[test]
fn a_faulty_price_is_named_with_its_line_and_remedy() {
    check_price("0.15", "is a number literal");
    check_price("1", "is a number literal");
    check_price("true", "is not a price");
    check_price("\"$0.15\"", "not a plain decimal");
    check_price("\"1.5e-1\"", "not a plain decimal");
    check_price("\"-0.15\"", "is negative");
    check_price("\"10000.01\"", "is above 4,000");
    check_price("\"4000.000001\"", "is above 4,000");
    check_price(
        "\"99999999999999999999999999999999999999999\"",
        "is above 4,000",
    );
    check_price("\"1.2345678\"", "is finer than");
}

#[test]
fn a_price_typed_per_token_is_not_taken_for_a_cheap_one() {
    for per_token in ["0.00000015", "0.0000025", "0.000002", "0.0006"] {
        check_price(&format!("\"{per_token}\""), "is below 0.001");
    }
    let errors = parse(&with_line(7, "input = \"0.000002\"")).unwrap_err();
    assert!(
        errors.problems[0]
            .remedy
            .contains("per token instead of per million?")
    );
}

#[test]
fn prices_that_contradict_each_other_are_refused() {
    let rates = "price[1].usd_per_million_tokens";
    check_fault(
        &with_prices("batch = \"1\""),
        9,
        &format!("{rates}.batch"),
        "is not a table",
    );
    check_fault(
        &with_prices("turbo = { input = \"1\" }"),
        9,
        &format!("{rates}.turbo"),
        "is not a field",
    );
    check_fault(
        &with_prices("flex = { input = \"1\" }"),
        9,
        &format!("{rates}.flex.output"),
        "is missing",
    );
    check_fault(
        &with_prices("flex = { input = 1, output = \"2\" }"),
        9,
        &format!("{rates}.flex.input"),
        "number literal",
    );
    check_fault(
        &with_prices("long_context = { input = \"4\" }"),
        9,
        &format!("{rates}.long_context"),
        "has no threshold",
    );

    let long = with_line(5, "long_context_above_input_tokens = 9");
    let cheap_long = format!("{long}\nlong_context = {{ output = \"9.9\" }}");
    check_fault(
        &cheap_long,
        9,
        &format!("{rates}.long_context"),
        "is cheaper",
    );
    let too_dear = with_line(7, "input = \"3000\"");
    check_fault(&too_dear, 7, &format!("{rates}.input"), "is too dear");

    let unbilled = with_line(5, "cache_writes_billed = false");
    let billed_too = format!("{unbilled}\ncache_write_30m = \"3\"");
    check_fault(&billed_too, 5, "price[1].cache_writes_billed", "and yet");
}

#[test]
fn text_that_is_no_price_file_is_refused() {
    check_fault("[[price]]\nmodel = \"m", 2, "file", "is not TOML");
    check_fault("price = 1", 1, "price", "is not a list");
    check_fault("\n[prices]\nm = 1", 2, "prices", "is not a field");
}

#[test]
fn the_same_model_and_day_twice_in_one_source_is_refused() {
    let text = row("m", "2026-01-01", "2") + &row("m", "2026-01-01", "3");
    check_fault(&text, 9, "price[2].model", "starts on line 1");
}

#[test]
fn all_faults_of_all_sources_are_told_at_once_without_their_values() {
    let first = row("m", "2026-01-01", "-77.5") + &row("", "2026-01-01", "77e5");
    let sources = [
        source("config/prices.toml", &first),
        source("prices.local.toml", "price = 775"),
    ];
    let errors = PriceBook::parse(&sources, UnknownPrice::Zero).unwrap_err();
    let places: Vec<(&str, Option<usize>)> = errors
        .problems
        .iter()
        .map(|problem| (problem.source.as_str(), problem.line))
        .collect();
    let first = "config/prices.toml";
    let expected = [
        (first, Some(6)),
        (first, Some(7)),
        (first, Some(9)),
        (first, Some(13)),
        (first, Some(14)),
        ("prices.local.toml", Some(1)),
    ];
    assert_eq!(places, expected);
    let text = errors.to_string();
    assert!(text.starts_with("read prices: 6 to mend\n  config/prices.toml:6: price[1].usd_per_million_tokens.input is negative; "), "{text}");
    assert!(!text.contains("77"), "{text}");
}

#[test]
fn faults_of_a_source_come_in_the_order_of_its_lines() {
    let text = with_line(5, "max_tokens = 9").replace("\"m\"", "\"\"") + "\ncached = \"1\"";
    let errors = parse(&text).unwrap_err();
    let lines: Vec<Option<usize>> = errors.problems.iter().map(|problem| problem.line).collect();
    assert_eq!(lines, [Some(2), Some(5), Some(9)]);
}

#[test]
fn gaps_are_filled_by_the_dearest_rule() {
    let plain = SOUND.join("\n");
    assert_eq!(
        costs(&plain, Tier::Standard),
        [2_000, 2_000, 5_000, 5_000, 10_000]
    );
    let unbilled = with_line(5, "cache_writes_billed = false");
    assert_eq!(
        costs(&unbilled, Tier::Standard),
        [2_000, 2_000, 2_000, 2_000, 10_000]
    );
    let embedding = with_line(3, "kind = \"embedding\"");
    assert_eq!(
        costs(&embedding, Tier::Standard),
        [2_000, 2_000, 2_000, 2_000, 10_000]
    );
}

#[test]
fn stated_tiers_are_charged_as_stated() {
    let text = with_prices(
        "cached_input = \"0.2\"\ncache_write_30m = \"2.5\"\n\
         batch = { input = \"1\", output = \"5\" }\n\
         priority = { input = \"4\", cached_input = \"0.4\", output = \"20\" }",
    );
    assert_eq!(
        costs(&text, Tier::Standard),
        [2_000, 200, 2_500, 5_000, 10_000]
    );
    assert_eq!(
        costs(&text, Tier::Batch),
        [1_000, 1_000, 1_250, 2_500, 5_000]
    );
    assert_eq!(
        costs(&text, Tier::Priority),
        [4_000, 400, 5_000, 10_000, 20_000]
    );
    let book = parse(&text).unwrap();
    let row = book.find("m", noon("2026-01-01")).unwrap();
    assert_eq!(row.cost_at(Tier::Flex, &Usage::default()), None);
    assert_eq!(row.bound_at(Tier::Flex, 1, 1), None);
}

#[test]
fn long_context_reprices_the_whole_request_past_the_threshold() {
    let text = with_line(5, "long_context_above_input_tokens = 999");
    assert_eq!(
        costs(&text, Tier::Standard),
        [4_000, 4_000, 10_000, 10_000, 10_000]
    );
    let stated = format!(
        "{text}\nlong_context = {{ input = \"6\", output = \"15\" }}\nflex = {{ input = \"1\", output = \"5\" }}"
    );
    assert_eq!(
        costs(&stated, Tier::Standard),
        [6_000, 6_000, 15_000, 15_000, 10_000]
    );
    assert_eq!(
        costs(&stated, Tier::Flex),
        [3_000, 3_000, 7_500, 7_500, 5_000]
    );
}

#[test]
fn a_later_source_overrides_by_model_and_day_and_adds_the_rest() {
    let shipped =
        row("m", "2026-01-01", "2") + &row("m", "2026-06-01", "3") + &row("n", "2026-01-01", "4");
    let local = row("m", "2026-01-01", "5")
        + &row("m", "2026-03-01", "6")
        + &row("llama3.2:1b", "2026-01-01", "0");
    let sources = [source("shipped", &shipped), source("local", &local)];
    let book = PriceBook::parse(&sources, UnknownPrice::Refuse).unwrap();
    assert_eq!(book.models().collect::<Vec<_>>(), ["llama3.2:1b", "m", "n"]);
    let usage = Usage {
        input: 1_000_000,
        ..Usage::default()
    };
    for (day, usd) in [
        ("2026-01-01", "5"),
        ("2026-02-28", "5"),
        ("2026-03-01", "6"),
        ("2026-06-01", "3"),
        ("2030-01-01", "3"),
    ] {
        let row = book.find("m", noon(day)).unwrap();
        assert_eq!(row.cost(&usage).to_string(), usd, "{day}");
    }
}

#[test]
fn a_price_holds_from_midnight_utc() {
    let book = parse(&(row("m", "2026-01-01", "2") + &row("m", "2026-08-21", "1"))).unwrap();
    let id = |at: &str| book.find("m", at.parse().unwrap()).unwrap().id().to_owned();
    assert_eq!(id("2026-08-20T23:59:59.999Z"), "m@2026-01-01");
    assert_eq!(id("2026-08-21T00:00:00Z"), "m@2026-08-21");
    assert_eq!(id("2026-08-21T01:00:00+02:00"), "m@2026-01-01");
}

#[test]
fn a_dated_name_finds_its_own_price_before_that_of_its_family() {
    let book =
        parse(&(row("m", "2026-01-01", "2") + &row("m-2024-05-13", "2026-01-01", "5"))).unwrap();
    let id = |model: &str| {
        book.find(model, noon("2026-11-22"))
            .map(|row| row.id().to_owned())
    };
    assert_eq!(id("m-2024-05-13").unwrap(), "m-2024-05-13@2026-01-01");
    assert_eq!(id("m-2025-01-31").unwrap(), "m@2026-01-01");
    for stranger in [
        "",
        "M",
        "m-mini",
        "m-2024",
        "m-2024-05-1",
        "m-2024-05-13-x",
        "m-20240513",
        "-2024-05-13",
        "m-2024-05-13-2024-05-13-2024-05-13",
        "ü-2024-05-1",
        "é2024-05-13",
    ] {
        assert_eq!(
            id(stranger),
            Err(PriceError::Unknown {
                model: stranger.to_owned()
            })
        );
    }
}

#[test]
fn a_model_before_its_first_price_is_refused() {
    let book = parse(&row("m", "2026-01-01", "2")).unwrap();
    let error = book.find("m", noon("2025-12-31")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "find a price for model \"m\" before 2026-01-01"
    );
}

#[test]
fn unknown_models_are_free_only_if_the_book_is_told_so() {
    let sources = [source("prices.toml", &row("m", "2026-01-01", "2"))];
    let book = PriceBook::parse(&sources, UnknownPrice::Zero).unwrap();
    let free = book.find("qwen", noon("2026-01-01")).unwrap();
    assert_eq!(free.id(), "unpriced");
    assert_eq!(free.bound(u64::MAX, u64::MAX).pico(), 0);
    assert_eq!(
        book.find("m", noon("2026-01-01")).unwrap().id(),
        "m@2026-01-01"
    );
    assert_eq!(book.models().collect::<Vec<_>>(), ["m"]);
}

#[test]
fn an_empty_file_prices_nothing() {
    assert_eq!(parse("# nothing yet\n").unwrap().models().count(), 0);
}

#[test]
fn a_model_served_without_a_price_made_a_priced_call_free() {
    let sources = [source("prices.toml", &row("m", "2026-06-01", "2"))];
    for unknown in [UnknownPrice::Refuse, UnknownPrice::Zero] {
        let book = PriceBook::parse(&sources, unknown).unwrap();
        let id = |model: &str, day: &str| {
            let row = book.find_priced(model, noon(day));
            row.map(|row| row.id().to_owned())
        };
        let priced = Some("m@2026-06-01".to_owned());
        assert_eq!(id("m", "2026-06-01"), priced);
        assert_eq!(id("m-2026-05-31", "2026-06-01"), priced);
        assert_eq!(id("m", "2026-05-31"), None);
        assert_eq!(id("qwen", "2026-06-01"), None);
        assert_eq!(id("unpriced", "2026-06-01"), None);
    }
}

#[test]
fn a_name_with_a_version_finds_the_price_of_its_family() {
    for (name, family) in [
        ("text-embedding-ada-002-v2", Some("text-embedding-ada-002")),
        (
            "gpt-3.5-turbo-instruct:20230824-v2",
            Some("gpt-3.5-turbo-instruct"),
        ),
        ("gpt-4o-v", None),
        ("gpt-4o:mine-v2", None),
        ("gpt-4o:2023082-v2", None),
        ("-v2", Some("")),
    ] {
        assert_eq!(super::without_version(name), family, "{name}");
    }
}
