//! The typed client's chats, whole and streamed, against the simulator and against scripted bytes.
//!
//! Invariants: a stream gives the same text however the network cuts it, and never ends cleanly where it broke off.
//! Does not know: what a model would say.

use std::time::Duration;

use openai_client::usage::Usage;
use openai_client::{AttemptErrorKind, ChatRequest, ChatStream, ClientError, Cost};
use openai_sim::Script;
use serde_json::{Value, json};

use super::embeddings::{client, simulator};
use crate::peer::{Peer, Step, answer, chunked};

const CHUNKS: [&str; 5] = [
    ": hello\n\n",
    "data: {\"id\":\"\",\"model\":\"\",\"choices\":[],\"prompt_filter_results\":[]}\n\n",
    "data: {\"model\":\"m-1\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}],\"usage\":null}\r\n\r\n",
    "data: {\"model\":\"m-1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"h\u{e9}\u{1f600}\"}}],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1}}\n\n",
    "data: {\"model\":\"m-1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"!\"},\"finish_reason\":\"stop\"}]}\n\n",
];
const USED: &str = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2},\"keyward\":{\"cost_usd\":\"0.0000016\"}}\n\n";
const DONE: &str = "data: [DONE]\n\n";

fn question() -> ChatRequest {
    ChatRequest::new("gpt-4o-mini")
        .system("Be brief.")
        .user("Hello?")
}

/// The text of a stream to its end.
async fn text_of(stream: &mut ChatStream) -> Result<String, ClientError> {
    let mut text = String::new();
    while let Some(chunk) = stream.next().await? {
        text.push_str(&chunk.text);
    }
    Ok(text)
}

/// Streams `events` and gives the text, or the error that every further look repeats.
async fn run(step: Step) -> Result<(String, ChatStream), ClientError> {
    let peer = Peer::start(vec![vec![Step::Read, step]]).await;
    let mut stream = client(peer.base_url()).chat_stream(question()).await?;
    match text_of(&mut stream).await {
        Ok(text) => {
            assert!(
                stream.next().await?.is_none(),
                "an ended stream stays ended"
            );
            Ok((text, stream))
        }
        Err(error) => {
            assert!(
                stream.next().await.is_err(),
                "a failed stream never ends cleanly"
            );
            Err(error)
        }
    }
}

fn events(texts: &[&str]) -> Vec<u8> {
    let parts: Vec<&[u8]> = texts.iter().map(|text| text.as_bytes()).collect();
    chunked(&parts, "0\r\n\r\n")
}

#[tokio::test]
async fn a_whole_chat_has_text_usage_cost_and_latency() {
    let sim = simulator().await;
    sim.script(
        Script::new()
            .text("The sky.")
            .usage(1000, 10)
            .on("/chat/completions"),
    );
    let chat = client(sim.base_url())
        .chat(question().with("user", "u-1"))
        .await
        .unwrap();
    assert_eq!(
        (chat.text.as_str(), chat.choices[0].finish_reason.as_deref()),
        ("The sky.", Some("stop"))
    );
    assert_eq!(
        chat.usage,
        Some(Usage {
            input: 1000,
            output: 10,
            ..Usage::default()
        })
    );
    assert_eq!(
        (chat.latency, chat.cached, chat.cost.is_some()),
        (Duration::from_secs(1), false, true)
    );
    let sent: Value = serde_json::from_slice(&sim.calls()[0].body).unwrap();
    let messages =
        json!([{"role":"system","content":"Be brief."},{"role":"user","content":"Hello?"}]);
    assert_eq!(
        sent,
        json!({"model":"gpt-4o-mini","messages":messages,"user":"u-1"})
    );
}

#[tokio::test]
async fn several_choices_and_tool_calls_pass_unharmed() {
    let call = json!({"id":"call_1","type":"function","function":{"name":"f","arguments":"{}"},"new_field":1});
    let body = json!({"model":"","choices":[
        {"index":1,"message":{"role":"assistant","content":"second"},"finish_reason":"length"},
        {"index":0,"message":{"role":"assistant","content":null,"tool_calls":[call]},"finish_reason":"tool_calls"}]});
    let peer = Peer::answer(answer("200 OK", &[], body.to_string().as_bytes())).await;
    let chat = client(peer.base_url())
        .chat(question().with("tools", json!([])).with("n", 2))
        .await
        .unwrap();
    assert_eq!(
        (chat.text.as_str(), chat.model.as_str(), chat.usage),
        ("", "gpt-4o-mini", None)
    );
    assert_eq!(
        (
            chat.choices[0].message["tool_calls"][0].clone(),
            chat.choices[1].text.as_str()
        ),
        (call, "second")
    );
    assert_eq!(chat.body, body.to_string());
    // What the model said can be sent back as it stands.
    let reply = question().message(chat.choices[0].message.clone());
    let peer = Peer::answer(answer("200 OK", &[], b"{}")).await;
    assert_eq!(
        client(peer.base_url()).chat(reply).await.unwrap().choices,
        []
    );
    assert!(peer.seen()[0].contains("\"new_field\":1"));
}

