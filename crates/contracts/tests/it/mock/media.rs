//! Images, speech, and what is heard.
//!
//! Invariants: none of its own.
//! Does not know: what anything shows or sounds like.

use contracts::Payload;
use serde_json::json;

use super::{Call, expect_true, observe_all, start};

#[tokio::test]
async fn images_keep_their_contracts() {
    let sim = start().await;
    let asked = json!({"model": "gpt-image-1.5", "prompt": "a dot", "quality": "low", "n": 2});
    let streamed =
        json!({"model": "gpt-image-1.5", "prompt": "a dot", "stream": true, "partial_images": 2});
    let fields = [("model", "gpt-image-1.5"), ("prompt", "greyer")];
    let calls = vec![
        Call::post("/images/generations", asked),
        Call::post("/images/generations", streamed),
        Call::form("/images/edits", &fields, ("image[]", b"png")),
        Call::form(
            "/images/edits",
            &[
                fields[0],
                fields[1],
                ("stream", "true"),
                ("partial_images", "1"),
            ],
            ("image", b"png"),
        ),
    ];
    expect_true(&observe_all(&sim, calls).await, 200);
}

#[tokio::test]
async fn speech_keeps_its_contracts() {
    let sim = start().await;
    let asked = |model: &str, format: &str| json!({"model": model, "input": "Say it.", "voice": "alloy", "response_format": format});
    let mut streamed = asked("gpt-4o-mini-tts", "pcm");
    streamed["stream_format"] = json!("sse");
    let mut calls: Vec<Call> = ["mp3", "opus", "aac", "flac", "wav", "pcm"]
        .map(|format| Call::post("/audio/speech", asked("tts-1", format)))
        .to_vec();
    calls.push(Call::post("/audio/speech", streamed));
    let exchanges = observe_all(&sim, calls).await;
    expect_true(&exchanges, 200);
    assert!(matches!(
        exchanges[0].answer,
        Payload::Other { bytes: 1680, .. }
    ));
}

#[tokio::test]
async fn what_is_heard_keeps_its_contracts() {
    let sim = start().await;
    let hear =
        |route, fields: &[(&'static str, &str)]| Call::form(route, fields, ("file", &[7; 32_001]));
    let (newer, older) = (("model", "gpt-4o-mini-transcribe"), ("model", "whisper-1"));
    let mut calls = vec![
        hear("/audio/transcriptions", &[newer]),
        hear("/audio/transcriptions", &[newer, ("stream", "true")]),
        hear("/audio/transcriptions", &[older]),
        hear("/audio/translations", &[older]),
    ];
    for route in ["/audio/transcriptions", "/audio/translations"] {
        for format in ["verbose_json", "text", "srt", "vtt"] {
            calls.push(hear(route, &[older, ("response_format", format)]));
        }
    }
    expect_true(&observe_all(&sim, calls).await, 200);
    let refused = vec![
        hear(
            "/audio/transcriptions",
            &[newer, ("response_format", "srt")],
        ),
        Call::post("/audio/transcriptions", json!({})),
    ];
    expect_true(&observe_all(&sim, refused).await, 400);
}
