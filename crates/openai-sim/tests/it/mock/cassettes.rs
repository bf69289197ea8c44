//! Recording, scrubbing and replaying, over the wire.
//!
//! Invariants: the upstream is a simulator; what was recorded from it is replayed by another one.
//! Does not know: how a text is scrubbed, only what has to be true of it.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openai_sim::{Cassette, Ending, Recorder, Sim, SimOptions, Timing};
use serde_json::{Value, json};

use super::{Answer, client, question, read, start, with};

pub(super) const CHAT: &str = "/chat/completions";
const EMBEDDINGS: &str = "/embeddings";
/// Words that nothing but a prompt, and so an answer, has.
pub(super) const PROMPT: &str =
    "The zeppelin landed beside grandmother. Where did the zeppelin land?";
const PRIVATE: [&str; 4] = ["zeppelin", "landed", "beside", "grandmother"];

fn calls() -> Vec<(&'static str, Option<Value>)> {
    let asked = with(question(PROMPT), json!({"user": "grandmother-17"}));
    let properties =
        json!({"place": {"type": "string"}, "unit": {"enum": ["celsius", "fahrenheit"]}});
    let schema = json!({"type": "object", "properties": properties, "required": ["place", "unit"]});
    let tools = json!([{"type": "function", "function": {"name": "find_landing", "description": "Find where a zeppelin landed", "parameters": &schema}}]);
    let forced = json!({"tools": tools, "tool_choice": "required"});
    let format = json!({"response_format": {"type": "json_schema", "json_schema": {"name": "landing", "schema": schema}}});
    let streamed = json!({"stream": true, "stream_options": {"include_usage": true}});
    let texts = json!({"model": "text-embedding-3-small", "input": ["A zeppelin", "landed beside"], "dimensions": 32});
    let one = with(texts.clone(), json!({"input": "landed beside"}));
    vec![
        ("/models", None),
        ("/models/gpt-0", None),
        (CHAT, Some(asked.clone())),
        (
            CHAT,
            Some(with(asked.clone(), json!({"n": 2, "max_tokens": 3}))),
        ),
        (
            CHAT,
            Some(with(
                asked.clone(),
                json!({"logprobs": true, "top_logprobs": 2}),
            )),
        ),
        (CHAT, Some(with(asked.clone(), forced.clone()))),
        (CHAT, Some(with(asked.clone(), format.clone()))),
        (CHAT, Some(with(asked.clone(), streamed.clone()))),
        (
            CHAT,
            Some(with(with(asked.clone(), streamed.clone()), forced)),
        ),
        (CHAT, Some(with(with(asked.clone(), streamed), format))),
        (CHAT, Some(with(asked, json!({"temperature": "warm"})))),
        (EMBEDDINGS, Some(texts.clone())),
        (
            EMBEDDINGS,
            Some(with(texts, json!({"encoding_format": "base64"}))),
        ),
        (EMBEDDINGS, Some(one)),
    ]
}

pub(super) async fn ask(
    base_url: &str,
    path: &str,
    body: Option<&Value>,
) -> Result<Answer, reqwest::Error> {
    let url = format!("{base_url}{path}");
    let request = match body {
        Some(body) => client().post(url).body(body.to_string()),
        None => client().get(url),
    };
    let key = ["sk", "-", &"Made0up1".repeat(4)].concat();
    Ok(read(request.bearer_auth(key).send().await?).await)
}

async fn answers(base_url: &str) -> Vec<Answer> {
    let mut answers = Vec::new();
    for (path, body) in calls() {
        answers.push(ask(base_url, path, body.as_ref()).await.unwrap());
    }
    answers
}

async fn recorded() -> (Vec<Answer>, Cassette) {
    let sim = start().await;
    let recorder = Recorder::start(&sim.base_url()).await.unwrap();
    let answers = answers(&recorder.base_url()).await;
    (answers, recorder.finish().await)
}

pub(super) async fn play(cassette: Cassette, replay_speed: Timing) -> Sim {
    Sim::start(SimOptions {
        cassette: Some(Arc::new(cassette)),
        replay_speed,
        ..SimOptions::default()
    })
    .await
    .unwrap()
}

