//! Events of responses and of other typed streams, as servers send them, drifts included.
//!
//! Invariants: expectations are written by hand; a stream gives the same however it is cut.
//! Does not know: which server sends what today.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::sse::SseFramer;
use crate::wire::{Fault, HostedCalls};

fn event(data: &str) -> EventHead<'_> {
    EventHead::parse(data.as_bytes()).unwrap_or_else(|error| panic!("{data}: {error}"))
}

fn check_content(data: &str, bytes: usize) {
    assert_eq!(event(data).content_bytes, bytes, "{data}");
}

fn usage(input: u64, output: u64) -> Usage {
    Usage {
        input,
        output,
        ..Usage::default()
    }
}

/// The last event of a stream, with a response whose members are these.
fn last(kind: &str, response: &Value) -> String {
    json!({"type": kind, "sequence_number": 9, "response": response}).to_string()
}

#[test]
fn the_first_event_names_the_response_and_reports_nothing() {
    let head = event(
        r#"{"type":"response.created","sequence_number":0,"response":{"id":"resp_1","object":"response","status":"in_progress",
            "model":"gpt-6-luna-2026-08-01","service_tier":"auto","error":null,"incomplete_details":null,"output":[],"usage":null,
            "tools":[],"reasoning":{"effort":null},"text":{"format":{"type":"text"}}}}"#,
    );
    assert_eq!(head.kind.as_deref(), Some("response.created"));
    assert_eq!(
        (head.sequence_number, head.end, head.usage),
        (Some(0), None, None)
    );
    let response = head.response.unwrap();
    assert!(matches!(response.id, Some(Cow::Borrowed("resp_1"))));
    assert!(matches!(
        response.model,
        Some(Cow::Borrowed("gpt-6-luna-2026-08-01"))
    ));
    assert_eq!(response.status.as_deref(), Some("in_progress"));
    assert_eq!((head.content_bytes, head.error), (0, None));
}

#[test]
fn the_last_event_reports_tokens_and_hosted_tools() {
    let response = json!({"id": "resp_1", "model": "m-1", "status": "completed", "service_tier": "priority",
        "output": [{"type": "file_search_call"}, {"type": "code_interpreter_call", "container_id": "c"}, {"type": "web_search_call"}],
        "usage": {"input_tokens": 328, "output_tokens": 52, "total_tokens": 380,
            "input_tokens_details": {"cached_tokens": 128, "cache_write_tokens": 100,
                "cache_write_tokens_details": {"ttl_30m_tokens": 40, "ttl_12h_tokens": 60}},
            "output_tokens_details": {"reasoning_tokens": 32}},
        "tool_usage": {"web_search": {"num_requests": 3}}});
    let data = last("response.completed", &response);
    let head = event(&data);
    let expected = Usage {
        input: 100,
        cached_input: 128,
        cache_write_30m: 40,
        cache_write_12h: 60,
        output: 20,
        reasoning: 32,
        web_searches: 3,
        ..Usage::default()
    };
    assert_eq!(
        (head.end, head.usage),
        (Some(End::Completed), Some(expected))
    );
    let read = head.response.unwrap();
    assert_eq!(read.service_tier.as_deref(), Some("priority"));
    let hosted = HostedCalls {
        web_searches: 1,
        file_searches: 1,
        containers: 1,
    };
    assert_eq!(read.hosted_calls, hosted, "as they stand in the output");
    // A whole body of the same response says the same.
    let body = response.to_string();
    assert_eq!(
        AnswerHead::read(BodyKind::Response, body.as_bytes()).unwrap(),
        read
    );
}

#[test]
fn every_end_is_told_and_billed() {
    for (kind, end) in [
        ("response.completed", End::Completed),
        ("response.incomplete", End::Incomplete),
        ("response.failed", End::Failed),
        ("response.cancelled", End::Cancelled),
    ] {
        let data = last(
            kind,
            &json!({"usage": {"input_tokens": 1, "output_tokens": 2}}),
        );
        let head = event(&data);
        assert_eq!(
            (head.end, head.usage),
            (Some(end), Some(usage(1, 2))),
            "{kind}"
        );
        let data = last(kind, &json!({"usage": null}));
        assert_eq!(event(&data).usage, None, "{kind}");
    }
    let data = last(
        "response.incomplete",
        &json!({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}),
    );
    let response = event(&data).response.unwrap();
    assert_eq!(
        response.incomplete_reason.as_deref(),
        Some("max_output_tokens")
    );
}

