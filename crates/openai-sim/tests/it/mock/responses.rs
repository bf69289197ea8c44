//! Responses: whole, streamed, stored, in the background.
//!
//! Invariants: whatever the way, the same text and the same bill.
//! Does not know: shapes, which the contracts hold; prices.

use openai_sim::{ModelBill, Script, Sim, SimOptions};
use serde_json::{Value, json};

use super::{delete, get, post, start, try_post, with};

const RESPONSES: &str = "/responses";

fn ask(text: &str) -> Value {
    json!({"model": "gpt-4o-mini", "input": text})
}

fn streamed(request: Value) -> Value {
    with(request, json!({"stream": true}))
}

fn tools() -> Value {
    let parameters = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    json!([{"type": "function", "name": "get_weather", "parameters": parameters}])
}

/// The types of a stream's events, those that follow each other told once.
fn kinds(events: &[Value]) -> Vec<&str> {
    let mut kinds: Vec<&str> = events
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    kinds.dedup();
    kinds
}

/// The value of a field, joined over the events of one type.
fn joined(events: &[Value], kind: &str, field: &str) -> String {
    let of_kind = events.iter().filter(|event| event["type"] == kind);
    of_kind
        .map(|event| event[field].as_str().unwrap())
        .collect()
}

fn text(response: &Value) -> &str {
    let output = response["output"].as_array().unwrap();
    let message = output.iter().find(|item| item["type"] == "message");
    message.unwrap()["content"][0]["text"].as_str().unwrap()
}

#[tokio::test]
async fn whole_and_streamed_say_and_bill_the_same() {
    let sim = start().await;
    let request = ask("Ships sail. What do ships do?");
    let whole = post(&sim, RESPONSES, &request).await.json();
    assert_eq!(
        (&whole["status"], text(&whole)),
        (&json!("completed"), "Ships sail.")
    );
    let answer = post(&sim, RESPONSES, &streamed(request)).await;
    let events = answer.chunks();
    assert_eq!(
        kinds(&events),
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ]
    );
    assert!(!answer.text.contains("[DONE]"));
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], json!(number));
        let name = format!("event: {}\ndata: ", event["type"].as_str().unwrap());
        assert!(answer.text.contains(&name));
    }
    assert_eq!(
        joined(&events, "response.output_text.delta", "delta"),
        "Ships sail."
    );
    let ended = &events.last().unwrap()["response"];
    assert_eq!(
        (&ended["usage"], text(ended)),
        (&whole["usage"], "Ships sail.")
    );
    let number = |name: &str| whole["usage"][name].as_u64().unwrap();
    let expected = ModelBill {
        calls: 2,
        input_tokens: 2 * number("input_tokens"),
        output_tokens: 2 * number("output_tokens"),
    };
    assert_eq!(sim.bill().of("gpt-4o-mini"), expected);
}

#[tokio::test]
async fn a_tool_is_called_and_its_result_answered() {
    let sim = start().await;
    let request = with(
        ask("What is the weather in Rome?"),
        json!({"tools": tools()}),
    );
    let events = post(&sim, RESPONSES, &streamed(request.clone()))
        .await
        .chunks();
    let arguments = joined(&events, "response.function_call_arguments.delta", "delta");
    assert_eq!(
        serde_json::from_str::<Value>(&arguments).unwrap(),
        json!({"city": "Rome"})
    );
    let first = events.last().unwrap()["response"].clone();
    let call = &first["output"][0];
    assert_eq!(
        (&call["name"], &call["arguments"]),
        (&json!("get_weather"), &json!(arguments))
    );
    let result = json!([{"type": "function_call_output", "call_id": call["call_id"], "output": "The weather in Rome is warm."}]);
    let next = with(
        request,
        json!({"input": result, "previous_response_id": first["id"]}),
    );
    let answer = post(&sim, RESPONSES, &next).await.json();
    assert_eq!(text(&answer), "The weather in Rome is warm.");
    assert_eq!(answer["previous_response_id"], first["id"]);
}

