//! Whole chat answers.
//!
//! Invariants: what is asserted is what the API reference says of the object.
//! Does not know: streams.

use openai_sim::Script;
use serde_json::{Value, json};

use super::{post, question, start, with};

async fn answer(request: Value) -> Value {
    let answer = post(&start().await, "/chat/completions", &request).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

fn weather_tool() -> Value {
    let parameters = json!({"type": "object", "properties": {
        "city": {"type": "string"}, "unit": {"enum": ["celsius", "fahrenheit"]}, "days": {"type": "integer"},
    }});
    json!([{"type": "function", "function": {"name": "get_weather", "description": "Weather of a city", "parameters": parameters}}])
}

#[tokio::test]
async fn a_question_is_answered_by_a_sentence_of_the_prompt() {
    let context = "The depot closes at noon on Fridays. The manager is Rosa Luna.";
    let messages = json!([{"role": "system", "content": context}, {"role": "user", "content": "Who is the manager?"}]);
    let answer = answer(json!({"model": "gpt-4o-mini", "messages": messages})).await;
    assert_eq!(
        answer["choices"][0]["message"]["content"],
        "The manager is Rosa Luna."
    );
    assert_eq!(answer["choices"][0]["finish_reason"], "stop");
    assert_eq!(answer["object"], "chat.completion");
    assert_eq!(answer["model"], "gpt-4o-mini-2024-07-18");
    assert!(answer["id"].as_str().unwrap().starts_with("chatcmpl-"));
    let usage = &answer["usage"];
    assert_eq!(
        usage["total_tokens"].as_u64(),
        Some(
            usage["prompt_tokens"].as_u64().unwrap() + usage["completion_tokens"].as_u64().unwrap()
        )
    );
}

#[tokio::test]
async fn text_parts_are_read_like_text() {
    let parts = json!([{"type": "text", "text": "Cats purr."}, {"type": "text", "text": "Which animals purr?"}]);
    let answer =
        answer(json!({"model": "gpt-4o", "messages": [{"role": "user", "content": parts}]})).await;
    assert_eq!(answer["choices"][0]["message"]["content"], "Cats purr.");
}

#[tokio::test]
async fn choices_stops_and_limits_hold() {
    let request = question("Apples are red. Apples are sweet, they say. Are apples red?");
    let two = answer(with(request.clone(), json!({"n": 2}))).await;
    assert_eq!(two["choices"].as_array().unwrap().len(), 2);
    let one = answer(request.clone()).await;
    assert_eq!(
        two["usage"]["completion_tokens"],
        2 * one["usage"]["completion_tokens"].as_u64().unwrap()
    );
    let stopped = answer(with(request.clone(), json!({"stop": ["nowhere", " red"]}))).await;
    assert_eq!(stopped["choices"][0]["message"]["content"], "Apples are");
    for field in ["max_tokens", "max_completion_tokens"] {
        let limited = answer(with(request.clone(), json!({field: 1}))).await;
        assert_eq!(limited["choices"][0]["message"]["content"], "Apples");
        assert_eq!(limited["choices"][0]["finish_reason"], "length");
        assert_eq!(limited["usage"]["completion_tokens"], 1);
    }
}

#[tokio::test]
async fn a_tool_that_fits_is_called_and_one_that_does_not_is_not() {
    let tools = json!({"tools": weather_tool()});
    let called = answer(with(
        question("What is the weather in Paris for 3 days in celsius?"),
        tools.clone(),
    ))
    .await;
    let call = &called["choices"][0]["message"]["tool_calls"][0];
    assert_eq!(called["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!(called["choices"][0]["message"]["content"], Value::Null);
    assert_eq!(call["function"]["name"], "get_weather");
    let arguments: Value =
        serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap();
    assert_eq!(
        arguments,
        json!({"city": "Paris", "unit": "celsius", "days": 3})
    );
    let talked = answer(with(question("How are you?"), tools.clone())).await;
    assert_eq!(talked["choices"][0]["message"]["tool_calls"], Value::Null);
    let forced = answer(with(
        with(question("How are you?"), tools),
        json!({"tool_choice": "required"}),
    ))
    .await;
    assert_eq!(
        forced["choices"][0]["message"]["tool_calls"][0]["type"],
        "function"
    );
}

#[tokio::test]
async fn a_tool_result_is_answered_with_text() {
    let mut request = with(
        question("What is the weather in Paris?"),
        json!({"tools": weather_tool()}),
    );
    let call = json!({"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}});
    request["messages"].as_array_mut().unwrap().extend([
        json!({"role": "assistant", "content": null, "tool_calls": [call]}),
        json!({"role": "tool", "tool_call_id": "call_1", "content": "The weather in Paris is mild."}),
    ]);
    assert_eq!(
        answer(request).await["choices"][0]["message"]["content"],
        "The weather in Paris is mild."
    );
}

#[tokio::test]
async fn a_response_format_gives_json_that_fits() {
    let object = answer(with(
        question("Say it in JSON"),
        json!({"response_format": {"type": "json_object"}}),
    ))
    .await;
    let schema = json!({"type": "object", "properties": {"steps": {"type": "array", "items": {"type": "string"}}, "sure": {"type": "boolean"}}});
    let format = json!({"type": "json_schema", "json_schema": {"name": "plan", "schema": schema}});
    let structured = answer(with(
        question("Plan it"),
        json!({"response_format": format}),
    ))
    .await;
    let text = |answer: &Value| {
        answer["choices"][0]["message"]["content"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert!(
        serde_json::from_str::<Value>(&text(&object))
            .unwrap()
            .is_object()
    );
    let structured: Value = serde_json::from_str(&text(&structured)).unwrap();
    assert!(
        structured["steps"][0].is_string() && structured["sure"].is_boolean(),
        "{structured}"
    );
}

#[tokio::test]
async fn logprobs_list_every_token() {
    let answer = answer(with(
        question("Birds fly. What do birds do?"),
        json!({"logprobs": true, "top_logprobs": 2}),
    ))
    .await;
    let tokens = answer["choices"][0]["logprobs"]["content"]
        .as_array()
        .unwrap();
    assert_eq!(
        tokens.len() as u64,
        answer["usage"]["completion_tokens"].as_u64().unwrap()
    );
    assert_eq!(
        tokens
            .iter()
            .map(|token| token["token"].as_str().unwrap())
            .collect::<String>(),
        "Birds fly."
    );
    assert!(
        tokens
            .iter()
            .all(|token| token["top_logprobs"].as_array().unwrap().len() == 2)
    );
}

#[tokio::test]
async fn a_script_chooses_text_model_tier_and_usage() {
    let sim = start().await;
    let script = Script::new()
        .text("As told.")
        .finish_reason("content_filter")
        .model("gpt-9")
        .service_tier("flex");
    sim.script(script.usage(1000, 50).cached(600, 100).reasoning(40));
    let answer = post(&sim, "/chat/completions", &question("Hello"))
        .await
        .json();
    assert_eq!(answer["choices"][0]["message"]["content"], "As told.");
    assert_eq!(answer["choices"][0]["finish_reason"], "content_filter");
    assert_eq!(
        (&answer["model"], &answer["service_tier"]),
        (&json!("gpt-9"), &json!("flex"))
    );
    assert_eq!(
        answer["usage"]["prompt_tokens_details"]["cached_tokens"],
        600
    );
    assert_eq!(
        answer["usage"]["prompt_tokens_details"]["cache_write_tokens"],
        100
    );
    assert_eq!(
        answer["usage"]["completion_tokens_details"]["reasoning_tokens"],
        40
    );
    assert_eq!(answer["usage"]["total_tokens"], 1050);
    assert_eq!(sim.bill().total().output_tokens, 50);
}
