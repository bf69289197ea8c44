//! Files, uploads, batches, vector stores.
//!
//! Invariants: none of its own.
//! Does not know: what files hold.

use contracts::Exchange;
use openai_sim::Sim;
use serde_json::{Value, json};

use super::{Call, expect_true, json, observe_all, start};

/// Makes the calls, which are all answered; gives the answers.
async fn done(sim: &Sim, calls: Vec<Call>) -> Vec<Exchange> {
    let exchanges = observe_all(sim, calls).await;
    expect_true(&exchanges, 200);
    exchanges
}

fn path(route: &str, exchange: &Exchange) -> String {
    format!("{route}/{}", json(exchange)[0]["id"].as_str().unwrap())
}

fn file(purpose: &str, content: &str) -> Call {
    Call::form(
        "/files",
        &[("purpose", purpose)],
        ("file", content.as_bytes()),
    )
}

#[tokio::test]
async fn files_keep_their_contracts() {
    let sim = start().await;
    let made = done(
        &sim,
        vec![file("user_data", "one two"), Call::get("/files", "/files")],
    )
    .await;
    let path = path("/files", &made[0]);
    let content = path.clone() + "/content";
    let calls = vec![
        Call::get("/files/{id}", &path),
        Call::get("/files/{id}/content", &content),
        Call::delete("/files/{id}", &path),
    ];
    done(&sim, calls).await;
    let gone = vec![
        Call::get("/files/{id}", &path),
        Call::get("/files/{id}/content", &content),
    ];
    expect_true(&observe_all(&sim, gone).await, 404);
}

#[tokio::test]
async fn uploads_keep_their_contracts() {
    let sim = start().await;
    let new = || {
        Call::post(
            "/uploads",
            json!({"filename": "a", "purpose": "user_data", "bytes": 3, "mime_type": "text/plain"}),
        )
    };
    let made = done(&sim, vec![new(), new()]).await;
    let (first, second) = (path("/uploads", &made[0]), path("/uploads", &made[1]));
    let part =
        Call::form("/uploads/{id}/parts", &[], ("data", b"one")).at(&(first.clone() + "/parts"));
    let part = done(&sim, vec![part]).await;
    let parts = json!({"part_ids": [json(&part[0])[0]["id"]]});
    let calls = vec![
        Call::post("/uploads/{id}/complete", parts).at(&(first + "/complete")),
        Call::post("/uploads/{id}/cancel", json!({})).at(&(second + "/cancel")),
    ];
    done(&sim, calls).await;
}

#[tokio::test]
async fn batches_keep_their_contracts() {
    let sim = start().await;
    let body = json!({"model": "gpt-4o-mini", "input": "Hello"});
    let line = json!({"custom_id": "a", "method": "POST", "url": "/v1/responses", "body": body});
    let made = done(&sim, vec![file("batch", &format!("{line}\nno call"))]).await;
    let input = &json(&made[0])[0]["id"];
    let new = || {
        Call::post(
            "/batches",
            json!({"input_file_id": input, "endpoint": "/v1/responses", "completion_window": "24h"}),
        )
    };
    let made = done(&sim, vec![new(), new()]).await;
    let (first, second) = (path("/batches", &made[0]), path("/batches", &made[1]));
    let get = |path: &str| Call::get("/batches/{id}", path);
    let calls = vec![
        get(&first),
        Call::post("/batches/{id}/cancel", json!({})).at(&(second.clone() + "/cancel")),
        get(&second),
        get(&first),
        Call::get("/batches", "/batches"),
    ];
    let looked = done(&sim, calls).await;
    let ended = json(&looked[3])[0];
    assert_eq!(
        (&ended["status"], ended["usage"].is_object()),
        (&json!("completed"), true)
    );
    assert_ne!(ended["error_file_id"], Value::Null);
}

#[tokio::test]
async fn vector_stores_keep_their_contracts() {
    let sim = start().await;
    let made = done(
        &sim,
        vec![
            file("assistants", "one"),
            Call::post("/vector_stores", json!({"name": "s"})),
        ],
    )
    .await;
    let store = path("/vector_stores", &made[1]);
    let id = json(&made[0])[0]["id"].as_str().unwrap();
    let files = store.clone() + "/files";
    let one = format!("{files}/{id}");
    let calls = vec![
        Call::post("/vector_stores/{id}/files", json!({"file_id": id})).at(&files),
        Call::get("/vector_stores/{id}/files", &files),
        Call::get("/vector_stores/{id}/files/{file}", &one),
        Call::get("/vector_stores/{id}", &store),
        Call::post("/vector_stores/{id}", json!({"metadata": {"a": "b"}})).at(&store),
        Call::get("/vector_stores", "/vector_stores"),
        Call::delete("/vector_stores/{id}/files/{file}", &one),
        Call::delete("/vector_stores/{id}", &store),
    ];
    done(&sim, calls).await;
}