#[tokio::test]
async fn a_schema_shapes_the_text() {
    let sim = start().await;
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    let format = json!({"format": {"type": "json_schema", "name": "place", "schema": schema}});
    let request = with(ask("Which city is warm?"), json!({"text": format}));
    let answer = post(&sim, RESPONSES, &request).await.json();
    let said: Value = serde_json::from_str(text(&answer)).unwrap();
    assert!(said["city"].is_string());
}

#[tokio::test]
async fn reasoning_is_an_item_and_part_of_the_output() {
    let sim = start().await;
    let request = json!({
        "model": "gpt-6-luna", "input": "Doors open. What opens?",
        "reasoning": {"effort": "low", "summary": "auto"}, "include": ["reasoning.encrypted_content"],
    });
    let events = post(&sim, RESPONSES, &streamed(request.clone()))
        .await
        .chunks();
    assert!(!joined(&events, "response.reasoning_summary_text.delta", "delta").is_empty());
    let response = &events.last().unwrap()["response"];
    assert_eq!(response["output"][0]["type"], "reasoning");
    assert!(response["output"][0]["encrypted_content"].is_string());
    let usage = &response["usage"];
    assert_eq!(usage["output_tokens_details"]["reasoning_tokens"], 16);
    assert!(usage["output_tokens"].as_u64() > Some(16));
    assert_eq!(
        json!(sim.bill().total().output_tokens),
        usage["output_tokens"]
    );
    // Cut after the first events: what was thought is billed, though nothing of it was told.
    sim.reset();
    sim.script(Script::new().cut_after_chunks(2));
    let answer = try_post(&sim, RESPONSES, &streamed(request)).await.unwrap();
    assert!(answer.text().await.is_err());
    sim.idle().await;
    assert!(sim.bill().total().output_tokens >= 16);
}

async fn scripted(script: Script, fields: Value) -> Vec<Value> {
    let sim = start().await;
    sim.script(script);
    let request = streamed(with(ask("Doors open. What opens?"), fields));
    post(&sim, RESPONSES, &request).await.chunks()
}

#[tokio::test]
async fn responses_end_in_every_way() {
    let most = scripted(
        Script::new().text(&"a ".repeat(99)),
        json!({"max_output_tokens": 16}),
    )
    .await;
    let ended = most.last().unwrap();
    assert_eq!(ended["type"], "response.incomplete");
    let reason = &ended["response"]["incomplete_details"]["reason"];
    assert_eq!(
        (reason, &ended["response"]["usage"]["output_tokens"]),
        (&json!("max_output_tokens"), &json!(16))
    );
    let filtered = scripted(Script::new().finish_reason("content_filter"), json!({})).await;
    let reason = &filtered.last().unwrap()["response"]["incomplete_details"]["reason"];
    assert_eq!(reason, "content_filter");
    let failed = scripted(
        Script::new().failure("server_error").message("broke"),
        json!({}),
    )
    .await;
    let ended = failed.last().unwrap();
    let error = json!({"code": "server_error", "message": "broke"});
    assert_eq!(
        (&ended["type"], &ended["response"]["error"]),
        (&json!("response.failed"), &error)
    );
    let refused = scripted(Script::new().refusal("I will not."), json!({})).await;
    assert_eq!(
        joined(&refused, "response.refusal.delta", "delta"),
        "I will not."
    );
    let broken = scripted(
        Script::new()
            .error_after_chunks(3)
            .message("broke")
            .code("x"),
        json!({}),
    )
    .await;
    let error = json!({"type": "error", "code": "x", "message": "broke", "param": null, "sequence_number": 3});
    assert_eq!(broken.last(), Some(&error));
}

#[tokio::test]
async fn hosted_tools_are_counted_apart() {
    let script = Script::new().tool_usage(json!({"web_search": {"num_requests": 2}}));
    let events = scripted(
        script,
        json!({"tools": [{"type": "web_search"}], "service_tier": "fast"}),
    )
    .await;
    let response = &events.last().unwrap()["response"];
    assert_eq!(response["tool_usage"]["web_search"]["num_requests"], 2);
    assert_eq!(response["tool_usage"]["image_gen"]["total_tokens"], 0);
    assert_eq!(response["service_tier"], "priority");
    let searches = events
        .iter()
        .filter(|event| event["type"] == "response.web_search_call.completed");
    assert_eq!(searches.count(), 2);
}

