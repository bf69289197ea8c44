//! What a request is read as, and how its body is edited.
//!
//! Invariants: each case gives the body as it came and as it goes out.
//! Does not know: HTTP.

use super::*;

fn read(operation: Operation, json: &str) -> Result<Request, Refusal> {
    let body = Bytes::copy_from_slice(json.as_bytes());
    Request::read(operation, &body, &Object::read(&body).unwrap())
}

/// `tail` stands behind a model and messages; the body that goes out must end in `sent`.
fn check_sent(tail: &str, sent: &str, usage_asked: bool) {
    let head = r#"{"model":"m","messages":[]"#;
    let request = read(Operation::Chat, &format!("{head}{tail}")).unwrap();
    let edited = request.edits.clone().apply(&request.body).unwrap();
    assert_eq!(
        std::str::from_utf8(&edited).unwrap(),
        format!("{head}{sent}")
    );
    assert_eq!(request.usage_asked, usage_asked);
    Object::read(&edited).unwrap();
}

#[test]
fn usage_is_always_asked_of_the_upstream_in_a_stream() {
    check_sent("}", "}", false);
    check_sent(
        r#","stream":false,"stream_options":7}"#,
        r#","stream":false,"stream_options":7}"#,
        false,
    );
    check_sent(
        r#","stream":true}"#,
        r#","stream":true,"stream_options":{"include_usage":true}}"#,
        false,
    );
    check_sent(
        r#","stream":true,"stream_options":null }"#,
        r#","stream":true,"stream_options":{"include_usage":true} }"#,
        false,
    );
    check_sent(
        r#","stream":true,"stream_options":{}}"#,
        r#","stream":true,"stream_options":{"include_usage":true}}"#,
        false,
    );
    check_sent(
        r#","stream_options":{"x":{}},"stream":true}"#,
        r#","stream_options":{"x":{},"include_usage":true},"stream":true}"#,
        false,
    );
    check_sent(
        r#","stream":true,"stream_options":{"include_usage":false,"x":1}}"#,
        r#","stream":true,"stream_options":{"include_usage":true,"x":1}}"#,
        false,
    );
    check_sent(
        r#","stream":true,"stream_options":{"include_usage":null}}"#,
        r#","stream":true,"stream_options":{"include_usage":true}}"#,
        false,
    );
    check_sent(
        r#","stream":true,"stream_options":{"include_usage":true}}"#,
        r#","stream":true,"stream_options":{"include_usage":true}}"#,
        true,
    );
    check_sent(
        r#","str\u0065am":true}"#,
        r#","str\u0065am":true,"stream_options":{"include_usage":true}}"#,
        false,
    );
}

#[test]
fn a_wrong_field_is_refused_by_its_name() {
    let chat = |tail: &str| format!(r#"{{"model":"m","messages":[]{tail}}}"#);
    for (json, named) in [
        (r#"{"messages":[]}"#.to_owned(), "model"),
        (r#"{"model":null,"messages":[]}"#.to_owned(), "model"),
        (r#"{"model":7,"messages":[]}"#.to_owned(), "model"),
        (r#"{"model":"\ud800","messages":[]}"#.to_owned(), "model"),
        (
            format!(r#"{{"model":"{}","messages":[]}}"#, "m".repeat(257)),
            "model",
        ),
        (r#"{"model":"m"}"#.to_owned(), "messages"),
        (r#"{"model":"m","messages":"hello"}"#.to_owned(), "messages"),
        (chat(r#","stream":"yes""#), "stream"),
        (
            chat(r#","stream":true,"stream_options":[]"#),
            "stream_options",
        ),
        (
            chat(r#","stream":true,"stream_options":{"include_usage":1}"#),
            "stream_options.include_usage",
        ),
        (chat(r#","n":0"#), "n"),
        (chat(r#","n":129"#), "n"),
        (chat(r#","max_tokens":-1"#), "max_tokens"),
        (chat(r#","max_tokens":0"#), "max_tokens"),
        (
            chat(r#","max_tokens":5,"max_completion_tokens":0"#),
            "max_completion_tokens",
        ),
        (
            chat(r#","max_completion_tokens":1.5"#),
            "max_completion_tokens",
        ),
        (chat(r#","user":{}"#), "user"),
    ] {
        match read(Operation::Chat, &json) {
            Err(Refusal::InvalidField { field, .. }) => assert_eq!(field, named, "{json}"),
            other => panic!("{json} gave {other:?}"),
        }
    }
    assert!(matches!(
        read(Operation::Embeddings, r#"{"model":"m"}"#),
        Err(Refusal::InvalidField { field: "input", .. })
    ));
}

#[test]
fn the_fields_that_matter_are_decoded() {
    let request = read(Operation::Chat, r#"{"mod\u0065l":"g\u0070t","messages":[],"n":3,"max_tokens":5,"max_completion_tokens":7,"user":"ann","stream":null}"#).unwrap();
    assert_eq!(
        (
            &*request.model,
            request.choices,
            request.output_tokens_max,
            request.stream
        ),
        ("gpt", 3, Some(7), false)
    );
    assert_eq!(request.end_user.as_deref(), Some("ann"));
    let long = read(
        Operation::Chat,
        &format!(
            r#"{{"model":"m","messages":[],"user":"{}"}}"#,
            "é".repeat(300)
        ),
    )
    .unwrap();
    assert_eq!(long.end_user.unwrap().len(), 256);
}
