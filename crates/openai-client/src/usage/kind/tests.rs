//! What each kind of body reports, and what it does not.
//!
//! Invariants: expectations are written by hand; every kind that reports is here.
//! Does not know: how contradictions are resolved.

use super::*;
use crate::usage::read;
use crate::wire::Fault;

fn check(kind: BodyKind, bytes: &str, expected: Option<Usage>) {
    assert_eq!(read(kind, bytes.as_bytes()), Ok(expected), "{bytes}");
}

fn none() -> Usage {
    Usage::default()
}

#[test]
fn text_in_and_text_out_is_what_most_routes_report() {
    let used = Some(Usage {
        input: 9,
        output: 12,
        ..none()
    });
    check(
        BodyKind::Completion,
        r#"{"id":"cmpl-1","object":"text_completion","choices":[{"text":"x"}],"usage":{"prompt_tokens":9,"completion_tokens":12,"total_tokens":21}}"#,
        used,
    );
    check(
        BodyKind::CompletionChunk,
        r#"{"object":"text_completion","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":12,"total_tokens":21}}"#,
        used,
    );
    check(
        BodyKind::CompletionChunk,
        r#"{"choices":[{"text":"x"}],"usage":null}"#,
        None,
    );
    check(
        BodyKind::Embeddings,
        r#"{"data":[],"usage":{"prompt_tokens":16,"total_tokens":16}}"#,
        Some(Usage {
            input: 16,
            ..none()
        }),
    );
}

#[test]
fn images_are_billed_as_images_where_nothing_else_is_told() {
    for kind in [BodyKind::Images, BodyKind::ImagesEvent] {
        let usage = |details: &str| {
            format!(
                r#"{{"type":"image_edit.completed","usage":{{"input_tokens":50,"output_tokens":1056,"total_tokens":1106{details}}}}}"#
            )
        };
        check(
            kind,
            &usage(""),
            Some(Usage {
                image_input: 50,
                image_output: 1056,
                ..none()
            }),
        );
        check(
            kind,
            &usage(r#","input_tokens_details":{"text_tokens":10,"image_tokens":40}"#),
            Some(Usage {
                input: 10,
                image_input: 40,
                image_output: 1056,
                ..none()
            }),
        );
        check(
            kind,
            &usage(
                r#","input_tokens_details":{"text_tokens":50,"image_tokens":0},"output_tokens_details":{"text_tokens":56,"image_tokens":1000}"#,
            ),
            Some(Usage {
                input: 50,
                output: 56,
                image_output: 1000,
                ..none()
            }),
        );
    }
    // Models that are billed by the image report nothing.
    check(
        BodyKind::Images,
        r#"{"created":1,"data":[{"url":"x"}]}"#,
        None,
    );
    check(
        BodyKind::ImagesEvent,
        r#"{"type":"image_generation.partial_image","b64_json":"QUJD","usage":{"input_tokens":1,"output_tokens":2}}"#,
        None,
    );
}

#[test]
fn transcriptions_are_billed_by_tokens_or_by_time() {
    for kind in [BodyKind::Transcription, BodyKind::TranscriptionEvent] {
        check(
            kind,
            r#"{"type":"transcript.text.done","text":"x","usage":{"type":"duration","seconds":9}}"#,
            Some(Usage {
                audio_ms: 9000,
                ..none()
            }),
        );
        check(
            kind,
            r#"{"type":"transcript.text.done","text":"x","usage":{"type":"tokens","input_tokens":14,"output_tokens":45,"total_tokens":59,
                "input_token_details":{"text_tokens":4,"audio_tokens":10}}}"#,
            Some(Usage {
                input: 4,
                audio_input: 10,
                output: 45,
                ..none()
            }),
        );
        check(
            kind,
            r#"{"type":"transcript.text.done","usage":{"type":"tokens","input_tokens":14,"output_tokens":45}}"#,
            Some(Usage {
                audio_input: 14,
                output: 45,
                ..none()
            }),
        );
    }
    check(
        BodyKind::TranscriptionEvent,
        r#"{"type":"transcript.text.segment","text":"x","usage":{"type":"duration","seconds":9}}"#,
        None,
    );
    // A length beside no usage is a report only where nothing else can be billed.
    let verbose = r#"{"task":"translate","language":"english","duration":"8.47","text":"x"}"#;
    check(BodyKind::Transcription, verbose, None);
    check(
        BodyKind::Translation,
        verbose,
        Some(Usage {
            audio_ms: 8470,
            ..none()
        }),
    );
    check(BodyKind::Translation, r#"{"text":"x"}"#, None);
    let subtitles = read(
        BodyKind::Transcription,
        b"1\n00:00:00,000 --> 00:00:01,000\nx\n",
    );
    assert_eq!(subtitles.unwrap_err().fault, Fault::Shape);
}

