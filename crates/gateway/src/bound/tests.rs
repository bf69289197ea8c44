//! Bounds of requests as they come, by hand and by law.
//!
//! Invariants: prices are those that ship; expected sums are worked out by hand.
//! Does not know: budgets.

use std::sync::{Arc, LazyLock};

use cost_accounting::{PriceBook, PriceSource, UnknownPrice, Usage};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::object::Object;

static BOOK: LazyLock<PriceBook> = LazyLock::new(|| {
    let source = PriceSource {
        name: "prices.toml".to_owned(),
        text: include_str!("../../../../config/prices.toml").to_owned(),
    };
    PriceBook::parse(&[source], UnknownPrice::Refuse).unwrap()
});

fn row(model: &str) -> Arc<PriceRow> {
    let now = "2026-11-22T12:00:00Z".parse().unwrap();
    BOOK.find(model, now).unwrap()
}

fn basis(operation: Operation, body: &Value) -> Basis {
    let body = Bytes::from(body.to_string());
    let object = Object::read(&body).unwrap();
    Basis::new(&Request::read(operation, &body, &object).unwrap(), &object)
}

/// A chat with these members beside model and messages.
fn chat(members: &Value) -> Basis {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}], "service_tier": "default"});
    for (name, value) in members.as_object().unwrap() {
        body[name] = value.clone();
    }
    basis(Operation::Chat, &body)
}

fn embeddings(input: &Value) -> Basis {
    basis(
        Operation::Embeddings,
        &json!({"model": "m", "input": input}),
    )
}

/// The tokens in and out that are bounded for a chat.
fn check(members: &Value, model: &str, input: u64, output: u64) {
    let (basis, row) = (chat(members), row(model));
    let limits = basis.limits(&row, basis.text_bytes());
    assert_eq!(
        (limits.input_tokens, limits.output_tokens),
        (input, output),
        "{members}"
    );
}

#[test]
fn a_text_is_bounded_by_its_bytes() {
    // The body and its framing: 64, and 8 for the message.
    let body = r#"{"model":"m","messages":[{"role":"user","content":"hi"}],"service_tier":"default","max_tokens":10}"#;
    let input = body.len() as u64 + 72;
    check(&json!({"max_tokens": 10}), "gpt-4o-mini", input, 10);
    // gpt-4o-mini at the standard tier: 0.15 in and 0.60 out.
    let pico = i128::from(input) * 150_000 + 10 * 600_000;
    let basis = chat(&json!({"max_tokens": 10}));
    assert_eq!(basis.bytes(&row("gpt-4o-mini")).pico(), pico);
    // gpt-6-luna may write all of it to the cache for 12 hours: 0.25 in and 0.50 out.
    let pico = i128::from(input) * 250_000 + 10 * 500_000;
    assert_eq!(basis.bytes(&row("gpt-6-luna")).pico(), pico);
}

#[test]
fn the_output_is_bounded_for_every_choice_by_the_caller_or_the_model() {
    let input = |members: &Value| chat(members).body.len() as u64 + 72;
    for (members, output) in [
        (json!({}), 16_384),
        (json!({"n": 3}), 3 * 16_384),
        (json!({"n": 3, "max_completion_tokens": 7}), 21),
        (json!({"max_tokens": 99_999_999}), 16_384),
    ] {
        check(&members, "gpt-4o-mini", input(&members), output);
    }
    let completion =
        json!({"model": "m", "prompt": ["a", "b"], "n": 3, "best_of": 5, "max_tokens": 7});
    let basis = basis(Operation::Completions, &completion);
    assert_eq!(
        basis
            .limits(&row("gpt-3.5-turbo-instruct"), 9)
            .output_tokens,
        2 * 5 * 7
    );
    // A model without a known maximum: what the caller says, whatever it says.
    let members = json!({"max_tokens": 99_999_999});
    check(&members, "gpt-5.5-cyber", input(&members), 99_999_999);
    check(&json!({}), "gpt-5.5-cyber", input(&json!({})), 128_000);
}

