//! Batches: lines that are answered later.
//!
//! Invariants: a line is answered as if it had come by itself, and billed once.
//! Does not know: that batches cost half.

use openai_sim::{ModelBill, Script, Sim};
use serde_json::{Value, json};

use super::{get, post, post_form, question, start};

fn line(custom_id: &str, body: &Value) -> String {
    json!({"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions", "body": body})
        .to_string()
}

/// A batch of three good lines and a bad one.
async fn begin(sim: &Sim, script: Script) -> Value {
    let lines = [
        line("a", &question("Doors open. What opens?")),
        line("b", &question("Ships sail. What do ships do?")),
        line("c", &json!({"model": "gpt-0"})),
        line("d", &question("Hello")),
    ]
    .join("\n");
    let parts: [(&str, Option<&str>, &[u8]); 2] = [
        ("purpose", None, b"batch"),
        ("file", Some("in.jsonl"), lines.as_bytes()),
    ];
    let file = post_form(sim, "/files", &parts).await.json();
    let request = json!({"input_file_id": file["id"], "endpoint": "/v1/chat/completions", "completion_window": "24h", "metadata": {"for": "a test"}});
    sim.script(script);
    post(sim, "/batches", &request).await.json()
}

fn path(batch: &Value) -> String {
    format!("/batches/{}", batch["id"].as_str().unwrap())
}

async fn lines(sim: &Sim, file: &Value) -> Vec<Value> {
    let content = get(sim, &format!("/files/{}/content", file.as_str().unwrap())).await;
    content
        .text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test]
async fn a_batch_is_done_after_some_looks_and_billed_then() {
    let sim = start().await;
    let batch = begin(&sim, Script::new().polls(2)).await;
    assert_eq!(
        (&batch["status"], &batch["request_counts"]["total"]),
        (&json!("validating"), &json!(4))
    );
    for _ in 0..2 {
        assert_eq!(
            get(&sim, &path(&batch)).await.json()["status"],
            "in_progress"
        );
        assert_eq!(sim.bill().total(), ModelBill::default());
    }
    let done = get(&sim, &path(&batch)).await.json();
    assert_eq!(
        (&done["status"], &done["model"]),
        (&json!("completed"), &json!("gpt-4o-mini-2024-07-18"))
    );
    assert_eq!(
        done["request_counts"],
        json!({"total": 4, "completed": 3, "failed": 1})
    );
    let good = lines(&sim, &done["output_file_id"]).await;
    let ids: Vec<&Value> = good.iter().map(|line| &line["custom_id"]).collect();
    assert_eq!(ids, ["a", "b", "d"]);
    let first = &good[0]["response"];
    assert_eq!(
        (
            &first["status_code"],
            &first["body"]["choices"][0]["message"]["content"]
        ),
        (&json!(200), &json!("Doors open."))
    );
    let bad = lines(&sim, &done["error_file_id"]).await;
    assert_eq!(
        (&bad[0]["custom_id"], &bad[0]["response"]["status_code"]),
        (&json!("c"), &json!(404))
    );
    let billed = sim.bill().of("gpt-4o-mini");
    assert_eq!(
        (
            billed.calls,
            json!(billed.input_tokens),
            json!(billed.output_tokens)
        ),
        (
            3,
            done["usage"]["input_tokens"].clone(),
            done["usage"]["output_tokens"].clone()
        )
    );
    assert_eq!(get(&sim, &path(&batch)).await.json(), done);
    assert_eq!(sim.bill().of("gpt-4o-mini"), billed);
    assert_eq!(get(&sim, "/batches").await.json()["data"][0], done);
}

#[tokio::test]
async fn a_cancelled_batch_is_billed_for_the_lines_that_were_done() {
    let sim = start().await;
    let batch = begin(&sim, Script::new().polls(2)).await;
    get(&sim, &path(&batch)).await;
    let cancelled = post(&sim, &(path(&batch) + "/cancel"), &json!({}))
        .await
        .json();
    assert_eq!(
        (
            &cancelled["status"],
            &cancelled["request_counts"]["completed"]
        ),
        (&json!("cancelling"), &json!(2))
    );
    assert_eq!(get(&sim, &path(&batch)).await.json()["status"], "cancelled");
    assert_eq!(sim.bill().total().calls, 2);
}

#[tokio::test]
async fn what_fails_is_not_billed_and_what_is_no_batch_is_refused() {
    let sim = start().await;
    let batch = begin(&sim, Script::new().failure("server_error").polls(0)).await;
    let done = get(&sim, &path(&batch)).await.json();
    assert_eq!(
        (&done["request_counts"]["failed"], &done["usage"]),
        (&json!(4), &Value::Null)
    );
    assert_eq!(sim.bill().total(), ModelBill::default());
    for (field, value, status) in [
        ("endpoint", json!("/v1/files"), 400),
        ("input_file_id", json!("file-0"), 404),
        ("completion_window", Value::Null, 400),
    ] {
        let mut request = json!({"input_file_id": batch["input_file_id"], "endpoint": "/v1/responses", "completion_window": "24h"});
        request[field] = value;
        assert_eq!(post(&sim, "/batches", &request).await.status, status);
    }
    assert_eq!(get(&sim, "/batches/batch_0").await.status, 404);
}
