//! Laws of scrubbing, over responses and their events.
//!
//! Invariants: every exchange that is scrubbed here is scrubbed twice, written and read.
//! Does not know: how traffic is recorded or played.

use super::Recorded;
use super::tests::{cut, exchange, scrubbed, text, words};
use proptest::prelude::{any, prop, proptest};
use serde_json::{Value, json};

const PATH: &str = "/responses";

/// A stream in which an item says `said` in pieces, as a text or as a call's arguments, beside another that says `other`.
fn stream(said: &[String], call: bool, other: &str) -> String {
    let whole = said.concat();
    let (word, name) = match call {
        true => ("function_call_arguments", "arguments"),
        false => ("output_text", "text"),
    };
    let first = |kind: &str, name: &str, value: &str| json!({"type": kind, "item_id": "msg_A1b2C3d4", "output_index": 0, name: value});
    let second = json!({"type": "response.output_text.delta", "item_id": "msg_E5f6A7b8", "output_index": 1, "content_index": 0, "delta": other});
    let mut events = vec![
        json!({"type": "response.created", "response": {"id": "resp_Z9y8X7w6", "created_at": 1_795_555_555u64, "status": "in_progress"}}),
    ];
    let delta = format!("response.{word}.delta");
    events.extend(said.iter().map(|piece| first(&delta, "delta", piece)));
    events.push(first(&format!("response.{word}.done"), name, &whole));
    events.push(second);
    let item = match call {
        true => {
            json!({"id": "msg_A1b2C3d4", "type": "function_call", "name": "get_weather", "status": "completed", "arguments": whole})
        }
        false => {
            json!({"id": "msg_A1b2C3d4", "type": "message", "status": "completed", "content": [{"type": "output_text", "text": whole}]})
        }
    };
    events.push(json!({"type": "response.completed", "response": {
        "id": "resp_Z9y8X7w6", "created_at": 1_795_555_555u64, "status": "completed", "output": [item],
        "usage": {"input_tokens": 12345, "output_tokens": 3, "total_tokens": 12348},
    }}));
    let line = |event: &Value| {
        format!(
            "event: {}\ndata: {event}\n\n",
            event["type"].as_str().unwrap()
        )
    };
    events.iter().map(line).collect()
}

