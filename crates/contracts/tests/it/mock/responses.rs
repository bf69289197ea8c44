//! Responses, whole and as a stream, and what is asked about them later.
//!
//! Invariants: none of its own.
//! Does not know: what is said.

use openai_sim::{Script, Sim};
use serde_json::{Value, json};

use super::calls::extend;
use super::{Call, contracts, expect_true, findings, json, observe_all, start};

pub(super) const RESPONSES: &str = "/responses";

pub(super) fn ask(model: &str, fields: Value) -> Value {
    let mut request = json!({"model": model, "input": "What is the weather in Rome?"});
    extend(&mut request, fields);
    request
}

fn tools() -> Value {
    let parameters = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    json!([{"type": "function", "name": "get_weather", "parameters": parameters, "strict": false}])
}

/// Requests that bring out every field which the simulator knows.
pub(super) fn requests() -> Vec<Value> {
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    let format = json!({"format": {"type": "json_schema", "name": "place", "schema": schema, "strict": true}, "verbosity": "low"});
    let items = json!([
        {"role": "user", "content": [{"type": "input_text", "text": "What is the weather in Rome?"}]},
        {"type": "function_call", "call_id": "call_1", "name": "get_weather", "arguments": "{\"city\":\"Rome\"}"},
        {"type": "function_call_output", "call_id": "call_1", "output": "The weather in Rome is warm."}
    ]);
    let forced = json!({"type": "function", "name": "get_weather"});
    vec![
        ask("gpt-4o-mini", json!({})),
        ask(
            "gpt-4o-mini",
            json!({"instructions": "Be kind.", "max_output_tokens": 16, "service_tier": "flex", "user": "u"}),
        ),
        ask(
            "gpt-4o",
            json!({"tools": tools(), "tool_choice": forced, "parallel_tool_calls": false}),
        ),
        ask(
            "gpt-4o",
            json!({"input": items, "tools": tools(), "store": false, "metadata": {"for": "a test"}}),
        ),
        ask(
            "gpt-4.1",
            json!({"include": ["message.output_text.logprobs"], "top_logprobs": 2, "temperature": 0}),
        ),
        ask(
            "gpt-6-luna",
            json!({"text": format, "reasoning": {"effort": "low", "summary": "auto"}}),
        ),
        ask(
            "gpt-6-luna",
            json!({"reasoning": {"effort": "low"}, "include": ["reasoning.encrypted_content"]}),
        ),
        ask("gpt-4o", json!({"tools": [{"type": "web_search"}]})),
    ]
}

/// What is scripted in turn for further calls with the first request.
fn scripts() -> Vec<Script> {
    vec![
        Script::new().tool_usage(json!({"web_search": {"num_requests": 2}})),
        Script::new().refusal("I will not."),
        Script::new().finish_reason("content_filter"),
        Script::new().failure("server_error"),
        Script::new().usage(10, 20).cached(4, 2).reasoning(5),
        Script::new().text(&"a ".repeat(40)),
    ]
}

fn calls(sim: &Sim, stream: bool) -> Vec<Call> {
    let mut all = requests();
    for script in scripts() {
        sim.script(script);
        all.insert(0, ask("gpt-4o", json!({"max_output_tokens": 32})));
    }
    let call = |mut request: Value| {
        if stream {
            request["stream"] = json!(true);
        }
        Call::post(RESPONSES, request)
    };
    all.into_iter().map(call).collect()
}

#[tokio::test]
async fn whole_responses_keep_their_contract() {
    let sim = start().await;
    let calls = calls(&sim, false);
    let exchanges = observe_all(&sim, calls).await;
    expect_true(&exchanges, 200);
    let usage = |exchange| json(exchange)[0]["usage"]["total_tokens"].is_u64();
    assert!(exchanges.iter().all(usage));
}

#[tokio::test]
async fn streams_of_responses_keep_contract_and_order() {
    let sim = start().await;
    let calls = calls(&sim, true);
    let exchanges = observe_all(&sim, calls).await;
    expect_true(&exchanges, 200);
    let contracts = contracts();
    let known = &contracts.get("response_event").unwrap().events;
    let seen = |kind: &&String| {
        let mut events = exchanges.iter().flat_map(json);
        events.any(|event| event["type"] == **kind)
    };
    assert!(known.len() >= 60 && known.keys().filter(seen).count() >= 22);
}