/// The kind of each value, its names, and the numbers that are counts.
fn shape(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(shape).collect(),
        Value::Object(fields) => {
            let shaped = fields.iter().map(|(name, value)| {
                let kept = matches!(
                    name.as_str(),
                    "usage"
                        | "finish_reason"
                        | "index"
                        | "model"
                        | "role"
                        | "type"
                        | "name"
                        | "object"
                        | "code"
                        | "param"
                );
                let shaped = match (
                    name.as_str(),
                    value.as_str().map(serde_json::from_str::<Value>),
                ) {
                    ("arguments", Some(Ok(arguments))) => shape(&arguments),
                    _ if kept => value.clone(),
                    _ => shape(value),
                };
                (name.clone(), shaped)
            });
            Value::Object(shaped.collect())
        }
        Value::String(text) => json!(text.chars().count()),
        Value::Number(number) => json!(if number.is_f64() { "float" } else { "integer" }),
        other => other.clone(),
    }
}

#[tokio::test]
async fn the_recorder_passes_on_every_byte() {
    let direct = answers(&start().await.base_url()).await;
    let (through, cassette) = recorded().await;
    assert_eq!(cassette.exchanges.len(), direct.len());
    for ((direct, through), exchange) in direct.iter().zip(&through).zip(&cassette.exchanges) {
        assert_eq!(
            (direct.status, &direct.text),
            (through.status, &through.text)
        );
        for (name, value) in direct.headers.iter().filter(|(name, _)| *name != "date") {
            // A whole answer's length is told again; a stream's is not known.
            assert_eq!(through.headers.get(name), Some(value), "{name}");
        }
        assert_eq!(
            (Some(direct.status), Ending::Whole),
            (exchange.status, exchange.ending)
        );
        assert_eq!(exchange.body(), direct.text.as_bytes());
    }
    assert_eq!(
        (cassette.chat_model.as_str(), cassette.embed_model.as_str()),
        ("gpt-4o-mini", "text-embedding-3-small")
    );
    assert_eq!(cassette.recorded.len(), "2026-11-22".len());
}

#[tokio::test]
async fn a_scrubbed_cassette_says_nothing_and_is_scrubbed_for_good() {
    let (_, mut cassette) = recorded().await;
    cassette.scrub(&["find_landing"]);
    let text = cassette.write();
    let lower = text.to_lowercase();
    for word in PRIVATE
        .iter()
        .chain(&["find_landing", "authorization", "made0up1"])
    {
        assert!(!lower.contains(word), "{word} in {text}");
    }
    for kept in [
        "celsius",
        "gpt-4o-mini",
        "tool_calls",
        "\"stop\"",
        "x-ratelimit-limit-tokens: 2000000",
        "32 floats in base64",
    ] {
        assert!(text.contains(kept), "{kept} not in {text}");
    }
    assert!(text.len() < 60_000, "{}", text.len());
    let mut read = Cassette::read(&text).unwrap();
    assert_eq!(read, cassette);
    read.scrub(&["find_landing"]);
    assert_eq!(read, cassette);
}

#[tokio::test]
async fn a_replay_has_the_shape_of_what_was_recorded() {
    let (recorded, mut cassette) = recorded().await;
    cassette.scrub(&[]);
    let replayed = answers(
        &play(
            Cassette::read(&cassette.write()).unwrap(),
            Timing::AsRecorded,
        )
        .await
        .base_url(),
    )
    .await;
    for ((recorded, replayed), (path, body)) in recorded.iter().zip(&replayed).zip(calls()) {
        assert_eq!(recorded.status, replayed.status, "{path} {body:?}");
        for name in [
            "content-type",
            "x-ratelimit-limit-requests",
            "openai-processing-ms",
        ] {
            assert_eq!(
                recorded.headers.get(name),
                replayed.headers.get(name),
                "{name}"
            );
        }
        assert_eq!(
            recorded.headers.contains_key("x-request-id"),
            replayed.headers.contains_key("x-request-id")
        );
        if recorded
            .header("content-type")
            .starts_with("text/event-stream")
        {
            let shapes =
                |answer: &Answer| -> Vec<Value> { answer.chunks().iter().map(shape).collect() };
            assert_eq!(shapes(recorded), shapes(replayed));
            assert!(
                replayed.text.ends_with("data: [DONE]\n\n")
                    && replayed.text.len() == recorded.text.len()
            );
            assert!(
                replayed
                    .chunks()
                    .iter()
                    .all(|chunk| chunk["id"] == replayed.chunks()[0]["id"])
            );
            assert_ne!(replayed.chunks()[0]["id"], recorded.chunks()[0]["id"]);
        } else {
            assert_eq!(
                shape(&recorded.json()),
                shape(&replayed.json()),
                "{path} {body:?}"
            );
        }
    }
}