#[tokio::test]
async fn an_error_with_status_200_is_an_error() {
    let peer = Peer::answer(answer(
        "200 OK",
        &[],
        br#"{"error":{"message":"m","code":500}}"#,
    ))
    .await;
    let error = client(peer.base_url()).chat(question()).await.unwrap_err();
    assert_eq!(
        (
            error.api().unwrap().status,
            error.api().unwrap().code.as_deref()
        ),
        (200, Some("500"))
    );
}

#[tokio::test]
async fn a_stream_from_the_simulator_reports_its_usage_unasked() {
    let sim = simulator().await;
    sim.script(
        Script::new()
            .text("one two three")
            .usage(7, 3)
            .on("/chat/completions"),
    );
    let request = question().with("stream_options", json!({"include_obfuscation": false}));
    let mut stream = client(sim.base_url()).chat_stream(request).await.unwrap();
    assert_eq!(text_of(&mut stream).await.unwrap(), "one two three");
    assert_eq!(
        stream.usage(),
        Some(Usage {
            input: 7,
            output: 3,
            ..Usage::default()
        })
    );
    assert!(stream.first_chunk().unwrap() < stream.latency());
    assert!(stream.request_id().is_some() && stream.model().unwrap().starts_with("gpt-4o-mini"));
    let sent: Value = serde_json::from_slice(&sim.calls()[0].body).unwrap();
    assert_eq!(
        sent["stream_options"],
        json!({"include_usage": true, "include_obfuscation": false})
    );
}

#[tokio::test]
async fn a_stream_gives_the_same_however_it_is_cut() {
    let whole = [CHUNKS.concat().as_str(), USED, DONE].concat();
    let mut ways = vec![Step::Send(events(&[&whole])), Step::Drip(events(&[&whole]))];
    let cuts = (0..whole.len()).filter(|cut| whole.is_char_boundary(*cut) && *cut > 0);
    ways.extend(cuts.map(|cut| Step::Send(events(&[&whole[..cut], &whole[cut..]]))));
    for way in ways {
        let (text, stream) = run(way).await.unwrap();
        assert_eq!(
            (text.as_str(), stream.model()),
            ("h\u{e9}\u{1f600}!", Some("m-1"))
        );
        assert_eq!(
            stream.usage(),
            Some(Usage {
                input: 3,
                output: 2,
                ..Usage::default()
            }),
            "the last report counts"
        );
        assert_eq!(
            stream.cost(),
            Some(Cost {
                pico_usd: 1_600_000
            })
        );
    }
}

#[tokio::test]
async fn a_stream_without_its_last_event_ends_only_if_a_choice_did() {
    let finished = CHUNKS.concat();
    let (text, stream) = run(Step::Send(events(&[&finished]))).await.unwrap();
    assert_eq!(
        (text.as_str(), stream.usage().unwrap().output),
        ("h\u{e9}\u{1f600}!", 1)
    );
    for unfinished in [CHUNKS[..4].concat(), CHUNKS[..2].concat(), String::new()] {
        let error = run(Step::Send(events(&[&unfinished]))).await.unwrap_err();
        assert!(
            matches!(&error, ClientError::Attempt(error) if error.kind == AttemptErrorKind::Stream),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn a_stream_that_breaks_off_fails_even_after_a_finish_reason() {
    for upto in 1..=CHUNKS.len() {
        let error = run(Step::Send(chunked(
            &[CHUNKS[..upto].concat().as_bytes()],
            "",
        )))
        .await
        .unwrap_err();
        assert!(
            matches!(&error, ClientError::Attempt(error) if error.kind == AttemptErrorKind::Stream),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn an_error_or_garbage_inside_a_stream_ends_it() {
    let error =
        "data: {\"error\":{\"message\":\"overloaded\",\"type\":\"server_error\",\"code\":503}}\n\n";
    let error = run(Step::Send(events(&[CHUNKS[3], error, DONE])))
        .await
        .unwrap_err();
    let api = error.api().unwrap();
    assert_eq!(
        (api.status, api.code.as_deref(), api.message.as_str()),
        (200, Some("503"), "overloaded")
    );
    for garbage in [
        "data: {\"choices\":[\n\n",
        "data: nonsense\n\n",
        "data: {\"usage\":{\"prompt_tokens\":-1}}\n\n",
    ] {
        let error = run(Step::Send(events(&[CHUNKS[3], garbage, DONE])))
            .await
            .unwrap_err();
        assert!(
            matches!(error, ClientError::Malformed(_)),
            "{garbage}: {error:?}"
        );
    }
}

#[tokio::test]
async fn a_refused_stream_is_an_api_error() {
    let sim = simulator().await;
    sim.script(
        Script::status(503)
            .code("server_is_overloaded")
            .on("/chat/completions"),
    );
    let error = client(sim.base_url())
        .chat_stream(question())
        .await
        .unwrap_err();
    assert_eq!(
        error.api().unwrap().code.as_deref(),
        Some("server_is_overloaded")
    );
}
