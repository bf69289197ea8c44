//! Usage objects as servers send them, and the disjoint classes they must give.
//!
//! Invariants: expectations are written by hand; the law holds for every usage object.
//! Does not know: the order in which fields are read.

use proptest::prelude::*;
use serde_json::json;

use super::raw::{
    ANOTHER_MODEL, CACHE_EXCEEDS_INPUT, CACHED_PARTS_DIFFER, INPUT_PARTS_DIFFER, LIVES_DIFFER,
    OUTPUT_PARTS_EXCEED, REASONING_EXCEEDS_OUTPUT, TOTAL_EXCEEDS_PARTS,
};
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
        ..Usage::default()
    }
}

/// Usage with modalities: text in, images in and audio in, each plain and cached; text, images and audio out.
fn check_parts(
    usage: &str,
    plain: [u64; 3],
    cached: [u64; 3],
    output: [u64; 3],
    flaw: Option<&'static str>,
) {
    let read = parse_usage(format!("{{\"usage\":{usage}}}").as_bytes()).unwrap();
    let expected = Usage {
        input: plain[0],
        image_input: plain[1],
        audio_input: plain[2],
        cached_input: cached[0],
        cached_image_input: cached[1],
        cached_audio_input: cached[2],
        output: output[0],
        image_output: output[1],
        audio_output: output[2],
        flaw,
        ..Usage::default()
    };
    assert_eq!(read, expected, "{usage}");
}

#[test]
fn modalities_are_told_apart() {
    // Chat with audio in and out.
    check_parts(
        r#"{"prompt_tokens":100,"completion_tokens":50,"total_tokens":150,
            "prompt_tokens_details":{"audio_tokens":60,"cached_tokens":0,"text_tokens":40,"image_tokens":0},
            "completion_tokens_details":{"audio_tokens":30,"text_tokens":20,"reasoning_tokens":0}}"#,
        [40, 0, 60],
        [0, 0, 0],
        [20, 0, 30],
        None,
    );
    // Realtime names its details in the singular, and splits what is cached.
    check_parts(
        r#"{"total_tokens":253,"input_tokens":132,"output_tokens":121,
            "input_token_details":{"text_tokens":119,"audio_tokens":13,"image_tokens":0,"cached_tokens":64,
                "cached_tokens_details":{"text_tokens":60,"audio_tokens":4,"image_tokens":0}},
            "output_token_details":{"text_tokens":30,"audio_tokens":91}}"#,
        [59, 0, 9],
        [60, 0, 4],
        [30, 0, 91],
        None,
    );
    // Images: without details, the output is images.
    check_parts(
        r#"{"input_tokens":50,"output_tokens":1056,"total_tokens":1106,"input_tokens_details":{"text_tokens":10,"image_tokens":40}}"#,
        [10, 40, 0],
        [0, 0, 0],
        [0, 1056, 0],
        None,
    );
    check_parts(
        r#"{"input_tokens":50,"output_tokens":1056,"total_tokens":1106,"input_tokens_details":{"text_tokens":10,"image_tokens":40},
            "output_tokens_details":{"text_tokens":16,"image_tokens":1040}}"#,
        [10, 40, 0],
        [0, 0, 0],
        [16, 1040, 0],
        None,
    );
    // A transcription tells audio in and text out.
    check_parts(
        r#"{"type":"tokens","input_tokens":14,"input_token_details":{"text_tokens":0,"audio_tokens":14},"output_tokens":45,"total_tokens":59}"#,
        [0, 0, 14],
        [0, 0, 0],
        [45, 0, 0],
        None,
    );
}

#[test]
fn what_is_cached_is_taken_from_the_modality_that_saves_least() {
    let usage = |cached: u64| {
        format!(
            r#"{{"prompt_tokens":100,"completion_tokens":0,"prompt_tokens_details":{{"audio_tokens":30,"image_tokens":20,"cached_tokens":{cached}}}}}"#
        )
    };
    check_parts(&usage(45), [5, 20, 30], [45, 0, 0], [0; 3], None);
    check_parts(&usage(60), [0, 10, 30], [50, 10, 0], [0; 3], None);
    check_parts(&usage(99), [0, 0, 1], [50, 20, 29], [0; 3], None);
}