#[test]
fn images_are_bounded_by_the_published_maximum_and_not_by_their_links() {
    let content = |link: &str, detail: &str| {
        json!({"messages": [{"role": "user", "content": [
            {"type": "text", "text": "look"},
            {"type": "image_url", "image_url": {"url": link, "detail": detail}},
        ]}], "max_tokens": 1})
    };
    for link in ["x", &"x".repeat(100_000)] {
        let members = content(link, "low");
        let around = chat(&members).text_bytes() + 64 + 3 * 8;
        assert!(around < 300, "{around}");
        check(&members, "gpt-4o", around + 85, 1);
        check(&content(link, "high"), "gpt-4o", around + 1_445, 1);
        check(&members, "gpt-4o-mini", around + 2_833, 1);
        // None is published for this model: its longest input.
        check(&members, "gpt-6-luna", 922_000, 1);
        check(&content(link, "original"), "gpt-4o", 128_000, 1);
    }
}

#[test]
fn what_the_body_does_not_bound_is_bounded_by_the_longest_input() {
    let audio = json!({"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}]}], "max_tokens": 1});
    check(&audio, "gpt-audio", 128_000, 1);
    // All of it may be audio, at 32.
    let pico = 128_000 * 32_000_000 + 10_000_000;
    assert_eq!(chat(&audio).bytes(&row("gpt-audio")).pico(), pico);
    check(
        &json!({"previous_response_id": "resp_1", "max_tokens": 1}),
        "gpt-4o",
        128_000,
        1,
    );
    // A longer input is refused, free of charge.
    let long =
        json!({"messages": [{"role": "user", "content": "x".repeat(200_000)}], "max_tokens": 1});
    check(&long, "gpt-4o", 128_000, 1);
    // Unless nobody knows how long it may be.
    let length = chat(&long).body.len() as u64 + 72;
    check(&long, "gpt-5.5-cyber", length, 1);
    let stored = json!({"conversation": "conv_1", "max_tokens": 1});
    check(&stored, "gpt-5.5-cyber", INPUT_TOKENS_FALLBACK, 1);
}

#[test]
fn hosted_tools_cost_their_fees_and_a_round_of_input_for_every_call() {
    let tools = json!({"tools": [{"type": "web_search"}, {"type": "file_search"}], "max_tool_calls": 3, "max_tokens": 1});
    check(&tools, "gpt-4o", 4 * 128_000, 1);
    let basis = chat(&tools);
    // 512,000 x 2.50, one token at 10, three searches of each kind: 3 x 0.025, which is the dearest known, and 3 x 0.0025.
    let usd = basis.bytes(&row("gpt-4o")).to_string();
    assert_eq!(usd, "1.36251");
    assert_eq!(
        basis.boundless(&row("gpt-4o")),
        Some(Boundless::HostedTools)
    );
    assert_eq!(basis.hosted().calls_max, Some(3));
}

#[test]
fn spoken_answers_are_bounded_as_audio_and_written_ones_are_not() {
    let written = json!({"max_tokens": 100});
    let spoken =
        json!({"max_tokens": 100, "modalities": ["text", "audio"], "audio": {"voice": "alloy"}});
    let output = |members: &Value| {
        let basis = chat(members);
        let input = basis.limits(&row("gpt-audio"), 0).input_tokens;
        basis.bound(&row("gpt-audio"), 0).pico() - i128::from(input) * 2_500_000
    };
    assert_eq!(output(&written), 100 * 10_000_000);
    assert_eq!(output(&spoken), 100 * 64_000_000);
}

#[test]
fn embeddings_are_bounded_by_their_bytes_and_counted_in_their_encoding() {
    let ada = row("text-embedding-ada-002");
    let text = "sixteen tokens ".repeat(100);
    let ids: Vec<u32> = (100_000..100_300).collect();
    for input in [json!(text), json!([text, text]), json!(ids), json!([ids])] {
        let basis = embeddings(&input);
        let bytes = (basis.body.len() as i128 + 64) * 100_000;
        assert_eq!(basis.bytes(&ada).pico(), bytes);
        let counted = basis.counted(&ada).pico();
        assert!(counted * 3 < bytes, "{counted} of {bytes}");
    }
    // 300 ids, a tenth more, and what is around them.
    let counted = embeddings(&json!(ids)).counted(&ada).pico() / 100_000;
    assert!((330..430).contains(&counted), "{counted}");
    // Many texts are more than the longest one.
    let batch = embeddings(&json!(vec!["x".repeat(8_000); 100]));
    assert!(batch.bytes(&ada).pico() > 800_000 * 100_000);
}

#[test]
fn a_count_of_ordinary_text_is_a_fraction_of_its_bytes() {
    let text = "The quick brown fox jumps over the lazy dog, and nobody counts it. ".repeat(60);
    let basis = chat(&json!({"messages": [{"role": "user", "content": text}], "max_tokens": 1}));
    for model in ["gpt-4o-mini", "gpt-3.5-turbo", "gpt-6-luna"] {
        let (bytes, counted) = (
            basis.bytes(&row(model)).pico(),
            basis.counted(&row(model)).pico(),
        );
        assert!(
            counted * 2 < bytes && counted * 6 > bytes,
            "{model}: {counted} of {bytes}"
        );
    }
    let unknown = row("davinci-002");
    assert_eq!(basis.counted(&unknown), basis.bytes(&unknown));
}

#[test]
fn a_prediction_that_is_not_taken_is_bounded_as_output() {
    let prediction = json!({"type": "content", "content": "a guess"});
    let bytes = prediction.to_string().len() as u64;
    let members = json!({"max_tokens": 10, "n": 2, "prediction": prediction});
    let input = chat(&members).body.len() as u64 + 72;
    check(&members, "gpt-4o-mini", input, 2 * (10 + bytes));
}

#[test]
fn a_member_that_stands_twice_in_a_message_counts_twice() {
    let long = "word ".repeat(2_000);
    let tokens = |content: &str| {
        let body = format!(r#"{{"messages":[{{"role":"user",{content}}}]}}"#);
        tokens::count("gpt-4o-mini", Operation::Chat, body.as_bytes()).unwrap()
    };
    let once = tokens(&format!(r#""content":"{long}""#));
    let hidden = tokens(&format!(r#""content":"{long}","content":"hi""#));
    assert!(once > 2_000 && hidden > once, "{hidden} of {once}");
}

#[test]
fn the_tier_is_named_where_the_caller_named_none() {
    let unnamed = || chat(&json!({"service_tier": null}));
    let edit = ("service_tier", "\"default\"");
    let (mini, ada) = (row("gpt-4o-mini"), row("text-embedding-ada-002"));
    let mut basis = unnamed();
    let every = basis.bytes(&mini);
    assert_eq!(basis.explicit_tier(&mini, true), Some(edit));
    assert!(basis.bytes(&mini) < every, "priority is dearer");
    assert_eq!(basis.explicit_tier(&mini, true), None, "once");
    // A server that may not know the field does not get it.
    assert_eq!(unnamed().explicit_tier(&mini, false), None);
    assert_eq!(
        unnamed().explicit_tier(&row("davinci-002"), true),
        None,
        "legacy completions"
    );
    assert_eq!(embeddings(&json!("x")).explicit_tier(&ada, true), None);
    for tier in ["auto", "flex", "priority", "default", "scale"] {
        let mut named = chat(&json!({"service_tier": tier}));
        assert_eq!(named.explicit_tier(&mini, true), None, "{tier}");
    }
}

#[test]
fn an_answer_without_a_maximum_is_capped_by_one_percent_of_the_tightest_limit() {
    let usd = |usd: &str| Some(PicoUsd::from_usd(usd).unwrap());
    let cap = |members: &Value, model: &str, limit| {
        let mut basis = chat(members);
        let cap = basis.output_cap(&row(model), limit, 4_096);
        if let Some(cap) = cap {
            let choices = basis.choices;
            assert_eq!(basis.output(&row(model)), cap.tokens * choices);
        }
        cap.map(|cap| (cap.tokens, cap.field))
    };
    let none = json!({});
    let field = "max_completion_tokens";
    // 1 % of 0.50 USD is 0.005, which buys 8,333 tokens at 0.60 a million.
    assert_eq!(cap(&none, "gpt-4o-mini", usd("0.5")), Some((8_333, field)));
    assert_eq!(
        cap(&none, "gpt-4o-mini", usd("0.01")),
        Some((4_096, field)),
        "the least"
    );
    assert_eq!(
        cap(&none, "gpt-4o-mini", usd("5")),
        Some((16_384, field)),
        "the model's own"
    );
    assert_eq!(
        cap(&json!({"n": 2}), "gpt-4o-mini", usd("0.6")),
        Some((5_000, field)),
        "each of two choices"
    );
    assert_eq!(cap(&none, "o1-pro", usd("1")), Some((4_096, field)));
    assert_eq!(
        cap(&none, "gpt-3.5-turbo-instruct", usd("1")).unwrap().1,
        "max_tokens"
    );
    assert_eq!(cap(&none, "gpt-4o-mini", None), None, "no budget binds");
    assert_eq!(
        cap(&json!({"max_tokens": 9}), "gpt-4o-mini", usd("1")),
        None
    );
    let ada = row("text-embedding-ada-002");
    assert_eq!(
        embeddings(&json!("x")).output_cap(&ada, usd("1"), 4_096),
        None
    );
}

#[test]
fn a_free_model_is_not_capped() {
    let source = PriceSource {
        name: "none".to_owned(),
        text: String::new(),
    };
    let book = PriceBook::parse(&[source], UnknownPrice::Zero).unwrap();
    let free = book
        .find("qwen", "2026-11-22T12:00:00Z".parse().unwrap())
        .unwrap();
    let mut basis = chat(&json!({}));
    assert_eq!(
        basis.output_cap(&free, Some(PicoUsd::from_pico(1)), 4_096),
        None
    );
    assert_eq!(basis.bytes(&free), PicoUsd::ZERO);
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-z ]{0,400}",
        "[\u{10000}-\u{10400}]{0,60}",
        "\\PC{0,80}"
    ]
}

fn models() -> impl Strategy<Value = Arc<PriceRow>> {
    let rows: Vec<Arc<PriceRow>> = BOOK.rows().cloned().map(Arc::new).collect();
    proptest::sample::select(rows)
}

proptest! {
    // Every case counts tokens, in a debug build.
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn no_answer_to_a_text_costs_more_than_its_bound(
        row in models(), text in texts(), tier in proptest::sample::select(vec!["default", "flex", "priority", "auto"]),
        (choices, output) in (1_u64..4, 1_u64..300), shares in proptest::array::uniform4(0_u64..=100),
    ) {
        let basis = chat(&json!({"messages": [{"role": "user", "content": text}], "n": choices, "max_tokens": output, "service_tier": tier}));
        let bytes = basis.bytes(&row);
        let counted = basis.counted(&row);
        prop_assert!(counted <= bytes);
        // The text as the upstream's tokenizer cuts it, in classes as it likes, and all the output that was allowed.
        let tokens = bpe_openai::cl100k_base().count(text.as_str()).max(bpe_openai::o200k_base().count(text.as_str())) as u64 + 7;
        let mut usage = Usage { output: output * choices, ..Usage::default() };
        let mut left = tokens;
        for (class, share) in [&mut usage.cached_input, &mut usage.cache_write_30m, &mut usage.cache_write_12h, &mut usage.input].into_iter().zip(shares) {
            *class = left * share / 100;
            left -= *class;
        }
        usage.input += left;
        usage.reasoning = usage.output * shares[0] / 100;
        usage.output -= usage.reasoning;
        // A model that can't give so much refuses to.
        if row.output_tokens_max().is_none_or(|most| output <= most) {
            for tier in basis.shape.tiers {
                prop_assert!(row.cost_at(*tier, &usage).is_none_or(|cost| cost <= bytes && cost <= counted));
            }
        }
    }

    #[test]
    fn a_longer_text_is_never_bounded_lower(row in models(), text in texts(), more in texts()) {
        let bound = |text: &str| chat(&json!({"messages": [{"role": "user", "content": text}]})).bytes(&row);
        let longer = text.clone() + &more;
        prop_assert!(bound(&longer) >= bound(&text));
    }
}