#[test]
fn usage_before_the_end_is_no_report() {
    let running =
        json!({"status": "in_progress", "usage": {"input_tokens": 1, "output_tokens": 2}});
    for kind in [
        "response.created",
        "response.in_progress",
        "response.queued",
        "response.new_step",
    ] {
        let data = last(kind, &running);
        let head = event(&data);
        assert_eq!(
            (head.end, head.usage, head.response.unwrap().usage),
            (None, None, None),
            "{kind}"
        );
    }
    assert_eq!(
        event(r#"{"type":"x","usage":{"input_tokens":1}}"#).usage,
        None
    );
}

#[test]
fn errors_are_read_wherever_they_stand() {
    for (data, end, code, message) in [
        (
            r#"{"type":"error","sequence_number":3,"code":"server_error","message":"m","param":null}"#,
            End::Error,
            "server_error",
            "m",
        ),
        (
            r#"{"type":"error","error":{"type":"server_error","code":"overloaded","message":"m"}}"#,
            End::Error,
            "overloaded",
            "m",
        ),
        (
            r#"{"error":{"code":500,"message":"no type"}}"#,
            End::Error,
            "500",
            "no type",
        ),
        (
            r#"{"type":"response.failed","response":{"status":"failed","error":{"code":"rate_limit_exceeded","message":"m"}}}"#,
            End::Failed,
            "rate_limit_exceeded",
            "m",
        ),
    ] {
        let head = event(data);
        let error = head.error.unwrap();
        assert_eq!(
            (head.end, error.code.as_deref(), error.message.as_deref()),
            (Some(end), Some(code), Some(message)),
            "{data}"
        );
        assert_ne!(
            error.kind.as_deref(),
            Some("error"),
            "the type of the event is not that of the error"
        );
    }
    // A tool that failed, or a text by that name, is no error of the stream.
    let steered = r#"{"type":"response.steer.failed","error":{"code":"x","message":"m"}}"#;
    assert_eq!((event(steered).error, event(steered).end), (None, None));
    assert_eq!(
        event(r#"{"type":"response.mcp_call.failed","message":"m"}"#).error,
        None
    );
}

#[test]
fn text_counts_once_where_it_is_new() {
    check_content(
        r#"{"type":"response.output_text.delta","delta":"h\u00e9","logprobs":[]}"#,
        3,
    );
    check_content(r#"{"type":"response.output_text.done","text":"again"}"#, 0);
    check_content(r#"{"type":"response.refusal.delta","delta":"no"}"#, 2);
    check_content(
        r#"{"type":"response.reasoning_summary_text.delta","delta":"hm"}"#,
        2,
    );
    check_content(
        r#"{"type":"response.function_call_arguments.delta","delta":"{\"a\":","obfuscation":"xyz"}"#,
        5,
    );
    check_content(
        r#"{"type":"response.function_call_arguments.done","arguments":"{}"}"#,
        0,
    );
    check_content(
        r#"{"type":"response.output_item.added","item":{"type":"function_call","name":"find"}}"#,
        4,
    );
    check_content(
        r#"{"type":"response.output_item.done","item":{"type":"function_call","name":"find","arguments":"{}"}}"#,
        0,
    );
    check_content(
        r#"{"type":"response.content_part.added","part":{"type":"output_text","text":""}}"#,
        0,
    );
    check_content(
        r#"{"type":"response.image_generation_call.partial_image","partial_image_b64":"QUJD"}"#,
        4,
    );
    check_content(r#"{"type":"response.new.delta","delta":{"text":"abc"}}"#, 3);
    check_content(r#"{"type":"speech.audio.delta","audio":"QUJD"}"#, 4);
    check_content(r#"{"type":"transcript.text.delta","delta":"hey"}"#, 3);
    check_content(r#"{"type":"transcript.text.done","text":"hey"}"#, 0);
}

#[test]
fn ids_are_read_from_the_event_or_its_item() {
    let head = event(
        r#"{"type":"response.output_item.added","output_index":1,"item":{"id":"fc_1","type":"function_call","call_id":"call_1","name":"f"}}"#,
    );
    assert_eq!(
        (head.item_id.as_deref(), head.call_id.as_deref()),
        (Some("fc_1"), Some("call_1"))
    );
    let head = event(r#"{"type":"response.output_text.delta","item_id":"msg_1","delta":"x"}"#);
    assert!(matches!(head.item_id, Some(Cow::Borrowed("msg_1"))));
}

#[test]
fn unknown_events_and_odd_members_pass() {
    for data in [
        r#"{"type":"response.compaction.compacting","sequence_number":4,"new":{"deep":[1,{"a":"x"}]}}"#,
        r#"{"type":"response.steer.pending","response":"resp_1","item":["a"],"item_id":7,"call_id":null}"#,
        r#"{"type":"keepalive","sequence_number":"4"}"#,
        r#"{"type":7}"#,
        "{}",
    ] {
        let head = event(data);
        assert_eq!(
            (head.end, head.usage, head.content_bytes, head.error),
            (None, None, 0, None),
            "{data}"
        );
    }
}

#[test]
fn other_typed_streams_report_in_their_last_event() {
    let read = |kind, data: &'static str| {
        let head = EventHead::read(kind, data.as_bytes()).unwrap();
        assert_eq!(head.end, Some(End::Completed), "{data}");
        head.usage.unwrap()
    };
    let drawn = read(
        BodyKind::ImagesEvent,
        r#"{"type":"image_generation.completed","b64_json":"QUJD","usage":{"input_tokens":50,"output_tokens":1056,"total_tokens":1106,
            "input_tokens_details":{"text_tokens":10,"image_tokens":40}}}"#,
    );
    assert_eq!(
        (drawn.input, drawn.image_input, drawn.image_output),
        (10, 40, 1056)
    );
    let heard = read(
        BodyKind::TranscriptionEvent,
        r#"{"type":"transcript.text.done","text":"hey","usage":{"type":"tokens","input_tokens":14,"output_tokens":45,"total_tokens":59,
            "input_token_details":{"text_tokens":4,"audio_tokens":10}}}"#,
    );
    assert_eq!((heard.input, heard.audio_input, heard.output), (4, 10, 45));
    let said = read(
        BodyKind::SpeechEvent,
        r#"{"type":"speech.audio.done","usage":{"input_tokens":14,"output_tokens":101,"total_tokens":115}}"#,
    );
    assert_eq!((said.input, said.audio_output, said.output), (14, 101, 0));
}

#[test]
fn what_cannot_be_read_says_where_and_never_what() {
    for (data, fault) in [
        ("", Fault::Short),
        ("[\"mark\"]", Fault::Shape),
        ("{\"type\":\"mark\",\"type\":\"mark\"}", Fault::Shape),
        ("{\"type\":\"a\",\"typ\\u0065\":\"mark\"}", Fault::Shape),
        ("{\"delta\":\"mark\",\"delta\":\"mark\"}", Fault::Shape),
        (
            "{\"response\":{\"usage\":null,\"usage\":{\"mark\":1}}}",
            Fault::Shape,
        ),
        ("{\"item\":{\"id\":\"mark\",\"id\":\"mark\"}}", Fault::Shape),
        ("{\"response\":{\"usage\":\"mark\"}}", Fault::Shape),
        ("{\"response\":{\"usage\":[\"mark\"]}}", Fault::Shape),
        (
            "{\"response\":{\"usage\":{\"input_tokens\":\"mark\"}}}",
            Fault::Shape,
        ),
        (
            "{\"response\":{\"usage\":{\"output_tokens\":-1}}}",
            Fault::Shape,
        ),
        ("{} mark", Fault::Syntax),
    ] {
        let error = EventHead::parse(data.as_bytes()).unwrap_err();
        assert_eq!(error.fault, fault, "{data}");
        assert!(
            !format!("{error} {error:?}").contains("mark"),
            "{data}: {error}"
        );
    }
}

/// A short response as a stream.
fn stream() -> String {
    let usage = json!({"input_tokens": 9, "output_tokens": 4, "total_tokens": 13,
        "output_tokens_details": {"reasoning_tokens": 1}});
    let events = [
        json!({"type": "response.created", "sequence_number": 0, "response": {"id": "resp_1", "usage": null}}),
        json!({"type": "response.output_item.added", "sequence_number": 1, "item": {"id": "msg_1", "type": "message"}}),
        json!({"type": "response.output_text.delta", "sequence_number": 2, "item_id": "msg_1", "delta": "h\u{e9}\u{1f600}"}),
        json!({"type": "response.new", "sequence_number": 3}),
        json!({"type": "response.completed", "sequence_number": 4, "response": {"id": "resp_1", "usage": usage}}),
    ];
    let framed = |event: &Value| {
        format!(
            "event: {}\ndata: {event}\n\n",
            event["type"].as_str().unwrap()
        )
    };
    events.iter().map(framed).collect()
}

/// What is read of a stream that comes in these pieces: kinds, text bytes, usage.
fn read_pieces(pieces: &[&[u8]]) -> (Vec<String>, usize, Option<Usage>) {
    let mut framer = SseFramer::new();
    let (mut kinds, mut bytes, mut usage) = (Vec::new(), 0, None);
    for piece in pieces {
        framer.push(piece.to_vec().into()).unwrap();
        while let Some(frame) = framer.next_frame() {
            let data = frame.data();
            let head = EventHead::parse(&data).unwrap();
            bytes += head.content_bytes;
            usage = head.usage.or(usage);
            kinds.push(head.kind.unwrap().into_owned());
        }
    }
    (kinds, bytes, usage)
}

#[test]
fn a_stream_gives_the_same_however_it_is_cut() {
    let whole = stream();
    let whole = whole.as_bytes();
    let expected = read_pieces(&[whole]);
    let reasoned = Usage {
        reasoning: 1,
        ..usage(9, 3)
    };
    assert_eq!(
        (expected.0.len(), expected.1, expected.2),
        (5, 7, Some(reasoned))
    );
    for cut in 0..=whole.len() {
        assert_eq!(
            read_pieces(&[&whole[..cut], &whole[cut..]]),
            expected,
            "{cut}"
        );
    }
    let bytes: Vec<&[u8]> = whole.chunks(1).collect();
    assert_eq!(read_pieces(&bytes), expected);
}

#[test]
fn an_event_that_is_cut_short_is_never_read() {
    let data = last(
        "response.completed",
        &json!({"usage": {"input_tokens": 12, "output_tokens": 34}}),
    );
    for cut in 0..data.len() {
        let error = EventHead::parse(&data.as_bytes()[..cut]).unwrap_err();
        assert_eq!(error.fault, Fault::Short, "{cut}");
    }
}

/// Any JSON, small.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z\\\\\"é😀\n]{0,4}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let members =
            prop::collection::btree_map("(type|id|name|delta|usage|new)", inner.clone(), 0..4);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::from),
            members.prop_map(|members| members.into_iter().collect()),
        ]
    })
}

