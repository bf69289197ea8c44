//! Images, speech, and what is heard.
//!
//! Invariants: what was billed is what usage says, where tokens are what is billed.
//! Does not know: what anything shows or sounds like.

use openai_sim::{ModelBill, Script};
use serde_json::{Value, json};

use super::{post, post_form, start, try_post, with};

const SECOND: [u8; 16_000] = [7; 16_000];

#[tokio::test]
async fn images_are_made_and_edited_with_their_usage() {
    let sim = start().await;
    let request =
        json!({"model": "gpt-image-1.5", "prompt": "a grey dot", "n": 2, "quality": "low"});
    let whole = post(&sim, "/images/generations", &request).await.json();
    assert_eq!(whole["data"].as_array().unwrap().len(), 2);
    assert_eq!(whole["usage"]["output_tokens"], 2 * 272);
    let streamed = with(
        request,
        json!({"stream": true, "partial_images": 2, "n": 1}),
    );
    let answer = post(&sim, "/images/generations", &streamed).await;
    let events = answer.chunks();
    assert_eq!(events.len(), 3);
    assert_eq!(events[2]["type"], "image_generation.completed");
    assert_eq!(events[2]["usage"]["output_tokens"], 272);
    assert!(
        answer
            .text
            .starts_with("event: image_generation.partial_image\ndata: ")
    );
    sim.idle().await;
    assert_eq!(sim.bill().total().output_tokens, 3 * 272);
    let parts: [(&str, Option<&str>, &[u8]); 4] = [
        ("model", None, b"gpt-image-1.5"),
        ("prompt", None, b"greyer"),
        ("image[]", Some("a.png"), b"png"),
        ("image[]", Some("b.png"), b"png"),
    ];
    let edited = post_form(&sim, "/images/edits", &parts).await.json();
    assert_eq!(
        edited["usage"]["input_tokens_details"]["image_tokens"],
        2 * 323
    );
    assert_eq!(
        post_form(&sim, "/images/edits", &parts[..2]).await.status,
        400
    );
}

#[tokio::test]
async fn an_image_that_nobody_waits_for_is_billed() {
    let sim = start().await;
    sim.script(Script::new().stall_after_chunks(1));
    let request =
        json!({"model": "gpt-image-1.5", "prompt": "a dot", "stream": true, "partial_images": 2});
    let mut answer = try_post(&sim, "/images/generations", &request)
        .await
        .unwrap();
    answer.chunk().await.unwrap();
    drop(answer);
    sim.idle().await;
    assert_eq!(sim.bill().total().output_tokens, 1056);
}

#[tokio::test]
async fn speech_comes_as_bytes_or_as_events() {
    let sim = start().await;
    let request = json!({"model": "gpt-4o-mini-tts", "input": "Say it.", "voice": "alloy", "response_format": "pcm"});
    let sound = post(&sim, "/audio/speech", &request).await;
    assert_eq!(
        (sound.header("content-type"), sound.text.len()),
        ("audio/pcm", 7 * 240)
    );
    let streamed = with(request.clone(), json!({"stream_format": "sse"}));
    let answer = post(&sim, "/audio/speech", &streamed).await;
    let events = answer.chunks();
    assert_eq!(events.last().unwrap()["type"], "speech.audio.done");
    assert!(!answer.text.contains("[DONE]") && !answer.text.contains("event:"));
    sim.idle().await;
    let usage = &events.last().unwrap()["usage"];
    let expected = ModelBill {
        calls: 2,
        input_tokens: 2 * usage["input_tokens"].as_u64().unwrap(),
        output_tokens: 2 * usage["output_tokens"].as_u64().unwrap(),
    };
    assert_eq!(sim.bill().of("gpt-4o-mini-tts"), expected);
    let older = with(request.clone(), json!({"model": "tts-1"}));
    assert_eq!(post(&sim, "/audio/speech", &older).await.status, 200);
    assert_eq!(
        sim.bill().of("tts-1"),
        ModelBill {
            calls: 1,
            ..ModelBill::default()
        }
    );
    for fields in [
        json!({"voice": null}),
        json!({"response_format": "tape"}),
        json!({"model": "tts-1", "stream_format": "sse"}),
    ] {
        assert_eq!(
            post(&sim, "/audio/speech", &with(request.clone(), fields))
                .await
                .status,
            400
        );
    }
}

#[tokio::test]
async fn sound_is_heard_in_every_format() {
    let sim = start().await;
    let hear = async |path: &str, fields: &[(&str, &str)]| {
        let mut parts: Vec<(&str, Option<&str>, &[u8])> = vec![("file", Some("a.mp3"), &SECOND)];
        parts.extend(
            fields
                .iter()
                .map(|(name, value)| (*name, None, value.as_bytes())),
        );
        post_form(&sim, path, &parts).await
    };
    let path = "/audio/transcriptions";
    let newer = ("model", "gpt-4o-mini-transcribe");
    let whole = hear(path, &[newer]).await.json();
    assert_eq!(
        (&whole["usage"]["type"], &whole["usage"]["input_tokens"]),
        (&json!("tokens"), &json!(10))
    );
    let events = hear(path, &[newer, ("stream", "true")]).await.chunks();
    let text: String = events
        .iter()
        .filter_map(|event| event["delta"].as_str())
        .collect();
    assert_eq!(json!(text), whole["text"]);
    assert_eq!(events.last().unwrap()["usage"], whole["usage"]);
    let text = hear(path, &[newer, ("response_format", "text")]).await;
    assert_eq!(text.header("content-type"), "text/plain; charset=utf-8");
    let older = ("model", "whisper-1");
    let usage = hear(path, &[older]).await.json()["usage"].clone();
    assert_eq!(usage, json!({"type": "duration", "seconds": 1}));
    let verbose = hear(path, &[older, ("response_format", "verbose_json")])
        .await
        .json();
    assert_eq!(
        (&verbose["task"], &verbose["duration"]),
        (&json!("transcribe"), &json!(1.0))
    );
    let subtitles = hear(path, &[older, ("response_format", "srt")]).await.text;
    assert!(subtitles.starts_with("1\n00:00:00,000 --> 00:00:01,000\n"));
    sim.script(Script::new().text("Good day."));
    let translated = hear("/audio/translations", &[older]).await.json();
    assert_eq!(translated, json!({"text": "Good day."}));
    assert_eq!(hear("/audio/translations", &[newer]).await.status, 404);
    assert_eq!(
        sim.bill().of("whisper-1"),
        ModelBill {
            calls: 4,
            ..ModelBill::default()
        }
    );
    let no_form: Value = post(&sim, path, &json!({"model": "whisper-1"}))
        .await
        .json();
    assert!(
        no_form["error"]["message"]
            .as_str()
            .unwrap()
            .contains("multipart")
    );
}
