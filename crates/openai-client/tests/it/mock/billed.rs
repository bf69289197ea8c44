//! What the readers read off an answer is what the upstream bills for it, on every route that reports tokens.
//!
//! Invariants: the bill is the simulator's own count, not its report.
//! Does not know: prices.

use http::{HeaderMap, HeaderValue, Method, header};
use openai_client::Call;
use openai_client::sse::SseFramer;
use openai_client::usage::{BodyKind, Usage, read};
use openai_sim::Sim;
use serde_json::json;

use super::embeddings::simulator;
use super::{patient, upstream};

const FORM: &str = "multipart/form-data; boundary=edge";

/// A form with one file and these fields.
fn form(file: &str, fields: &[(&str, &str)]) -> String {
    let mut form = format!(
        "--edge\r\ncontent-disposition: form-data; name=\"{file}\"; filename=\"a\"\r\n\r\nbytes\r\n"
    );
    for (name, value) in fields {
        form.push_str(&format!(
            "--edge\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        ));
    }
    form + "--edge--\r\n"
}

/// What is read of the answer; of a stream, the last report.
async fn reported(
    sim: &Sim,
    path: &str,
    kind: BodyKind,
    form: bool,
    body: String,
) -> Option<Usage> {
    let content_type = if form { FORM } else { "application/json" };
    let headers =
        HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(content_type))]);
    let call = Call {
        method: Method::POST,
        path,
        headers,
        body: body.into(),
    };
    let answer = upstream(&sim.base_url(), patient())
        .send(call)
        .await
        .unwrap();
    assert_eq!(answer.status, 200, "{path}");
    let content_type = answer.headers[header::CONTENT_TYPE].to_str().unwrap();
    let is_stream = content_type.starts_with("text/event-stream");
    let bytes = answer.whole(1 << 20).await.unwrap();
    if !is_stream {
        return read(kind, &bytes).unwrap();
    }
    let mut framer = SseFramer::new();
    framer.push(bytes).unwrap();
    let mut usage = None;
    while let Some(frame) = framer.next_frame() {
        if !frame.data().is_empty() && !frame.is_done() {
            usage = read(kind, &frame.data()).unwrap().or(usage);
        }
    }
    usage
}

/// Calls, and holds what is read against the bill. Gives it for what else there is to look at.
async fn check(path: &str, kind: BodyKind, body: impl ToString, form: bool) -> Usage {
    let sim = simulator().await;
    let usage = reported(&sim, path, kind, form, body.to_string()).await;
    let usage = usage.unwrap_or_else(|| panic!("{path} reports nothing as {kind:?}"));
    let billed = sim.bill().total();
    assert_eq!(billed.calls, 1, "{path}");
    assert_eq!(
        (usage.input_total(), usage.output_total(), usage.flaw),
        (billed.input_tokens, billed.output_tokens, None),
        "{path} as {kind:?}"
    );
    usage
}

#[tokio::test]
async fn what_is_read_of_text_is_what_is_billed() {
    let asked = json!({"model": "gpt-6-luna", "input": "Why is the sky blue?"});
    let mut streamed = asked.clone();
    streamed["stream"] = json!(true);
    let whole = check("/responses", BodyKind::Response, asked, false).await;
    let stream = check("/responses", BodyKind::ResponseEvent, streamed, false).await;
    assert_eq!(whole.reasoning, stream.reasoning);
    assert!(whole.output > 0 && whole.input > 0);
    let asked =
        json!({"model": "gpt-3.5-turbo-instruct", "prompt": "Once upon a time", "best_of": 3});
    check("/completions", BodyKind::Completion, asked, false).await;
    let asked = json!({"model": "gpt-3.5-turbo-instruct", "prompt": "Once upon", "stream": true,
        "stream_options": {"include_usage": true}});
    check("/completions", BodyKind::CompletionChunk, asked, false).await;
    let asked = json!({"model": "text-embedding-3-small", "input": ["one", "two three"]});
    check("/embeddings", BodyKind::Embeddings, asked, false).await;
}

#[tokio::test]
async fn what_is_read_of_images_and_sound_is_what_is_billed() {
    let image = "gpt-image-1.5";
    let asked = json!({"model": image, "prompt": "A grey dot", "n": 2, "quality": "low"});
    let whole = check("/images/generations", BodyKind::Images, asked, false).await;
    assert_eq!((whole.image_output, whole.output), (544, 0));
    let asked =
        json!({"model": image, "prompt": "A grey dot", "stream": true, "partial_images": 1});
    check("/images/generations", BodyKind::ImagesEvent, asked, false).await;
    let fields = [("model", image), ("prompt", "Make it blue")];
    let edited = check(
        "/images/edits",
        BodyKind::Images,
        form("image", &fields),
        true,
    )
    .await;
    assert!(edited.image_input > 0 && edited.input > 0);
    let asked = json!({"model": "gpt-4o-mini-tts", "input": "Hello there.", "voice": "alloy", "stream_format": "sse"});
    let said = check("/audio/speech", BodyKind::SpeechEvent, asked, false).await;
    assert!(said.audio_output > 0 && said.output == 0);
    let fields = [("model", "gpt-4o-mini-transcribe"), ("prompt", "A talk")];
    let heard = check(
        "/audio/transcriptions",
        BodyKind::Transcription,
        form("file", &fields),
        true,
    )
    .await;
    assert!(heard.audio_input > 0 && heard.output > 0);
    let fields = [fields[0], ("stream", "true")];
    let form = form("file", &fields);
    check(
        "/audio/transcriptions",
        BodyKind::TranscriptionEvent,
        form,
        true,
    )
    .await;
}

#[tokio::test]
async fn what_is_billed_by_time_is_read_as_time() {
    let sim = simulator().await;
    let verbose = form(
        "file",
        &[("model", "whisper-1"), ("response_format", "verbose_json")],
    );
    for (path, kind) in [
        ("/audio/transcriptions", BodyKind::Transcription),
        ("/audio/translations", BodyKind::Translation),
    ] {
        let usage = reported(&sim, path, kind, true, verbose.clone()).await;
        let expected = Usage {
            audio_ms: 1000,
            ..Usage::default()
        };
        assert_eq!(usage, Some(expected), "{path}");
    }
    let short = form("file", &[("model", "whisper-1")]);
    let usage = reported(
        &sim,
        "/audio/translations",
        BodyKind::Translation,
        true,
        short,
    )
    .await;
    assert_eq!(usage, None, "the short form does not tell it");
}
