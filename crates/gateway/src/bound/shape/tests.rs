//! Bodies, and what is found in them that a length does not tell.
//!
//! Invariants: whatever is not plainly text is boundless.
//! Does not know: prices.

use super::*;

fn shape_of(body: &[u8]) -> Shape {
    Shape::read(&Object::read(body).unwrap())
}

fn message(content: &str) -> String {
    format!(r#"{{"messages":[{{"role":"user","content":{content}}}]}}"#)
}

fn check(body: &str, expected: Option<Boundless>) {
    let shape = shape_of(body.as_bytes());
    assert_eq!(shape.boundless(), expected, "{body}");
    let modalities = shape.modalities();
    assert_eq!(
        modalities.audio_input,
        expected.is_some(),
        "what is not known may be audio: {body}"
    );
}

#[test]
fn text_is_bounded_by_its_bytes_however_it_is_spelled() {
    for body in [
        r#"{"messages":[]}"#.to_owned(),
        message("\"image_url\""),
        message("null"),
        message(r#"["text", {"type":"text","text":"hi"},{"type":"refusal","refusal":"no"}]"#),
        message(r#"[{"t\u0079pe":"te\u0078t","text":"hi"}]"#),
        r#"{"messages":[{"content":null,"audio":null,"tool_calls":[{"type":"function"}]}],"tools":[{"type":"function","function":{}}]}"#.to_owned(),
        r#"{"input":"text","previous_response_id":null,"prompt":"text"}"#.to_owned(),
        r#"{"input":[{"type":"function_call_output","output":"text"},{"content":[{"type":"input_text","text":"a"}]}]}"#.to_owned(),
    ] {
        check(&body, None);
    }
}

fn check_all(bodies: &[(String, Boundless)]) {
    for (body, why) in bodies {
        check(body, Some(*why));
    }
}

#[test]
fn a_part_that_is_not_plainly_text_is_boundless() {
    use Boundless::{Audio, File, Image, Unknown};
    let parts = [
        (r#"[{"type":"input_audio","input_audio":{}}]"#, Audio),
        (r#"[{"type":"file","file":{"file_id":"x"}}]"#, File),
        (r#"[{"type":"input_file"}]"#, File),
        (r#"[{"type":"video_url"}]"#, Unknown),
        (r#"[{"text":"hi"}]"#, Unknown),
        (r#"[{"type":"text","image_url":"x"}]"#, Unknown),
        (r#"[{"type":"text","type":"image_url"}]"#, Unknown),
        (r#"[{"type":"text","Type":"image_url"}]"#, Unknown),
        (r#"{"type":"text"}"#, Boundless::Unreadable),
        (
            r#"[{"type":"image_url","image_url":{"detail":"original"}}]"#,
            Image,
        ),
        (
            r#"[{"type":"image_url","image_url":{"detail":"low","detail":"high"}}]"#,
            Image,
        ),
    ];
    check_all(&parts.map(|(content, why)| (message(content), why)));
}

#[test]
fn a_member_that_is_not_plainly_text_is_boundless() {
    use Boundless::{Audio, File, HostedTools, StoredContext, Unknown, Unreadable};
    let bodies = [
        (
            r#"{"messages":[{"content":"x","audio":{"id":"y"}}]}"#,
            Audio,
        ),
        (
            r#"{"messages":[{"content":"x","Content":[{"type":"file"}]}]}"#,
            File,
        ),
        (r#"{"input":[{"type":"item_reference","id":"x"}]}"#, Unknown),
        (
            r#"{"input":[{"type":"reasoning","encrypted_content":"x"}]}"#,
            Unknown,
        ),
        (r#"{"messages":"x"}"#, Unreadable),
        (r#"{"tools":{}}"#, Unreadable),
        (r#"{"previous_response_id":"resp_1"}"#, StoredContext),
        (r#"{"conversation":{"id":"conv_1"}}"#, StoredContext),
        (r#"{"prompt":{"id":"pmpt_1"}}"#, StoredContext),
        (r#"{"web_search_options":{}}"#, HostedTools),
        (r#"{"tools":[{"type":"mcp"}]}"#, HostedTools),
        (
            r#"{"tools":[{"type":"function","Type":"mcp"}]}"#,
            HostedTools,
        ),
    ];
    check_all(&bodies.map(|(body, why)| (body.to_owned(), why)));
}

#[test]
fn images_are_counted_by_their_detail_and_their_bytes_set_aside() {
    let images = |parts: &str| {
        let parts = shape_of(message(parts).as_bytes()).parts;
        (parts.images_low, parts.images_high, parts.image_bytes)
    };
    let low = r#"{"url":"data:image/png;base64,AAAA","detail":"low"}"#;
    assert_eq!(
        images(&format!(r#"[{{"type":"image_url","image_url":{low}}}]"#)),
        (1, 0, low.len() as u64)
    );
    assert_eq!(
        images(
            r#"[{"type":"image_url","image_url":{"url":"x"}},{"type":"text","text":"a"},{"type":"image_url","image_url":{"detail":"auto"}}]"#
        ),
        (0, 2, 11 + 17)
    );
    assert_eq!(
        images(
            r#"[{"type":"input_image","image_url":"xy","detail":"low"},{"type":"input_image","file_id":"f"}]"#
        ),
        (1, 1, 4)
    );
}

#[test]
fn tools_are_told_apart_by_who_runs_them() {
    let shape = |tools: &str| shape_of(format!(r#"{{"tools":{tools}}}"#).as_bytes());
    let own = shape(r#"[{"type":"function"},{"type":"custom"}]"#);
    assert_eq!((own.tools, own.hosted.any()), (2, false));
    let hosted = shape(
        r#"[{"type":"web_search_preview"},{"type":"file_search"},{"type":"code_interpreter"}],"max_tool_calls":3"#,
    );
    let expected = Hosted {
        web_search: true,
        file_search: true,
        code_interpreter: true,
        other: false,
        calls_max: Some(3),
    };
    assert_eq!(hosted.hosted, expected);
    assert!(shape(r#"[{"type":"image_generation"}]"#).hosted.other);
}

#[test]
fn only_the_tiers_that_may_serve_are_bounded() {
    let tiers = |member: &str| shape_of(format!("{{{member}}}").as_bytes()).tiers;
    assert_eq!(tiers(""), Tier::ALL);
    assert_eq!(tiers(r#""service_tier":null"#), Tier::ALL);
    assert_eq!(tiers(r#""service_tier":"auto""#), Tier::ALL);
    assert_eq!(tiers(r#""service_tier":"scale""#), Tier::ALL);
    assert_eq!(tiers(r#""service_tier":7"#), Tier::ALL);
    assert_eq!(tiers(r#""service_tier":"ultrafast""#), Tier::ALL);
    assert_eq!(tiers(r#""service_tier":"default""#), [Tier::Standard]);
    assert_eq!(
        tiers(r#""service_tier":"flex""#),
        [Tier::Standard, Tier::Flex]
    );
    let priority = [Tier::Standard, Tier::Priority];
    assert_eq!(tiers(r#""service_tier":"priority""#), priority);
    assert_eq!(tiers(r#""service_tier":"fast""#), priority);
}

#[test]
fn an_answer_that_is_spoken_is_bounded_as_audio() {
    let speaks = |member: &str| {
        let shape = shape_of(format!("{{{member}}}").as_bytes());
        shape.modalities().audio_output
    };
    assert!(speaks(r#""modalities":["text","audio"]"#));
    assert!(speaks(r#""audio":{"voice":"alloy"}"#));
    assert!(speaks(r#""modalities":"audio""#));
    assert!(!speaks(r#""modalities":["text"],"audio":null"#));
}