#[tokio::test]
async fn responses_are_kept_listed_and_deleted_unless_told_not_to() {
    let sim = start().await;
    let first = post(&sim, RESPONSES, &ask("Doors open. What opens?"))
        .await
        .json();
    let path = format!("{RESPONSES}/{}", first["id"].as_str().unwrap());
    assert_eq!(get(&sim, &path).await.json(), first);
    let items = get(&sim, &(path.clone() + "/input_items?order=asc"))
        .await
        .json();
    assert_eq!(
        items["data"][0]["content"][0]["text"],
        "Doors open. What opens?"
    );
    let refused = post(&sim, &(path.clone() + "/cancel"), &json!({})).await;
    assert_eq!(refused.status, 400);
    assert_eq!(delete(&sim, &path).await.json()["deleted"], true);
    assert_eq!(get(&sim, &path).await.status, 404);
    let request = with(ask("Hello"), json!({"store": false}));
    let gone = post(&sim, RESPONSES, &request).await.json();
    let path = format!("{RESPONSES}/{}", gone["id"].as_str().unwrap());
    assert_eq!(get(&sim, &path).await.status, 404);
    let next = with(ask("Hello"), json!({"previous_response_id": gone["id"]}));
    let answer = post(&sim, RESPONSES, &next).await;
    assert_eq!(
        answer.json()["error"]["code"],
        "previous_response_not_found"
    );
    assert_eq!(sim.bill().total().calls, 2);
}

#[tokio::test]
async fn a_conversation_remembers_both_sides() {
    let sim = start().await;
    let conversation = post(&sim, "/conversations", &json!({})).await.json();
    let id = conversation["id"].as_str().unwrap();
    let talk = |text: &str| with(ask(text), json!({"conversation": id}));
    let fact = post(&sim, RESPONSES, &talk("The office opens at nine."))
        .await
        .json();
    assert_eq!(fact["conversation"]["id"], id);
    let answer = post(&sim, RESPONSES, &talk("When does the office open?"))
        .await
        .json();
    assert_eq!(text(&answer), "The office opens at nine.");
    assert!(answer["usage"]["input_tokens"].as_u64() > fact["usage"]["input_tokens"].as_u64());
    let path = format!("/conversations/{id}");
    let items = get(&sim, &(path.clone() + "/items")).await.json();
    assert_eq!(items["data"].as_array().unwrap().len(), 4);
    assert_eq!(delete(&sim, &path).await.json()["deleted"], true);
    assert_eq!(get(&sim, &path).await.status, 404);
}

#[tokio::test]
async fn work_in_the_background_is_billed_when_it_is_found_done() {
    let sim = start().await;
    sim.script(Script::new().polls(2).usage(10, 100));
    let request = with(ask("Hello"), json!({"background": true}));
    let queued = post(&sim, RESPONSES, &request).await.json();
    assert_eq!(
        (&queued["status"], &queued["usage"]),
        (&json!("queued"), &Value::Null)
    );
    let path = format!("{RESPONSES}/{}", queued["id"].as_str().unwrap());
    for (status, output) in [
        ("in_progress", 0),
        ("in_progress", 0),
        ("completed", 100),
        ("completed", 100),
    ] {
        assert_eq!(get(&sim, &path).await.json()["status"], status);
        let expected = ModelBill {
            calls: 1,
            input_tokens: 10,
            output_tokens: output,
        };
        assert_eq!(sim.bill().total(), expected);
    }
    assert_eq!(
        post(&sim, &(path + "/cancel"), &json!({})).await.json()["status"],
        "completed"
    );
}