#[tokio::test]
async fn tool_calls_of_responses_keep_contract_and_order() {
    let sim = start().await;
    let request = |stream: bool| ask("gpt-4o", json!({"tools": tools(), "stream": stream}));
    let calls = [true, false].map(|stream| Call::post(RESPONSES, request(stream)));
    let exchanges = observe_all(&sim, calls.to_vec()).await;
    expect_true(&exchanges, 200);
    assert_eq!(json(&exchanges[1])[0]["output"][0]["type"], "function_call");
}

#[tokio::test]
async fn responses_in_the_background_keep_their_contract() {
    let sim = start().await;
    let background = |stream: bool| {
        let fields = json!({"background": true, "stream": stream});
        Call::post(RESPONSES, ask("gpt-4o", fields))
    };
    let made = observe_all(&sim, vec![background(true), background(false)]).await;
    expect_true(&made, 200);
    let path = format!("{RESPONSES}/{}", json(&made[1])[0]["id"].as_str().unwrap());
    let get = || Call::get("/responses/{id}", &path);
    let cancel = || Call::post("/responses/{id}/cancel", json!({})).at(&(path.clone() + "/cancel"));
    let looked = observe_all(&sim, vec![get(), get(), cancel()]).await;
    expect_true(&looked, 200);
    let statuses: Vec<&Value> = looked
        .iter()
        .map(|exchange| &json(exchange)[0]["status"])
        .collect();
    assert_eq!(statuses, ["in_progress", "completed", "completed"]);
}

#[tokio::test]
async fn what_is_asked_about_a_response_keeps_its_contract() {
    let sim = start().await;
    let count = Call::post("/responses/input_tokens", ask("gpt-4o", json!({})));
    let conversation = Call::post("/conversations", json!({}));
    let made = observe_all(
        &sim,
        vec![
            Call::post(RESPONSES, ask("gpt-4o", json!({}))),
            count,
            conversation,
        ],
    )
    .await;
    expect_true(&made, 200);
    let path = |exchange: usize, route: &str| {
        format!(
            "{route}/{}",
            json(&made[exchange])[0]["id"].as_str().unwrap()
        )
    };
    let (response, talk) = (path(0, RESPONSES), path(2, "/conversations"));
    let asked = vec![
        Call::get(
            "/responses/{id}/input_items",
            &(response.clone() + "/input_items"),
        ),
        Call::get("/conversations/{id}", &talk),
        Call::get("/conversations/{id}/items", &(talk.clone() + "/items")),
        Call::delete("/responses/{id}", &response),
        Call::delete("/conversations/{id}", &talk),
    ];
    expect_true(&observe_all(&sim, asked).await, 200);
    let gone = vec![
        Call::get("/responses/{id}", &response),
        Call::delete("/conversations/{id}", &talk),
    ];
    expect_true(&observe_all(&sim, gone).await, 404);
    let refused = vec![
        Call::post(RESPONSES, ask("gpt-4o", json!({"messages": []}))),
        Call::post(
            RESPONSES,
            ask("gpt-4o", json!({"previous_response_id": "resp_0"})),
        ),
    ];
    expect_true(&observe_all(&sim, refused).await, 400);
}

#[tokio::test]
async fn an_error_inside_a_response_keeps_its_contract() {
    let sim = start().await;
    sim.script(Script::new().error_after_chunks(4));
    let call = Call::post(RESPONSES, ask("gpt-4o", json!({"stream": true})));
    let exchanges = observe_all(&sim, vec![call]).await;
    expect_true(&exchanges, 200);
    assert_eq!(json(&exchanges[0])[4]["type"], "error");
}

#[tokio::test]
async fn a_response_that_ends_too_early_is_noticed() {
    let sim = start().await;
    sim.script(Script::new().end_after_chunks(5));
    let call = Call::post(RESPONSES, ask("gpt-4o", json!({"stream": true})));
    let found = findings(contracts(), &observe_all(&sim, vec![call]).await);
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    for rule in ["a response ends once", "items come one after the other"] {
        assert!(
            found.iter().any(|finding| finding.contains(rule)),
            "{found:?}"
        );
    }
}