#[test]
fn modalities_that_do_not_add_up_are_charged_at_their_dearest_reading() {
    check_parts(
        r#"{"prompt_tokens":10,"completion_tokens":0,"prompt_tokens_details":{"audio_tokens":8,"image_tokens":7}}"#,
        [10, 7, 8],
        [0; 3],
        [0; 3],
        Some(INPUT_PARTS_DIFFER),
    );
    check_parts(
        r#"{"prompt_tokens":10,"completion_tokens":0,"prompt_tokens_details":{"audio_tokens":8,"text_tokens":5}}"#,
        [5, 0, 8],
        [0; 3],
        [0; 3],
        Some(INPUT_PARTS_DIFFER),
    );
    check_parts(
        r#"{"prompt_tokens":10,"completion_tokens":4,"completion_tokens_details":{"audio_tokens":3,"image_tokens":2}}"#,
        [10, 0, 0],
        [0; 3],
        [4, 2, 3],
        Some(OUTPUT_PARTS_EXCEED),
    );
    for details in [
        r#"{"text_tokens":2,"audio_tokens":0}"#,
        r#"{"text_tokens":0,"audio_tokens":2}"#,
    ] {
        let usage = format!(
            r#"{{"input_tokens":10,"output_tokens":0,"input_token_details":{{"text_tokens":9,"audio_tokens":1,"cached_tokens":3,"cached_tokens_details":{details}}}}}"#
        );
        check_parts(
            &usage,
            [7, 0, 1],
            [2, 0, 0],
            [0; 3],
            Some(CACHED_PARTS_DIFFER),
        );
    }
}

#[test]
fn a_length_of_time_is_billed_where_no_tokens_are() {
    let audio_ms = |usage: &str| {
        let read = parse_usage(format!("{{\"usage\":{usage}}}").as_bytes()).unwrap();
        (read.audio_ms, read.input_total() + read.output_total())
    };
    assert_eq!(
        audio_ms(r#"{"type":"duration","seconds":9}"#),
        (9000, 0),
        "OpenAI"
    );
    assert_eq!(audio_ms(r#"{"seconds":0.5}"#), (500, 0), "without a type");
    assert_eq!(
        audio_ms(r#"{"type":"tokens","seconds":9,"input_tokens":3,"output_tokens":4}"#),
        (0, 7),
        "told beside tokens"
    );
}

#[test]
fn hosted_tools_are_counted_beside_the_tokens() {
    let read = |tools: &str| {
        let body =
            format!(r#"{{"usage":{{"input_tokens":10,"output_tokens":5}},"tool_usage":{tools}}}"#);
        parse_usage(body.as_bytes()).unwrap()
    };
    let searched = read(r#"{"web_search":{"num_requests":3},"image_gen":null}"#);
    assert_eq!((searched.web_searches, searched.flaw), (3, None));
    let drawn = read(r#"{"image_gen":{"input_tokens":7,"output_tokens":272}}"#);
    assert_eq!(
        (drawn.image_input, drawn.image_output, drawn.flaw),
        (7, 272, Some(ANOTHER_MODEL))
    );
    assert_eq!(read("null"), expected([10, 0, 0, 0, 5, 0], None));
    let body = br#"{"usage":{"input_tokens":1,"output_tokens":2,"svg_usage":{"input_tokens":3,"output_tokens":4}}}"#;
    assert_eq!(
        parse_usage(body),
        Some(expected([4, 0, 0, 0, 6, 0], Some(ANOTHER_MODEL)))
    );
}

#[test]
fn cached_tokens_are_read_by_either_name() {
    check(
        r#"{"prompt_tokens":100,"completion_tokens":5,"total_tokens":105,"prompt_cache_hit_tokens":64,"prompt_cache_miss_tokens":36}"#,
        [36, 64, 0, 0, 5, 0],
        None,
    );
    check(
        r#"{"prompt_tokens":100,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":64},"prompt_cache_hit_tokens":64}"#,
        [36, 64, 0, 0, 5, 0],
        None,
    );
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
        (audio, image, audio_out, image_out) in (0u64..500, 0u64..500, 0u64..500, 0u64..500),
    ) {
        let mut details = json!({"cached_tokens": cached, "cache_write_tokens": written, "audio_tokens": audio, "image_tokens": image});
        if lives {
            details["cache_write_tokens_details"] = json!({"ttl_30m_tokens": short, "ttl_12h_tokens": long});
        }
        let body = json!({"usage": {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total,
            "prompt_tokens_details": details,
            "completion_tokens_details": {"reasoning_tokens": reasoning, "audio_tokens": audio_out, "image_tokens": image_out}}});
        let usage = parse_usage(body.to_string().as_bytes()).unwrap();
        prop_assert!(usage.input_total() >= prompt);
        prop_assert_eq!(usage.cached_input + usage.cached_image_input + usage.cached_audio_input, cached);
        prop_assert!(usage.cache_write_30m + usage.cache_write_12h >= written);
        prop_assert!(usage.audio_output >= audio_out && usage.image_output >= image_out);
        prop_assert!(usage.output_total() >= completion.max(reasoning));
        prop_assert!(usage.input_total() + usage.output_total() >= total);
        if usage.flaw.is_none() {
            prop_assert_eq!((usage.input_total(), usage.output_total()), (prompt, completion));
        }
    }
}
