//! Answers with a form: tool calls, whole and streamed, and JSON by a schema.
//!
//! Invariants: what a model fills in is read as JSON, never compared with words.
//! Does not know: which model answers.

use serde_json::{Value, json};

use super::generation::{body, chat_call, streamed};
use crate::answer::{list_at, text_at};
use crate::check::{BOTH, Check, Checked, Door, Stop, chat, ensure, fail};
use crate::world::World;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "generation.tools",
        shows: "a tool is called by name with arguments that are JSON",
        doors: BOTH,
        calls: &[chat(1, 512, 96)],
        run: |world, door| Box::pin(tools(world, door)),
    },
    Check {
        id: "generation.stream.tools",
        shows: "the pieces of a streamed tool call join to JSON",
        doors: BOTH,
        calls: &[chat(1, 512, 96)],
        run: |world, door| Box::pin(streamed_tools(world, door)),
    },
    Check {
        id: "generation.structured",
        shows: "an answer by a schema is JSON with its fields",
        doors: BOTH,
        calls: &[chat(1, 512, 96)],
        run: |world, door| Box::pin(structured(world, door)),
    },
];

fn tool() -> Value {
    json!({
        "tools": [{"type": "function", "function": {
            "name": "get_weather",
            "description": "Tells the weather of a city.",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": false},
        }}],
        "tool_choice": "required",
    })
}

const QUESTION: &str = "What is the weather in Paris?";

fn arguments(name: &str, text: &str) -> Result<(), Stop> {
    ensure(name == "get_weather", || {
        format!("a tool `{name}` is called")
    })?;
    let arguments: Value = serde_json::from_str(text)
        .map_err(|error| fail(format!("the arguments are no JSON: {error}")))?;
    ensure(arguments["city"].is_string(), || {
        format!("the arguments lack `city`: {arguments}")
    })
}

async fn tools(world: &World, door: Door) -> Checked {
    let json = chat_call(world, door, body(world, 96, QUESTION, &tool()))
        .await?
        .json();
    let calls = list_at(&json, "/choices/0/message/tool_calls")?;
    let call = calls.first().ok_or_else(|| fail("no tool is called"))?;
    ensure(
        call["type"] == "function" && call["id"].as_str().is_some_and(|id| !id.is_empty()),
        || format!("type and id of {call}"),
    )?;
    arguments(
        text_at(call, "/function/name")?,
        text_at(call, "/function/arguments")?,
    )?;
    Ok(vec![("tool_calls", calls.len() as f64)])
}

async fn streamed_tools(world: &World, door: Door) -> Checked {
    let mut members = tool();
    members["stream"] = json!(true);
    let answer = chat_call(world, door, body(world, 96, QUESTION, &members)).await?;
    let (_, chunks) = streamed(&answer)?;
    let deltas = || {
        chunks
            .iter()
            .filter_map(|chunk| chunk["choices"][0]["delta"]["tool_calls"].as_array())
            .flatten()
            .filter(|call| call["index"] == 0)
    };
    let joined = |field: &str| {
        deltas()
            .filter_map(|call| call["function"][field].as_str())
            .collect::<String>()
    };
    let ids = deltas().filter(|call| call["id"].is_string()).count();
    ensure(ids == 1, || {
        format!("the first call's id comes {ids} times")
    })?;
    arguments(&joined("name"), &joined("arguments"))?;
    Ok(vec![("chunks", chunks.len() as f64)])
}

async fn structured(world: &World, door: Door) -> Checked {
    let schema = json!({
        "type": "object",
        "properties": {"city": {"type": "string"}, "inhabitants": {"type": "integer"}},
        "required": ["city", "inhabitants"],
        "additionalProperties": false,
    });
    let format = json!({"response_format": {"type": "json_schema", "json_schema": {"name": "town", "strict": true, "schema": schema}}});
    let json = chat_call(
        world,
        door,
        body(
            world,
            96,
            "Name a town and how many people live there.",
            &format,
        ),
    )
    .await?
    .json();
    let text = text_at(&json, "/choices/0/message/content")?;
    let town: Value = serde_json::from_str(text)
        .map_err(|error| fail(format!("the text is no JSON: {error}")))?;
    ensure(
        town["city"].is_string() && town["inhabitants"].is_i64(),
        || "the fields of the schema are not there".to_owned(),
    )?;
    Ok(Vec::new())
}