#[tokio::test]
async fn cancelled_work_is_billed_as_far_as_it_went() {
    let sim = start().await;
    sim.script(Script::new().polls(4).usage(10, 100));
    let request = with(ask("Hello"), json!({"background": true}));
    let queued = post(&sim, RESPONSES, &request).await.json();
    let path = format!("{RESPONSES}/{}", queued["id"].as_str().unwrap());
    get(&sim, &path).await;
    let cancelled = post(&sim, &(path.clone() + "/cancel"), &json!({}))
        .await
        .json();
    assert_eq!(cancelled["status"], "cancelled");
    assert_eq!(get(&sim, &path).await.json()["status"], "cancelled");
    assert_eq!(sim.bill().total().output_tokens, 25);
    let streamed = with(request, json!({"stream": true}));
    let events = post(&sim, RESPONSES, &streamed).await.chunks();
    assert_eq!(
        kinds(&events)[..3],
        [
            "response.created",
            "response.queued",
            "response.in_progress"
        ]
    );
}

#[tokio::test]
async fn a_stream_that_is_left_is_billed_for_what_was_generated_and_can_be_asked_for() {
    let options = SimOptions {
        cancel_lag_tokens: 5,
        ..SimOptions::default()
    };
    let sim = Sim::start(options).await.unwrap();
    let hundred = "a".to_owned() + &" a".repeat(99);
    // Four events come before the first token.
    sim.script(Script::new().text(&hundred).stall_after_chunks(14));
    let mut response = try_post(&sim, RESPONSES, &streamed(ask("Hello")))
        .await
        .unwrap();
    let begun = response.chunk().await.unwrap().unwrap();
    drop(response);
    sim.idle().await;
    assert_eq!(sim.bill().total().output_tokens, 15);
    let begun = String::from_utf8_lossy(&begun).into_owned();
    let data = begun
        .lines()
        .find_map(|line| line.strip_prefix("data: "))
        .unwrap();
    let event: Value = serde_json::from_str(data).unwrap();
    let path = format!("{RESPONSES}/{}", event["response"]["id"].as_str().unwrap());
    assert_eq!(get(&sim, &path).await.json()["usage"]["output_tokens"], 100);
}

#[tokio::test]
async fn the_input_is_counted_free_and_exactly() {
    let sim = start().await;
    let request = with(
        ask("Hello"),
        json!({"tools": tools(), "instructions": "Be kind."}),
    );
    let counted = post(&sim, "/responses/input_tokens", &request).await.json();
    assert_eq!(sim.bill().total().calls, 0);
    let answer = post(&sim, RESPONSES, &request).await.json();
    assert_eq!(counted["input_tokens"], answer["usage"]["input_tokens"]);
    assert_eq!(counted["object"], "response.input_tokens");
}

#[tokio::test]
async fn what_the_api_refuses_is_refused() {
    let sim = start().await;
    for (fields, named) in [
        (json!({"input": null}), "input"),
        (json!({"messages": []}), "messages"),
        (json!({"max_output_tokens": 3}), "max_output_tokens"),
        (json!({"background": true, "store": false}), "background"),
        (
            json!({"model": "gpt-6-luna", "temperature": 0.5}),
            "temperature",
        ),
        (
            json!({"conversation": "conv_0", "previous_response_id": "resp_0"}),
            "conversation",
        ),
        (
            json!({"input": [{"role": "pirate", "content": "hi"}]}),
            "input",
        ),
    ] {
        let answer = post(&sim, RESPONSES, &with(ask("Hello"), fields)).await;
        assert_eq!(
            (answer.status, &answer.json()["error"]["param"]),
            (400, &json!(named))
        );
    }
    let unknown = post(
        &sim,
        RESPONSES,
        &with(ask("Hello"), json!({"conversation": "conv_0"})),
    )
    .await;
    assert_eq!(unknown.status, 404);
    sim.script(Script::status(503).on("/responses/{id}"));
    let kept = post(&sim, RESPONSES, &ask("Hello")).await.json();
    let path = format!("{RESPONSES}/{}", kept["id"].as_str().unwrap());
    assert_eq!(get(&sim, &path).await.status, 503);
    assert_eq!(get(&sim, &path).await.status, 200);
}
