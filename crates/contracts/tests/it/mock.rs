//! The mock tier: what the simulator answers has the shape of the contracts.
//!
//! Invariants: a lie of the simulator is noticed and named; an honest answer differs in nothing.
//! Does not know: the values of answers.

use std::path::PathBuf;

use contracts::{Contract, Difference, DifferenceKind, Grade};
use openai_sim::{Lie, Quirk, Script, Sim, SimOptions};
use serde_json::{Value, json};

fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "..", "contracts"]
        .iter()
        .collect()
}

fn contract(name: &str) -> Contract {
    let text = std::fs::read_to_string(folder().join(name).with_extension("toml")).unwrap();
    Contract::read(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

async fn start() -> Sim {
    Sim::start(SimOptions::default()).await.unwrap()
}

async fn post(sim: &Sim, path: &str, body: &Value) -> String {
    let request = reqwest::Client::new()
        .post(sim.base_url() + path)
        .body(body.to_string());
    request.send().await.unwrap().text().await.unwrap()
}

async fn json_of(sim: &Sim, path: &str, body: &Value) -> Value {
    serde_json::from_str(&post(sim, path, body).await).unwrap()
}

fn expect_none(differences: &[Difference]) {
    let differences: Vec<String> = differences.iter().map(ToString::to_string).collect();
    assert_eq!(differences, [""; 0]);
}

/// Requests that bring out every field which the simulator knows.
fn chats() -> Vec<Value> {
    let parameters = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    let tools = json!([{"type": "function", "function": {"name": "get_weather", "parameters": parameters}}]);
    let ask = |model: &str, fields: Value| {
        let mut request = json!({"model": model, "messages": [{"role": "user", "content": "What is the weather in Rome?"}]});
        for (name, value) in fields.as_object().cloned().unwrap_or_default() {
            request[name] = value;
        }
        request
    };
    vec![
        ask("gpt-4o-mini", json!({})),
        ask(
            "gpt-4o-mini",
            json!({"n": 2, "max_tokens": 2, "service_tier": "flex"}),
        ),
        ask("gpt-4o", json!({"tools": tools})),
        ask("gpt-4.1", json!({"logprobs": true, "top_logprobs": 2})),
        ask(
            "gpt-6-luna",
            json!({"response_format": {"type": "json_object"}}),
        ),
    ]
}

#[tokio::test]
async fn whole_chat_answers_have_the_contract_s_shape() {
    let sim = start().await;
    let mut answers = Vec::new();
    for request in chats() {
        answers.push(json_of(&sim, "/chat/completions", &request).await);
    }
    expect_none(&contract("chat_completion").check(&answers));
}

#[tokio::test]
async fn chunks_have_the_contract_s_shape() {
    let sim = start().await;
    let mut chunks: Vec<Value> = Vec::new();
    for (number, mut request) in chats().into_iter().enumerate() {
        request["stream"] = json!(true);
        request["stream_options"] = json!({"include_usage": number > 0});
        let text = post(&sim, "/chat/completions", &request).await;
        let events = text
            .lines()
            .filter_map(|line| line.strip_prefix("data: "))
            .filter(|data| *data != "[DONE]");
        chunks.extend(events.map(|data| serde_json::from_str::<Value>(data).unwrap()));
    }
    assert!(chunks.len() > 20);
    expect_none(&contract("chat_completion_chunk").check(&chunks));
}

#[tokio::test]
async fn embeddings_and_models_have_the_contracts_shapes() {
    let sim = start().await;
    let mut request = json!({"model": "text-embedding-3-small", "input": ["one", "two"]});
    let floats = json_of(&sim, "/embeddings", &request).await;
    request["encoding_format"] = json!("base64");
    let coded = json_of(&sim, "/embeddings", &request).await;
    expect_none(&contract("embeddings").check(&[floats, coded]));
    let list = reqwest::get(sim.base_url() + "/models")
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    expect_none(&contract("models").check(&[serde_json::from_str(&list).unwrap()]));
}

#[tokio::test]
async fn errors_have_the_contract_s_shape_and_a_compatible_server_s_do_not() {
    let sim = start().await;
    sim.script(Script::status(429).times(1));
    sim.script(Script::status(500).quirk(Quirk::NumericErrorCode));
    let request = json!({"model": "gpt-0", "messages": []});
    let limited = json_of(&sim, "/chat/completions", &request).await;
    let numeric = json_of(&sim, "/chat/completions", &request).await;
    let unknown = json_of(&sim, "/chat/completions", &request).await;
    let incomplete = json_of(&sim, "/chat/completions", &json!({"model": "gpt-4o"})).await;
    let error = contract("error");
    expect_none(&error.check(&[limited, unknown, incomplete]));
    let differences = error.check(&[numeric]);
    assert_eq!(
        differences
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        ["breaking: `error.code` is null | string in the contract and integer in the answer"]
    );
}

#[tokio::test]
async fn a_renamed_field_is_named_as_breaking_on_both_sides() {
    let sim = start().await;
    sim.lie(Lie::new().on("/embeddings").rename("embedding", "vector"));
    let request = json!({"model": "text-embedding-ada-002", "input": "one"});
    let differences = contract("embeddings").check(&[json_of(&sim, "/embeddings", &request).await]);
    let expected = Difference {
        path: "data[].embedding".to_owned(),
        kind: DifferenceKind::Renamed {
            to: "data[].vector".to_owned(),
        },
        grade: Grade::Breaking,
    };
    assert_eq!(differences, [expected]);
}

#[test]
fn every_contract_file_reads_and_survives_being_written() {
    let files: Vec<_> = std::fs::read_dir(folder())
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    assert!(files.len() >= 5);
    for file in files {
        let read = contract(file.file_stem().unwrap().to_str().unwrap());
        assert_eq!(
            Contract::read(&read.write()).unwrap(),
            read,
            "{}",
            file.display()
        );
    }
}