#[test]
fn speech_is_audio() {
    check(
        BodyKind::SpeechEvent,
        r#"{"type":"speech.audio.done","usage":{"input_tokens":14,"output_tokens":101,"total_tokens":115}}"#,
        Some(Usage {
            input: 14,
            audio_output: 101,
            ..none()
        }),
    );
    check(
        BodyKind::SpeechEvent,
        r#"{"type":"speech.audio.delta","audio":"QUJD"}"#,
        None,
    );
}

#[test]
fn what_can_be_polled_reports_when_it_has_ended() {
    let used = Some(Usage {
        input: 60,
        cached_input: 40,
        output: 5,
        reasoning: 15,
        ..none()
    });
    let body = |status: &str| {
        format!(
            r#"{{"id":"x","status":"{status}","usage":{{"input_tokens":100,"input_tokens_details":{{"cached_tokens":40}},
                "output_tokens":20,"output_tokens_details":{{"reasoning_tokens":15}},"total_tokens":120}}}}"#
        )
    };
    for kind in [BodyKind::Response, BodyKind::Batch] {
        for status in ["completed", "cancelled", "expired", "failed", "incomplete"] {
            check(kind, &body(status), used);
        }
        for status in [
            "queued",
            "validating",
            "in_progress",
            "finalizing",
            "cancelling",
            "new",
        ] {
            check(kind, &body(status), None);
        }
    }
    // A server without a status has ended when it answers.
    check(
        BodyKind::Response,
        r#"{"usage":{"input_tokens":3,"output_tokens":4}}"#,
        Some(Usage {
            input: 3,
            output: 4,
            ..none()
        }),
    );
}

#[test]
fn what_never_reports_is_not_even_read() {
    for body in [
        r#"{"id":"modr-1","results":[{"flagged":false}]}"#,
        r#"{"object":"response.input_tokens","input_tokens":11}"#,
        "not JSON",
    ] {
        check(BodyKind::Unmetered, body, None);
    }
}

#[test]
fn every_kind_refuses_a_count_that_cannot_be_read() {
    for kind in [
        BodyKind::Completion,
        BodyKind::CompletionChunk,
        BodyKind::Embeddings,
        BodyKind::Response,
        BodyKind::ResponseEvent,
        BodyKind::Images,
        BodyKind::ImagesEvent,
        BodyKind::Transcription,
        BodyKind::TranscriptionEvent,
        BodyKind::Translation,
        BodyKind::SpeechEvent,
        BodyKind::Batch,
    ] {
        for usage in [
            r#"{"input_tokens":"9"}"#,
            r#"{"output_tokens":-1,"input_tokens":1}"#,
            "[1,2]",
            r#""9""#,
        ] {
            let body = format!("{{\"usage\":{usage}}}");
            let fault = read(kind, body.as_bytes()).unwrap_err().fault;
            assert_eq!(fault, Fault::Shape, "{kind:?}: {body}");
        }
    }
}
