//! Heads of answers and chunks as servers send them, drifts included.
//!
//! Invariants: no message of an error quotes the input.
//! Does not know: which server sends what today.

use super::*;

fn usage(input: u64, output: u64) -> Usage {
    Usage {
        input,
        output,
        ..Usage::default()
    }
}

fn chunk(data: &str) -> ChunkHead<'_> {
    ChunkHead::parse(data.as_bytes()).unwrap_or_else(|error| panic!("{data}: {error}"))
}

fn check_content(delta: &str, bytes: usize) {
    let data = format!("{{\"choices\":[{{\"index\":0,\"delta\":{delta}}}]}}");
    assert_eq!(chunk(&data).content_bytes, bytes, "{delta}");
}

#[test]
fn the_head_of_a_whole_answer_is_borrowed() {
    let body = br#"{"id":"chatcmpl-1","object":"chat.completion","model":"gpt-4o-mini-2024-07-18","choices":[{"message":{"content":"hi"}}],
        "usage":{"prompt_tokens":9,"completion_tokens":12,"total_tokens":21},"service_tier":"default","system_fingerprint":null}"#;
    let head = AnswerHead::parse(body).unwrap();
    assert!(matches!(
        head.model,
        Some(Cow::Borrowed("gpt-4o-mini-2024-07-18"))
    ));
    assert!(matches!(head.service_tier, Some(Cow::Borrowed("default"))));
    assert_eq!(
        (head.id.as_deref(), head.usage, head.error),
        (Some("chatcmpl-1"), Some(usage(9, 12)), None)
    );
}

#[test]
fn names_are_compared_decoded() {
    let head =
        AnswerHead::parse(br#"{"mod\u0065l":"gpt-\u0034o","usag\u0065":{"prompt_tokens":1}}"#)
            .unwrap();
    assert_eq!(
        (head.model.as_deref(), head.usage),
        (Some("gpt-4o"), Some(usage(1, 0)))
    );
}

#[test]
fn an_answer_without_a_head_is_empty_and_an_error_with_status_200_shows() {
    assert_eq!(
        AnswerHead::parse(br#"{"model":"","service_tier":null,"usage":null,"error":null}"#)
            .unwrap(),
        AnswerHead::default()
    );
    let head = AnswerHead::parse(br#"{"id":7,"error":{"code":500,"message":"m"}}"#).unwrap();
    assert_eq!(
        (head.id.as_deref(), head.error.unwrap().code.as_deref()),
        (Some("7"), Some("500"))
    );
}

#[test]
fn what_cannot_be_read_says_where_and_never_what() {
    for (body, fault) in [
        ("", Fault::Short),
        ("   ", Fault::Short),
        ("{\"usage\":{\"prompt_tokens\":1", Fault::Short),
        ("<html>mark</html>", Fault::Shape),
        ("{\"a\":mark}", Fault::Syntax),
        ("{} mark", Fault::Syntax),
        ("[\"mark\"]", Fault::Shape),
        ("\"mark\"", Fault::Shape),
        ("{\"model\":\"mark\",\"model\":\"mark\"}", Fault::Shape),
        ("{\"model\":{\"mark\":1}}", Fault::Shape),
        ("{\"usage\":\"mark\"}", Fault::Shape),
        ("{\"usage\":{\"prompt_tokens\":\"mark\"}}", Fault::Shape),
        ("{\"usage\":{\"prompt_tokens\":-1}}", Fault::Shape),
    ] {
        let error = AnswerHead::parse(body.as_bytes()).unwrap_err();
        assert_eq!(error.fault, fault, "{body}");
        assert!(
            !format!("{error} {error:?}").contains("mark"),
            "{body}: {error}"
        );
        assert!(ChunkHead::parse(body.as_bytes()).is_err(), "{body}");
    }
}

#[test]
fn a_content_chunk_and_the_usage_chunk_are_told_apart() {
    let first = chunk(
        r#"{"id":"chatcmpl-1","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null}"#,
    );
    assert_eq!(
        (first.usage, first.choices_empty, first.content_bytes),
        (ChunkUsage::Null, false, 0)
    );
    let content = chunk(
        r#"{"choices":[{"index":0,"delta":{"content":"h\u00e9"},"finish_reason":null}],"obfuscation":"xyz"}"#,
    );
    assert_eq!(
        (content.usage, content.content_bytes),
        (ChunkUsage::Absent, 3)
    );
    let last = chunk(
        r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"},{"index":1,"delta":{},"finish_reason":"length"}]}"#,
    );
    assert_eq!(last.finish_reasons, ["stop", "length"]);
    let used = chunk(r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}"#);
    assert_eq!(
        (used.usage.reported(), used.choices_empty),
        (Some(usage(3, 4)), true)
    );
}

#[test]
fn drifts_of_compatible_servers_are_read() {
    // Azure: filter results first, no choices.
    assert!(
        chunk(r#"{"id":"","model":"","choices":[],"prompt_filter_results":[{"prompt_index":0}]}"#)
            .choices_empty
    );
    assert!(chunk(r#"{"object":"x"}"#).choices_empty);
    assert!(chunk(r#"{"choices":null}"#).choices_empty);
    // A gateway that adds a chunk of its own.
    assert_eq!(
        chunk(r#"{"choices":[],"cost":"0"}"#),
        ChunkHead {
            choices_empty: true,
            ..ChunkHead::default()
        }
    );
    // Usage beside content, and usage without counts.
    let both = chunk(
        r#"{"choices":[{"delta":{"content":"x"}}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}"#,
    );
    assert_eq!(
        (both.usage.reported(), both.content_bytes),
        (Some(usage(1, 1)), 1)
    );
    assert_eq!(
        chunk(r#"{"choices":[],"usage":{}}"#).usage,
        ChunkUsage::Null
    );
    // Errors inside a stream of status 200.
    assert_eq!(
        chunk(r#"{"error":{"code":400,"message":"m","type":"t"}}"#)
            .error
            .unwrap()
            .code
            .as_deref(),
        Some("400")
    );
    assert_eq!(
        chunk(r#"{"error":"no memory"}"#)
            .error
            .unwrap()
            .message
            .as_deref(),
        Some("no memory")
    );
    assert_eq!(chunk(r#"{"error":null,"choices":[]}"#).error, None);
}

#[test]
fn all_generated_text_counts_wherever_it_stands() {
    check_content("{}", 0);
    check_content(
        r#"{"role":"assistant","content":null,"refusal":null,"tool_calls":null}"#,
        0,
    );
    check_content(r#"{"content":"four"}"#, 4);
    check_content(r#"{"refusal":"no"}"#, 2);
    check_content(r#"{"reasoning_content":"hm","reasoning":"hm"}"#, 2);
    check_content(
        r#"{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"f","arguments":"{\"a\":"}}]}"#,
        6,
    );
    check_content(
        r#"{"tool_calls":[{"id":"call_1","custom":{"input":"abc"}}]}"#,
        3,
    );
    check_content(r#"{"function_call":{"name":"f","arguments":"{}"}}"#, 3);
    check_content(r#"{"content":[{"type":"text","text":"abc"}]}"#, 7);
    check_content(
        r#"{"audio":{"id":"a","data":"QUJD","transcript":"hey"}}"#,
        7,
    );
    assert_eq!(chunk(r#"{"choices":[{"text":"older"}]}"#).content_bytes, 5);
    assert_eq!(
        chunk(r#"{"choices":[{"message":{"content":"at once"}}]}"#).content_bytes,
        7
    );
}
