//! Responses recorded, scrubbed and replayed, over the wire.
//!
//! Invariants: the upstream is a simulator; who follows the ids of the answers gets the answers that belong to them.
//! Does not know: how a text is scrubbed, only what has to be true of it.

use openai_sim::{Recorder, Timing};
use serde_json::{Value, json};

use super::cassettes::play;
use super::{Answer, client, read, start, with};

/// The call that asks for logprobs.
const LOGGED: usize = 4;
const PRIVATE: [&str; 3] = ["zeppelin", "landed", "grandmother"];

async fn call(method: &str, url: String, body: &Value) -> Answer {
    let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
    let request = client().request(method, url);
    let request = match body {
        Value::Null => request,
        body => request.body(body.to_string()),
    };
    read(request.send().await.unwrap()).await
}

/// Calls that follow each other by the ids in the answers.
async fn answers(base_url: &str) -> Vec<Answer> {
    let asked = json!({"model": "gpt-4o-mini", "input": "The zeppelin landed beside grandmother. Where did the zeppelin land?"});
    let parameters = json!({"type": "object", "properties": {"place": {"type": "string"}, "unit": {"enum": ["celsius"]}}});
    let tools = json!([{"type": "function", "name": "find_landing", "description": "Find where a zeppelin landed", "parameters": parameters}]);
    let format =
        json!({"format": {"type": "json_schema", "name": "landing", "schema": parameters}});
    let streamed = json!({"stream": true});
    let logged =
        json!({"include": ["message.output_text.logprobs"], "top_logprobs": 1, "stream": true});
    let mut answers = Vec::new();
    for fields in [
        json!({}),
        streamed.clone(),
        with(
            streamed.clone(),
            json!({"tools": tools, "tool_choice": "required"}),
        ),
        with(streamed, json!({"text": format})),
        logged,
        json!({"messages": []}),
    ] {
        let request = with(asked.clone(), fields);
        answers.push(call("POST", format!("{base_url}/responses"), &request).await);
    }
    let first = answers[0].json();
    let path = format!("{base_url}/responses/{}", first["id"].as_str().unwrap());
    let next = with(asked, json!({"previous_response_id": first["id"]}));
    answers.push(call("GET", path.clone(), &Value::Null).await);
    answers.push(call("GET", path.clone() + "/input_items", &Value::Null).await);
    answers.push(call("POST", format!("{base_url}/responses"), &next).await);
    answers.push(call("DELETE", path.clone(), &Value::Null).await);
    answers.push(call("GET", path, &Value::Null).await);
    answers
}

/// The values of a field over the events of a kind, joined.
fn joined(events: &[Value], kind: &str, field: &str) -> String {
    let of_kind = events.iter().filter(|event| event["type"] == kind);
    of_kind
        .map(|event| event[field].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_replay_answers_who_follows_its_ids() {
    let sim = start().await;
    let recorder = Recorder::start(&sim.base_url()).await.unwrap();
    let recorded = answers(&recorder.base_url()).await;
    let mut cassette = recorder.finish().await;
    assert_eq!(cassette.chat_model, "gpt-4o-mini");
    cassette.scrub(&[]);
    let text = cassette.write().to_lowercase();
    assert!(PRIVATE.iter().all(|word| !text.contains(word)), "{text}");
    let replay = play(cassette, Timing::Fast).await;
    let replayed = answers(&replay.base_url()).await;
    for (at, (recorded, replayed)) in recorded.iter().zip(&replayed).enumerate() {
        let names = |answer: &Answer| answer.text.matches("event: response.").count();
        assert_eq!(
            (recorded.status, names(recorded)),
            (replayed.status, names(replayed))
        );
        // Bytes of tokens are numbers, of another length when the tokens are others.
        assert!(
            at == LOGGED || recorded.text.len() == replayed.text.len(),
            "{at}"
        );
    }
    let first = replayed[0].json();
    assert_ne!(first["id"], recorded[0].json()["id"]);
    assert_eq!(
        (&first["id"], &first["usage"]),
        (&replayed[6].json()["id"], &recorded[0].json()["usage"])
    );
    assert_eq!(replayed[8].json()["previous_response_id"], first["id"]);
    assert_eq!(
        (replayed[9].json()["deleted"].clone(), replayed[10].status),
        (json!(true), 404)
    );
    let text = first["output"][0]["content"][0]["text"].as_str().unwrap();
    for at in [1, LOGGED] {
        let events = replayed[at].chunks();
        assert_eq!(joined(&events, "response.output_text.delta", "delta"), text);
        assert_eq!(joined(&events, "response.output_text.done", "text"), text);
        let response = &events.last().unwrap()["response"];
        assert_eq!(response["output"][0]["content"][0]["text"], text);
        for (number, event) in events.iter().enumerate() {
            assert_eq!(event["sequence_number"], json!(number));
        }
    }
    let logged = replayed[LOGGED].chunks();
    let part = &logged.last().unwrap()["response"]["output"][0]["content"][0];
    let tokens = part["logprobs"].as_array().unwrap().iter();
    let tokens: String = tokens
        .map(|token| token["token"].as_str().unwrap())
        .collect();
    assert_eq!(tokens, text);
    let arguments = joined(
        &replayed[2].chunks(),
        "response.function_call_arguments.delta",
        "delta",
    );
    let schema = joined(&replayed[3].chunks(), "response.output_text.delta", "delta");
    for said in [arguments, schema] {
        let said: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(
            (said["unit"].as_str(), said["place"].is_string()),
            (Some("celsius"), true)
        );
    }
}
