//! What the simulator itself refuses, in OpenAI's error body.
//!
//! Invariants: each refusal has its status, type and code, and costs nothing.
//! Does not know: scripts.

use openai_sim::{Sim, SimOptions};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Answer, client, embedding, get, post, question, read, start, with};

/// `expected`: status, code (`null` for none) and a word of the message.
fn check(answer: &Answer, expected: &str) {
    let error = &answer.json()["error"];
    let [status, code, word] = expected.splitn(3, ' ').collect::<Vec<_>>()[..] else {
        panic!("{expected}")
    };
    assert_eq!(answer.status.to_string(), status, "{}", answer.text);
    assert_eq!(error["code"].as_str().unwrap_or("null"), code, "{error}");
    assert!(error["message"].as_str().unwrap().contains(word), "{error}");
    assert!(
        ["message", "type", "param", "code"]
            .iter()
            .all(|name| error.get(name).is_some())
    );
    assert_eq!(
        answer.header("content-type"),
        "application/json; charset=utf-8"
    );
    assert!(answer.header("x-request-id").starts_with("req_"));
}

#[tokio::test]
async fn keys_are_asked_for_and_never_repeated() {
    let [right, wrong] = ["right", "wrong"].map(|word| ["sk", "-", &word.repeat(8)].concat());
    let options = SimOptions {
        api_key: Some(right.clone()),
        ..SimOptions::default()
    };
    let sim = Sim::start(options).await.unwrap();
    check(&get(&sim, "/models").await, "401 null Authorization");
    let ask = |key: String| {
        client()
            .get(sim.base_url() + "/models")
            .bearer_auth(key)
            .send()
    };
    let refused = read(ask(wrong.clone()).await.unwrap()).await;
    check(
        &refused,
        "401 invalid_api_key Incorrect API key provided: sk-w****",
    );
    assert!(!refused.text.contains(&wrong[..12]));
    assert_eq!(ask(right).await.unwrap().status(), 200);
}

#[tokio::test]
async fn chat_requests_that_make_no_sense_are_refused() {
    let sim = start().await;
    for (fields, expected) in [
        (json!({"model": "gpt-0"}), "404 model_not_found `gpt-0`"),
        (
            json!({"model": "text-embedding-3-small"}),
            "404 null v1/chat/completions",
        ),
        (json!({"model": null}), "400 null model parameter"),
        (
            json!({"messages": null}),
            "400 missing_required_parameter 'messages'",
        ),
        (json!({"messages": []}), "400 empty_array messages"),
        (json!({"messages": "hi"}), "400 invalid_type a string"),
        (
            json!({"messages": [{"role": "king"}]}),
            "400 invalid_value king",
        ),
        (json!({"n": 0}), "400 integer_below_min_value 'n'"),
        (
            json!({"max_tokens": 999_999}),
            "400 integer_above_max_value 16384",
        ),
        (json!({"stop": 7}), "400 invalid_type stop"),
        (json!({"stream_options": {}}), "400 null stream_options"),
        (json!({"top_logprobs": 2}), "400 null logprobs"),
        (
            json!({"response_format": {"type": "xml"}}),
            "400 invalid_type response_format",
        ),
    ] {
        let answer = post(&sim, "/chat/completions", &with(question("Hello"), fields)).await;
        check(&answer, expected);
    }
    let long = question(&"word ".repeat(130_000));
    let answer = post(&sim, "/chat/completions", &long).await;
    check(&answer, "400 context_length_exceeded 128000");
    assert_eq!(sim.bill().total().calls, 0);
}

#[tokio::test]
async fn the_newest_models_refuse_old_parameters() {
    let sim = start().await;
    let ask = |fields: Value| {
        with(
            with(question("Hello"), json!({"model": "gpt-6-luna"})),
            fields,
        )
    };
    for (fields, expected) in [
        (
            json!({"max_tokens": 5}),
            "400 unsupported_parameter max_completion_tokens",
        ),
        (
            json!({"temperature": 0}),
            "400 unsupported_parameter temperature",
        ),
        (
            json!({"logprobs": true}),
            "400 unsupported_parameter logprobs",
        ),
    ] {
        check(
            &post(&sim, "/chat/completions", &ask(fields)).await,
            expected,
        );
    }
    let served = ask(json!({"max_completion_tokens": 5, "temperature": 1, "logprobs": false}));
    assert_eq!(post(&sim, "/chat/completions", &served).await.status, 200);
}

#[tokio::test]
async fn embeddings_requests_that_make_no_sense_are_refused() {
    let sim = start().await;
    for (fields, expected) in [
        (
            json!({"input": null}),
            "400 missing_required_parameter input",
        ),
        (json!({"input": ""}), "400 invalid_value empty"),
        (json!({"input": []}), "400 invalid_value holds 0"),
        (json!({"input": vec!["a"; 2049]}), "400 invalid_value 2049"),
        (json!({"input": [{}]}), "400 invalid_type an object"),
        (
            json!({"input": "word ".repeat(9000)}),
            "400 context_length_exceeded 8192",
        ),
        (json!({"encoding_format": "hex"}), "400 invalid_value hex"),
        (json!({"model": "gpt-4o"}), "404 null v1/embeddings"),
    ] {
        check(
            &post(&sim, "/embeddings", &with(embedding("text"), fields)).await,
            expected,
        );
    }
}

#[tokio::test]
async fn what_is_no_json_or_no_route_is_refused() {
    let sim = start().await;
    let send = |body: &'static str| {
        client()
            .post(sim.base_url() + "/chat/completions")
            .body(body)
            .send()
    };
    for body in ["", "{", "[]", "\"text\"", "{\"model\": \"gpt-4o\"} more"] {
        check(
            &read(send(body).await.unwrap()).await,
            "400 null parsed as a JSON object",
        );
    }
    check(&get(&sim, "/nothing").await, "404 unknown_url GET /nothing");
    check(
        &get(&sim, "/embeddings").await,
        "405 method_not_supported GET",
    );
    let outside = client()
        .get(format!("http://{}/models", sim.address()))
        .send()
        .await
        .unwrap();
    check(&read(outside).await, "404 unknown_url /models");
}

#[tokio::test]
async fn a_prefix_of_its_own_is_served() {
    let options = SimOptions {
        prefix: "/openai/deployments/a".to_owned(),
        ..SimOptions::default()
    };
    let sim = Sim::start(options).await.unwrap();
    assert_eq!(get(&sim, "/models?beta=true").await.status, 200);
    assert_eq!(
        (
            sim.calls()[0].path.as_str(),
            sim.calls()[0].query.as_deref()
        ),
        ("/models", Some("beta=true"))
    );
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_before_it_is_sent() {
    let sim = start().await;
    let mut stream = TcpStream::connect(sim.address()).await.unwrap();
    let head = "POST /v1/embeddings HTTP/1.1\r\nhost: sim\r\ncontent-length: 99999999\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut received = String::new();
    stream.read_to_string(&mut received).await.unwrap();
    assert!(received.starts_with("HTTP/1.1 413 "), "{received}");
    assert_eq!(sim.calls().len(), 0);
}

#[tokio::test]
async fn only_loopback_is_listened_on() {
    let options = SimOptions {
        listen: "0.0.0.0:0".parse().unwrap(),
        ..SimOptions::default()
    };
    assert!(Sim::start(options).await.is_err());
}