#[tokio::test]
async fn structured_output_and_arguments_stay_json_that_fits() {
    let (_, mut cassette) = recorded().await;
    cassette.scrub(&[]);
    let replayed = answers(&play(cassette, Timing::Fast).await.base_url()).await;
    let fits = |text: &str| {
        let value: Value =
            serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert!(
            value["place"].is_string()
                && ["celsius", "fahrenheit"].contains(&value["unit"].as_str().unwrap()),
            "{value}"
        );
    };
    fits(
        replayed[5].json()["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]
            .as_str()
            .unwrap(),
    );
    fits(
        replayed[6].json()["choices"][0]["message"]["content"]
            .as_str()
            .unwrap(),
    );
    let joined = |answer: &Answer, pointer: &str| -> String {
        answer
            .chunks()
            .iter()
            .filter_map(|chunk| chunk.pointer(pointer)?.as_str().map(str::to_owned))
            .collect()
    };
    fits(&joined(
        &replayed[8],
        "/choices/0/delta/tool_calls/0/function/arguments",
    ));
    fits(&joined(&replayed[9], "/choices/0/delta/content"));
    let logged = replayed[4].json();
    let tokens = logged["choices"][0]["logprobs"]["content"]
        .as_array()
        .unwrap();
    let text: String = tokens
        .iter()
        .map(|token| token["token"].as_str().unwrap())
        .collect();
    assert_eq!(text, logged["choices"][0]["message"]["content"]);
    assert_eq!(tokens[0]["top_logprobs"][0]["token"], tokens[0]["token"]);
    for token in tokens {
        assert_eq!(
            token["bytes"],
            json!(token["token"].as_str().unwrap().as_bytes())
        );
    }
}

#[tokio::test]
async fn vectors_are_the_same_in_both_forms_and_alone_or_among_others() {
    let (_, mut cassette) = recorded().await;
    cassette.scrub(&[]);
    let replayed = answers(&play(cassette, Timing::Fast).await.base_url()).await;
    let floats = replayed[11].json();
    let numbers = |value: &Value| -> Vec<f32> {
        value
            .as_array()
            .unwrap()
            .iter()
            .map(|number| number.as_f64().unwrap() as f32)
            .collect()
    };
    let coded = replayed[12].json();
    for index in 0..2 {
        let vector = numbers(&floats["data"][index]["embedding"]);
        assert_eq!(vector.len(), 32);
        let bytes = STANDARD
            .decode(coded["data"][index]["embedding"].as_str().unwrap())
            .unwrap();
        let decoded: Vec<f32> = bytes
            .chunks(4)
            .map(|four| f32::from_le_bytes(four.try_into().unwrap()))
            .collect();
        assert_eq!(vector, decoded);
    }
    assert_eq!(
        floats["data"][1]["embedding"],
        replayed[13].json()["data"][0]["embedding"]
    );
    assert_ne!(
        floats["data"][0]["embedding"],
        floats["data"][1]["embedding"]
    );
}

#[tokio::test]
async fn what_a_cassette_lacks_is_named_with_what_is_nearest() {
    let (_, mut cassette) = recorded().await;
    cassette.scrub(&[]);
    let sim = play(cassette, Timing::Fast).await;
    let body = with(
        question(PROMPT),
        json!({"user": "grandmother-17", "seed": 5, "n": 2, "max_tokens": 3}),
    );
    let lacking = ask(&sim.base_url(), CHAT, Some(&body)).await.unwrap();
    let error = &lacking.json()["error"];
    assert_eq!(
        (lacking.status, &error["code"]),
        (501, &json!("not_in_cassette"))
    );
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("no such POST /chat/completions")
            && message.contains("exchange 4")
            && message.contains("seed"),
        "{message}"
    );
    let unknown = ask(&sim.base_url(), "/audio", None).await.unwrap().json();
    assert_eq!(
        unknown["error"]["message"],
        "The cassette has no GET /audio."
    );
}
