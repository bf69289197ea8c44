//! Calls that bring out every field which the simulator knows.
//!
//! Invariants: none of them is refused unless it stands among the refused.
//! Does not know: what is answered.

use openai_sim::{Script, Sim};
use serde_json::{Value, json};

use super::Call;

pub(super) const CHAT: &str = "/chat/completions";
pub(super) const EMBEDDINGS: &str = "/embeddings";

pub(super) fn chat(model: &str, fields: Value) -> Value {
    let question = json!({"role": "user", "content": "What is the weather in Rome?"});
    let mut request = json!({"model": model, "messages": [question]});
    extend(&mut request, fields);
    request
}

/// Adds fields to a request.
pub(super) fn extend(request: &mut Value, fields: Value) {
    if let Value::Object(fields) = fields {
        for (name, value) in fields {
            request[name] = value;
        }
    }
}

pub(super) fn tools() -> Value {
    let parameters = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    json!([{"type": "function", "function": {"name": "get_weather", "parameters": parameters}}])
}

fn schema() -> Value {
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}, "warm": {"type": "boolean"}}});
    json!({"type": "json_schema", "json_schema": {"name": "weather", "strict": true, "schema": schema}})
}

/// Requests of whole answers.
pub(super) fn chats() -> Vec<Value> {
    let forced = json!({"type": "function", "function": {"name": "get_weather"}});
    let result = json!([
        {"role": "user", "content": [{"type": "text", "text": "What is the weather in Rome?"}]},
        {"role": "assistant", "content": null, "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": "{\"city\":\"Rome\"}"}}]},
        {"role": "tool", "tool_call_id": "call_1", "content": "The weather in Rome is warm."}
    ]);
    vec![
        chat("gpt-4o-mini", json!({})),
        chat(
            "gpt-4o-mini",
            json!({"n": 3, "max_tokens": 2, "service_tier": "flex"}),
        ),
        chat(
            "gpt-4o-mini",
            json!({"stop": ["weather"], "temperature": 0, "user": "u"}),
        ),
        chat("gpt-4o", json!({"tools": tools()})),
        chat("gpt-4o", json!({"tools": tools(), "tool_choice": forced})),
        chat(
            "gpt-4o",
            json!({"tools": tools(), "tool_choice": "none", "messages": result}),
        ),
        chat("gpt-4.1", json!({"logprobs": true, "top_logprobs": 2})),
        chat(
            "gpt-6-luna",
            json!({"response_format": {"type": "json_object"}}),
        ),
        chat(
            "gpt-6-luna",
            json!({"response_format": schema(), "max_completion_tokens": 64}),
        ),
    ]
}

/// The same as streams, usage asked for or not.
pub(super) fn streams(usage_asked: bool) -> Vec<Value> {
    let streamed = |mut request: Value| {
        request["stream"] = json!(true);
        if usage_asked {
            request["stream_options"] =
                json!({"include_usage": true, "include_obfuscation": false});
        }
        request
    };
    chats().into_iter().map(streamed).collect()
}

pub(super) fn embeddings() -> Vec<Value> {
    let small = |fields: Value| {
        let mut request = json!({"model": "text-embedding-3-small", "dimensions": 8});
        extend(&mut request, fields);
        request
    };
    vec![
        small(json!({"input": ["one", "two", "three"]})),
        small(json!({"input": ["one", "two"], "encoding_format": "base64"})),
        small(json!({"input": "one", "encoding_format": "float"})),
        small(json!({"input": [1, 2, 3]})),
        json!({"model": "text-embedding-ada-002", "input": "one", "encoding_format": "base64"}),
    ]
}

pub(super) fn post(route: &'static str, requests: Vec<Value>) -> Vec<Call> {
    let call = |request| Call::post(route, request);
    requests.into_iter().map(call).collect()
}

pub(super) fn models() -> Vec<Call> {
    vec![
        Call::get("/models", "/models"),
        Call::get("/models/{model}", "/models/gpt-4o"),
    ]
}

/// Refused by the simulator itself: the request is at fault.
pub(super) fn bad_requests() -> Vec<Call> {
    let long = "word ".repeat(9000);
    vec![
        Call::post(CHAT, json!({"model": "gpt-4o"})),
        Call::post(CHAT, chat("gpt-4o", json!({"n": 0}))),
        Call::post(CHAT, chat("gpt-6-luna", json!({"max_tokens": 4}))),
        Call::post(CHAT, json!({"model": "gpt-4o", "messages": "hello"})),
        Call::post(
            EMBEDDINGS,
            json!({"model": "text-embedding-3-small", "input": long}),
        ),
    ]
}

pub(super) fn unknown() -> Vec<Call> {
    vec![
        Call::post(CHAT, chat("gpt-0", json!({}))),
        Call::post(EMBEDDINGS, json!({"model": "gpt-0", "input": "one"})),
        Call::get("/models/{model}", "/models/gpt-0"),
        Call::get("/no-such-route", "/no-such-route"),
    ]
}

/// A refusal that the simulator is told to give: its status and how.
pub(super) fn told() -> Vec<(u16, Script)> {
    let throttled = || {
        Script::status(429)
            .header("retry-after", "1")
            .header("retry-after-ms", "900")
    };
    let quota = |code: &str| Script::status(429).kind("insufficient_quota").code(code);
    vec![
        (429, throttled()),
        (429, throttled().rate_limit(10_000, 0, "6ms")),
        (429, throttled().kind("tokens")),
        (429, throttled().kind("rate_limit_error").code("slow_down")),
        (429, quota("insufficient_quota")),
        (
            429,
            quota("credit_balance_exhausted").header("x-should-retry", "false"),
        ),
        (429, quota("project_spend_limit_exceeded")),
        (500, Script::status(500)),
        (503, Script::status(503).header("retry-after", "2")),
        (502, Script::status(502)),
        (403, Script::status(403)),
    ]
}

/// Gives the simulator the refusals of [`told`], and the calls that meet them.
pub(super) fn script(sim: &Sim) -> Vec<Call> {
    for (_, script) in told() {
        sim.script(script.on(CHAT));
    }
    let call = |_| Call::post(CHAT, chat("gpt-4o-mini", json!({})));
    told().iter().map(call).collect()
}
