//! Usage objects as servers send them, and the disjoint classes they must give.
//!
//! Invariants: expectations are written by hand; the law holds for every usage object.
//! Does not know: the order in which fields are read.

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// In the order of the fields of [`Usage`].
type Classes = [u64; 6];

fn check(usage: &str, classes: Classes, flaw: Option<&'static str>) {
    let read = parse_usage(format!("{{\"usage\":{usage}}}").as_bytes())
        .unwrap_or_else(|| panic!("{usage} gives nothing"));
    assert_eq!(read, expected(classes, flaw), "{usage}");
}

fn expected(
    [
        input,
        cached_input,
        cache_write_30m,
        cache_write_12h,
        output,
        reasoning,
    ]: Classes,
    flaw: Option<&'static str>,
) -> Usage {
    Usage {
        input,
        cached_input,
        cache_write_30m,
        cache_write_12h,
        output,
        reasoning,
        flaw,
    }
}

#[test]
fn chat_usage_is_split_into_disjoint_classes() {
    check(
        r#"{"prompt_tokens":9,"completion_tokens":12,"total_tokens":21}"#,
        [9, 0, 0, 0, 12, 0],
        None,
    );
    check(
        r#"{"prompt_tokens":2006,"completion_tokens":300,"total_tokens":2306,
            "prompt_tokens_details":{"cached_tokens":1920,"audio_tokens":0,"cache_write_tokens":50},
            "completion_tokens_details":{"reasoning_tokens":192,"audio_tokens":0,"accepted_prediction_tokens":5,"rejected_prediction_tokens":7}}"#,
        [36, 1920, 50, 0, 108, 192],
        None,
    );
    check(
        r#"{"prompt_tokens":100,"completion_tokens":1,"prompt_tokens_details":null,"completion_tokens_details":{}}"#,
        [100, 0, 0, 0, 1, 0],
        None,
    );
}

#[test]
fn lives_of_cache_writes_are_told_apart() {
    check(
        r#"{"prompt_tokens":100,"completion_tokens":1,"prompt_tokens_details":{"cache_write_tokens":70,
            "cache_write_tokens_details":{"ttl_30m_tokens":30,"ttl_12h_tokens":40}}}"#,
        [30, 0, 30, 40, 1, 0],
        None,
    );
    check(
        r#"{"prompt_tokens":100,"completion_tokens":1,"prompt_tokens_details":{"cache_write_tokens":70,
            "cache_write_tokens_details":{"ttl_30m_tokens":30}}}"#,
        [30, 0, 30, 40, 1, 0],
        Some(LIVES_DIFFER),
    );
    check(
        r#"{"prompt_tokens":100,"completion_tokens":1,"prompt_tokens_details":{"cache_write_tokens":10,
            "cache_write_tokens_details":{"ttl_30m_tokens":30,"ttl_12h_tokens":40}}}"#,
        [30, 0, 30, 40, 1, 0],
        Some(LIVES_DIFFER),
    );
}

#[test]
fn embeddings_and_responses_are_read_too() {
    check(
        r#"{"prompt_tokens":16,"total_tokens":16}"#,
        [16, 0, 0, 0, 0, 0],
        None,
    );
    check(
        r#"{"input_tokens":328,"input_tokens_details":{"cached_tokens":128,"cache_write_tokens":100,
            "cache_write_tokens_details":{"ttl_30m_tokens":0,"ttl_12h_tokens":100}},
            "output_tokens":52,"output_tokens_details":{"reasoning_tokens":32},"total_tokens":380}"#,
        [100, 128, 0, 100, 20, 32],
        None,
    );
}

#[test]
fn a_report_that_contradicts_itself_is_charged_at_its_dearest_reading() {
    check(
        r#"{"prompt_tokens":100,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":90,"cache_write_tokens":20}}"#,
        [100, 90, 20, 0, 1, 0],
        Some(CACHE_EXCEEDS_INPUT),
    );
    check(
        r#"{"prompt_tokens":10,"completion_tokens":5,"total_tokens":35,"completion_tokens_details":{"reasoning_tokens":20}}"#,
        [10, 0, 0, 0, 5, 20],
        Some(REASONING_EXCEEDS_OUTPUT),
    );
    // Reasoning left out of completion_tokens, but not of the total.
    check(
        r#"{"prompt_tokens":10,"completion_tokens":20,"total_tokens":35,"completion_tokens_details":{"reasoning_tokens":5}}"#,
        [10, 0, 0, 0, 20, 5],
        Some(TOTAL_EXCEEDS_PARTS),
    );
}

#[test]
fn what_reports_nothing_or_cannot_be_read_gives_nothing() {
    for usage in [
        "null",
        "{}",
        r#"{"total_tokens":5}"#,
        r#"{"prompt_tokens":null}"#,
        r#""9""#,
        "[]",
        r#"{"prompt_tokens":-1}"#,
        r#"{"prompt_tokens":"9"}"#,
    ] {
        assert_eq!(
            parse_usage(format!("{{\"usage\":{usage}}}").as_bytes()),
            None,
            "{usage}"
        );
    }
    for body in [
        "",
        "{}",
        "[]",
        "null",
        "\"usage\"",
        "{\"usage\":{\"prompt_tokens\":1}",
    ] {
        assert_eq!(parse_usage(body.as_bytes()), None, "{body}");
    }
}

proptest! {
    #[test]
    fn the_classes_never_add_up_to_less_than_was_reported(
        prompt in 0u64..1000, completion in 0u64..1000, total in 0u64..5000, cached in 0u64..1000,
        written in 0u64..1000, short in 0u64..500, long in 0u64..500, lives in any::<bool>(), reasoning in 0u64..1000,
    ) {
        let mut details = json!({"cached_tokens": cached, "cache_write_tokens": written});
        if lives {
            details["cache_write_tokens_details"] = json!({"ttl_30m_tokens": short, "ttl_12h_tokens": long});
        }
        let body = json!({"usage": {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total,
            "prompt_tokens_details": details, "completion_tokens_details": {"reasoning_tokens": reasoning}}});
        let usage = parse_usage(body.to_string().as_bytes()).unwrap();
        prop_assert!(usage.input_total() >= prompt);
        prop_assert!(usage.cached_input == cached && usage.cache_write_30m + usage.cache_write_12h >= written);
        prop_assert!(usage.output_total() >= completion.max(reasoning));
        prop_assert!(usage.input_total() + usage.output_total() >= total);
        if usage.flaw.is_none() {
            prop_assert_eq!((usage.input_total(), usage.output_total()), (prompt, completion));
        }
    }
}
