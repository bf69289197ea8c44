//! The SDKs that applications use, of Python and Node, through keyward.
//!
//! Invariants: the SDKs are the pinned ones that the tier's command installed; what they say was used is what the ledger has.
//! Does not know: HTTP.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Place, Running, text};

const CHAT_MODEL: &str = "gpt-4o-mini";
const EMBED_MODEL: &str = "text-embedding-3-small";

/// A variable that the tier's command sets.
fn given(name: &str) -> String {
    #[expect(
        clippy::disallowed_methods,
        reason = "the tier's command hands the prepared SDKs over in the environment"
    )]
    let value = std::env::var(name);
    value.unwrap_or_else(|_| {
        panic!("{name} is not set; run cargo xtask test-integration, which installs the SDKs")
    })
}

/// Runs a client script against a server and reads the one line of JSON that it writes.
fn run(command: &mut Command, server: &Running, key: &str) -> Value {
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("OPENAI_BASE_URL", &server.base_url)
        .env("OPENAI_API_KEY", key);
    command
        .env("CHAT_MODEL", CHAT_MODEL)
        .env("EMBED_MODEL", EMBED_MODEL);
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{}\n{}",
        text(&output.stderr),
        server.written()
    );
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", text(&output.stdout)))
}

fn check(script: &str, command: &mut Command) {
    let place = Place::new(&[]);
    let server = place.serve();
    let key = server.first_key.clone().unwrap();
    let result = run(command, &server, &key);
    let whole = &result["chat"];
    assert!(
        !whole["text"].as_str().unwrap().is_empty(),
        "{script}: {result}"
    );
    assert_eq!(
        result["stream"]["text"], whole["text"],
        "{script}: a stream says what the whole answer says"
    );
    assert_eq!(
        result["stream"]["usage"],
        Value::Null,
        "{script}: nobody asked for usage"
    );
    assert_eq!(
        result["stream_with_usage"]["text"], whole["text"],
        "{script}"
    );
    assert_eq!(
        result["stream_with_usage"]["usage"], whole["usage"],
        "{script}"
    );
    assert!(result["models"].as_u64().unwrap() > 5, "{script}: {result}");
    assert_eq!(
        result["embedding"]["dimensions"], 1536,
        "{script}: {result}"
    );
    assert_eq!(result["embeddings"]["count"], 3, "{script}: {result}");
    assert_eq!(
        result["tool_call"]["name"], "get_weather",
        "{script}: {result}"
    );
    assert_eq!(
        result["errors"]["bad_model"], "BadRequestError",
        "{script}: an unpriced model is a 400"
    );
    assert_eq!(
        result["errors"]["bad_key"], "AuthenticationError",
        "{script}"
    );

    let report = place.json(&["usage", "--by", "model", "--format", "json"]);
    let row = |model: &str| {
        report["rows"]
            .as_array()
            .unwrap()
            .iter()
            .find(|row| row["group"] == model)
            .unwrap()
            .clone()
    };
    assert_eq!(
        row(CHAT_MODEL)["requests"],
        4,
        "{script}: whole, stream, stream with usage, tool call"
    );
    assert_eq!(row(EMBED_MODEL)["requests"], 2, "{script}");
}

#[test]
#[ignore = "integration tier"]
fn the_python_sdk_works_by_changing_base_url() {
    let mut command = Command::new(given("KEYWARD_TEST_PYTHON"));
    command.arg(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/clients/python/exercise.py"
    ));
    check("python", &mut command);
}

#[test]
#[ignore = "integration tier"]
fn the_node_sdk_works_by_changing_base_url() {
    let mut command = Command::new(given("KEYWARD_TEST_NODE"));
    // ES modules are found beside the script, so the prepared folder holds a copy of it.
    let prepared = std::path::PathBuf::from(given("KEYWARD_TEST_NODE_MODULES"))
        .parent()
        .unwrap()
        .join("exercise.mjs");
    command.arg(prepared);
    check("node", &mut command);
}

/// Runs a script of applications and holds what it saw to what is expected of each case.
fn check_cases(command: &mut Command, expected: &Value) -> Value {
    let place = Place::new(&[]);
    let server = place.serve();
    let key = server.first_key.clone().unwrap();
    let result = run(command, &server, &key);
    for (case, expected) in expected.as_object().unwrap() {
        assert_eq!(result[case], *expected, "{case}: {result}");
    }
    let report = place.json(&["usage", "--by", "model", "--format", "json"]);
    let rows = report["rows"].as_array().unwrap();
    let row = rows.iter().find(|row| row["group"] == CHAT_MODEL).unwrap();
    assert!(
        row["requests"].as_u64().unwrap() >= 4 && row["cost_usd"] != "0",
        "{report}"
    );
    result
}

#[test]
#[ignore = "integration tier"]
fn python_applications_work_by_changing_base_url() {
    let mut command = Command::new(given("KEYWARD_TEST_PYTHON"));
    command.arg(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/clients/python/applications.py"
    ));
    let result = check_cases(
        &mut command,
        &json!({
            "structured_output": ["City", "City"],
            "completion": 8,
            "token_ids": 2,
            "moderation": 1,
            "images": true,
            "speech": true,
            "files": 1,
            "large_unicode": true,
            "errors": {
                "missing": ["NotFoundError", "object_not_found"],
                "refused": ["PermissionDeniedError", "route_refused"],
                "field": ["BadRequestError", "unsupported_parameter"],
                "model": ["BadRequestError", "model_price_unknown"],
                "key": ["AuthenticationError", "invalid_api_key"],
            },
            "azure_header": "completed",
            "cancelled_stream": "left",
            "langchain": {"tokens": true, "vectors": 2},
        }),
    );
    let agent = &result["agent"];
    assert_eq!(
        (&agent["raw"], &agent["requests"]),
        (&json!(true), &json!(2)),
        "{result}"
    );
    let items = ["MessageOutputItem", "ToolCallItem", "ToolCallOutputItem"];
    assert_eq!(agent["items"], json!(items), "the agent called its tool");
    for counted in ["response_whole", "response_streamed"] {
        assert!(result[counted].as_u64().unwrap() > 0, "{result}");
    }
    assert!(
        result["raw_headers"]
            .as_str()
            .unwrap()
            .starts_with("0.0000")
    );
}

#[test]
#[ignore = "integration tier"]
fn llama_index_works_by_changing_base_url() {
    let mut command = Command::new(given("KEYWARD_TEST_LLAMA_PYTHON"));
    command.arg(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/clients/llama/exercise.py"
    ));
    check_cases(
        &mut command,
        &json!({"chat": true, "tool": "weather", "responses": true, "streamed_responses": true, "vectors": 3}),
    );
}

#[test]
#[ignore = "integration tier"]
fn node_applications_work_by_changing_base_url() {
    let mut command = Command::new(given("KEYWARD_TEST_NODE"));
    let prepared = std::path::PathBuf::from(given("KEYWARD_TEST_NODE_MODULES"));
    command.arg(prepared.parent().unwrap().join("applications.mjs"));
    let vercel = json!({"same": true, "usage": true, "calls": ["weather"], "steps": 2});
    check_cases(
        &mut command,
        &json!({
            "responses": {"same": true, "last": "response.completed", "continued": "completed"},
            "files": {"down": "lights", "listed": 1},
            "errors": {
                "missing": ["NotFoundError", "object_not_found"],
                "field": ["BadRequestError", "unsupported_parameter"],
            },
            "vercel_responses": vercel,
            "vercel_chat": vercel,
            "vercel_vectors": 2,
        }),
    );
}