/// The bytes of all strings in a value.
fn text_bytes(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(values) => values.iter().map(text_bytes).sum(),
        Value::Object(members) => members.values().map(text_bytes).sum(),
        _ => 0,
    }
}

proptest! {
    #[test]
    fn members_may_stand_in_any_order(order in Just([0_usize, 1, 2, 3, 4]).prop_shuffle()) {
        let members = [
            r#""type":"response.completed""#,
            r#""sequence_number":4"#,
            r#""response":{"usage":{"output_tokens":2,"input_tokens":1},"id":"resp_1"}"#,
            r#""item_id":"msg_1""#,
            r#""new":{"usage":{"input_tokens":7},"type":"x"}"#,
        ];
        let data = format!("{{{}}}", order.map(|place| members[place]).join(","));
        let head = event(&data);
        prop_assert_eq!(head.usage, Some(usage(1, 2)));
        prop_assert_eq!((head.end, head.sequence_number), (Some(End::Completed), Some(4)));
        prop_assert_eq!(head.item_id.as_deref(), Some("msg_1"));
    }

    #[test]
    fn whatever_an_event_holds_it_is_read_as_a_tree_would_be(
        kind in r"(response\.(output_text\.(delta|done)|output_item\.(added|done)|new)|x|)",
        numbered in any::<u64>(),
        members in prop::collection::btree_map("(item|item_id|call_id|delta|part|message|code|new)", json(), 0..6),
    ) {
        let mut tree: Value = members.into_iter().collect();
        tree["type"] = json!(kind);
        tree["sequence_number"] = json!(numbered);
        let data = tree.to_string();
        let head = event(&data);
        prop_assert_eq!(head.kind.as_deref().unwrap_or_default(), kind.as_str());
        prop_assert_eq!(head.sequence_number, Some(numbered));
        let named = if kind == "response.output_item.added" { text_bytes(&tree["item"]["name"]) } else { 0 };
        prop_assert_eq!(head.content_bytes, text_bytes(&tree["delta"]) + named);
        let named = |value: &Value| match value {
            Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
            Value::Number(_) => Some("a number".to_owned()),
            _ => None,
        };
        let item = named(&tree["item_id"]).or_else(|| named(&tree["item"]["id"]));
        if item.as_deref() != Some("a number") {
            prop_assert_eq!(head.item_id.as_deref(), item.as_deref());
        }
        prop_assert_eq!((head.end, head.usage, head.error), (None, None, None));
    }
}