fn events(exchange: &Recorded) -> Vec<Value> {
    let body = String::from_utf8(exchange.body()).unwrap();
    let data = body.lines().filter_map(|line| line.strip_prefix("data: "));
    data.map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

/// What the first item said: joined, done, and at the end.
fn said(events: &[Value], name: &str) -> [String; 3] {
    let of_first = |event: &&Value| event["item_id"].is_string() && event["output_index"] == 0;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let joined = events
        .iter()
        .filter(of_first)
        .filter_map(|event| text(&event["delta"]));
    let done = events.iter().find_map(|event| text(&event[name]));
    let item = &events.last().unwrap()["response"]["output"][0];
    let ended = text(&item[name]).or_else(|| text(&item["content"][0][name]));
    [joined.collect(), done.unwrap(), ended.unwrap()]
}

proptest! {
    #[test]
    fn a_text_is_the_same_in_its_pieces_and_wherever_it_stands_whole(
        answer in text(), other in text(), pieces in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        chunks in prop::collection::vec(any::<prop::sample::Index>(), 0..6)
    ) {
        let body = stream(&cut(&answer, &pieces), false, &other);
        let request = json!({"model": "gpt-4o-mini", "input": answer, "instructions": other, "stream": true});
        let old = exchange(PATH, request, "text/event-stream", body.as_bytes(), &chunks);
        let new = scrubbed(&old, &[]);
        let [joined, done, ended] = said(&events(&new), "text");
        assert_eq!((&joined, &joined, answer.len()), (&done, &ended, joined.len()));
        let text = String::from_utf8(new.body()).unwrap() + &new.request.as_ref().unwrap().to_string();
        for word in words(&answer).chain(words(&other)) {
            let kept = word.chars().all(|letter| "789".contains(letter));
            assert!(kept || !text.contains(word), "{word} in {text}");
        }
        let lengths = |exchange: &Recorded| -> Vec<(u64, usize)> { exchange.chunks.iter().map(|chunk| (chunk.after_ms, chunk.bytes.len())).collect() };
        assert_eq!(lengths(&new), lengths(&old));
    }

    #[test]
    fn arguments_stay_json_in_their_pieces_and_whole(value in text(), other in text(), pieces in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
        let arguments = json!({"place": value, "days": 3}).to_string();
        let body = stream(&cut(&arguments, &pieces), true, &other);
        let new = scrubbed(&exchange(PATH, json!({}), "text/event-stream", body.as_bytes(), &[]), &[]);
        let [joined, done, ended] = said(&events(&new), "arguments");
        assert_eq!((&joined, &joined), (&done, &ended));
        let told: Value = serde_json::from_str(&joined).unwrap();
        assert_eq!((&told["days"], told["place"].as_str().unwrap().chars().count()), (&json!(3), value.chars().count()));
        assert_eq!(events(&new).last().unwrap()["response"]["output"][0]["name"], "get_weather");
    }
}

/// A response with an item of several kinds.
fn response() -> Value {
    json!({
        "id": "resp_Z9y8X7w6V5", "object": "response", "created_at": 1_795_555_555u64, "completed_at": 1_795_555_557u64,
        "status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}, "model": "gpt-4o-mini",
        "previous_response_id": "resp_A1b2C3d4E5", "conversation": {"id": "conv_0a1b2c3d4e5f"}, "truncation": "disabled",
        "output": [
            {"id": "fc_A1b2C3d4E5", "type": "function_call", "status": "completed", "call_id": "call_Q1w2E3r4", "name": "get_weather", "arguments": "{\"city\": \"Samarkand\"}"},
            {"id": "ci_A1b2C3d4E5", "type": "code_interpreter_call", "code": "print(\"Samarkand\")", "container_id": "cntr_Q1w2E3r4"},
            {"id": "ws_A1b2C3d4E5", "type": "web_search_call", "action": {"type": "search", "query": "Samarkand"}},
        ],
        "tools": [{"type": "function", "name": "get_weather", "description": "Weather in Samarkand"}],
        "text": {"format": {"type": "json_schema", "name": "weather", "schema": {"type": "object"}}, "verbosity": "low"},
        "usage": {"input_tokens": 12345, "output_tokens": 3, "total_tokens": 12348},
    })
}

/// What it may have been asked by.
fn request() -> Value {
    json!({
        "model": "gpt-4o-mini", "previous_response_id": "resp_A1b2C3d4E5", "conversation": "conv_0a1b2c3d4e5f", "include": ["reasoning.encrypted_content"],
        "input": [{"type": "function_call_output", "call_id": "call_Q1w2E3r4", "output": "Samarkand is warm"}],
        "tool_choice": {"type": "function", "name": "get_weather"},
    })
}

fn scrubbed_response() -> Recorded {
    let text = response().to_string();
    let old = exchange(
        "/responses/resp_Z9y8X7w6V5/cancel?after=msg_A1b2C3d4",
        request(),
        "application/json",
        text.as_bytes(),
        &[],
    );
    scrubbed(&old, &[])
}

#[test]
fn structure_of_a_response_stays_and_its_ids_are_one_everywhere() {
    let (body, new) = (response(), scrubbed_response());
    let (request, answer) = (
        new.request.unwrap(),
        serde_json::from_slice::<Value>(&new.chunks[0].bytes).unwrap(),
    );
    let id = answer["id"].as_str().unwrap();
    assert!(id.starts_with("resp_") && id != "resp_Z9y8X7w6V5");
    assert!(
        new.path
            .starts_with(&format!("/responses/{id}/cancel?after=msg_"))
            && !new.path.contains("A1b2"),
        "{}",
        new.path
    );
    assert_eq!(
        request["previous_response_id"],
        answer["previous_response_id"]
    );
    assert_eq!(request["conversation"], answer["conversation"]["id"]);
    assert_eq!(
        request["input"][0]["call_id"],
        answer["output"][0]["call_id"]
    );
    for place in [
        "/object",
        "/status",
        "/incomplete_details",
        "/model",
        "/truncation",
        "/output/0/name",
        "/output/0/type",
        "/tools/0/name",
        "/text",
        "/usage",
        "/output/2/action/type",
    ] {
        assert_eq!(answer.pointer(place), body.pointer(place), "{place}");
    }
    assert_eq!(
        answer["completed_at"].as_u64().unwrap() - answer["created_at"].as_u64().unwrap(),
        2
    );
    assert_eq!(
        (&request["include"], &request["tool_choice"]["name"]),
        (
            &json!(["reasoning.encrypted_content"]),
            &json!("get_weather")
        )
    );
}

#[test]
fn nothing_that_was_said_in_a_response_is_left() {
    let new = scrubbed_response();
    let text = format!(
        "{}{}",
        new.request.as_ref().unwrap(),
        String::from_utf8(new.body()).unwrap()
    );
    for gone in [
        "Samarkand",
        "Weather",
        "print",
        "A1b2C3d4",
        "Q1w2E3r4",
        "0a1b2c3d",
    ] {
        assert!(!text.contains(gone), "{gone} in {text}");
    }
}
