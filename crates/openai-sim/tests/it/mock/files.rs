//! Files, uploads and vector stores: what is put there is there, and costs nothing.
//!
//! Invariants: bytes stay as they were sent.
//! Does not know: what files are for.

use openai_sim::Sim;
use serde_json::{Value, json};

use super::{delete, get, post, post_form, start};

/// The id of a new file.
async fn upload(sim: &Sim, purpose: &str, content: &[u8]) -> String {
    let parts: [(&str, Option<&str>, &[u8]); 2] = [
        ("purpose", None, purpose.as_bytes()),
        ("file", Some("a.txt"), content),
    ];
    let file = post_form(sim, "/files", &parts).await.json();
    assert_eq!(
        (&file["bytes"], &file["filename"]),
        (&json!(content.len()), &json!("a.txt"))
    );
    file["id"].as_str().unwrap().to_owned()
}

fn ids(list: &Value) -> Vec<&str> {
    let items = list["data"].as_array().unwrap();
    items
        .iter()
        .map(|item| item["id"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn files_are_kept_listed_read_and_deleted() {
    let sim = start().await;
    let first = upload(&sim, "user_data", b"one\r\n--two").await;
    let second = upload(&sim, "batch", b"two").await;
    let content = get(&sim, &format!("/files/{first}/content")).await;
    assert_eq!(
        (content.header("content-type"), &*content.text),
        ("application/octet-stream", "one\r\n--two")
    );
    let all = get(&sim, "/files").await.json();
    assert_eq!(ids(&all), [&second, &first]);
    let some = get(&sim, "/files?purpose=batch").await.json();
    assert_eq!(ids(&some), [&second]);
    let path = format!("/files/{first}");
    assert_eq!(get(&sim, &path).await.json()["purpose"], "user_data");
    assert_eq!(delete(&sim, &path).await.json()["deleted"], true);
    for path in [path.clone(), path + "/content"] {
        assert_eq!(get(&sim, &path).await.status, 404);
    }
    let wrong: [(&str, Option<&str>, &[u8]); 2] =
        [("purpose", None, b"fun"), ("file", Some("a"), b"")];
    for parts in [&wrong[..], &wrong[..1], &wrong[1..]] {
        assert_eq!(post_form(&sim, "/files", parts).await.status, 400);
    }
    assert_eq!(sim.bill().total().calls, 0);
    assert_eq!(
        post(&sim, &format!("/files/{second}"), &json!({}))
            .await
            .status,
        405
    );
}

#[tokio::test]
async fn parts_make_a_file_in_the_order_that_is_told() {
    let sim = start().await;
    let announced =
        json!({"filename": "b.txt", "purpose": "user_data", "bytes": 8, "mime_type": "text/plain"});
    let upload = post(&sim, "/uploads", &announced).await.json();
    let path = format!("/uploads/{}", upload["id"].as_str().unwrap());
    let mut parts = Vec::new();
    for bytes in [&b"last"[..], &b"1st:"[..]] {
        let part = post_form(
            &sim,
            &(path.clone() + "/parts"),
            &[("data", Some("x"), bytes)],
        )
        .await;
        parts.insert(0, part.json()["id"].clone());
    }
    let complete = path.clone() + "/complete";
    assert_eq!(
        post(&sim, &complete, &json!({"part_ids": [parts[0]]}))
            .await
            .status,
        400
    );
    let done = post(&sim, &complete, &json!({"part_ids": parts}))
        .await
        .json();
    assert_eq!(done["status"], "completed");
    let file = format!("/files/{}/content", done["file"]["id"].as_str().unwrap());
    assert_eq!(get(&sim, &file).await.text, "1st:last");
    assert_eq!(
        post(&sim, &(path + "/cancel"), &json!({})).await.status,
        400
    );
    let other = post(&sim, "/uploads", &announced).await.json();
    let path = format!("/uploads/{}/cancel", other["id"].as_str().unwrap());
    assert_eq!(
        post(&sim, &path, &json!({})).await.json()["status"],
        "cancelled"
    );
}

#[tokio::test]
async fn vector_stores_count_their_files() {
    let sim = start().await;
    let file = upload(&sim, "assistants", b"four").await;
    let store = post(
        &sim,
        "/vector_stores",
        &json!({"name": "s", "file_ids": [file]}),
    )
    .await
    .json();
    assert_eq!(
        (&store["usage_bytes"], &store["file_counts"]["total"]),
        (&json!(4), &json!(1))
    );
    let path = format!("/vector_stores/{}", store["id"].as_str().unwrap());
    let other = upload(&sim, "assistants", b"more").await;
    let files = path.clone() + "/files";
    assert_eq!(
        post(&sim, &files, &json!({"file_id": other})).await.json()["status"],
        "completed"
    );
    assert_eq!(ids(&get(&sim, &files).await.json()), [&other, &file]);
    let one = format!("{files}/{other}");
    assert_eq!(get(&sim, &one).await.json()["usage_bytes"], 4);
    assert_eq!(delete(&sim, &one).await.json()["deleted"], true);
    assert_eq!(get(&sim, &one).await.status, 404);
    let renamed = post(&sim, &path, &json!({"name": "t"})).await.json();
    assert_eq!(
        (&renamed["name"], &renamed["file_counts"]["total"]),
        (&json!("t"), &json!(1))
    );
    assert_eq!(ids(&get(&sim, "/vector_stores").await.json()).len(), 1);
    assert_eq!(delete(&sim, &path).await.json()["deleted"], true);
    assert_eq!(get(&sim, &path).await.status, 404);
    assert_eq!(
        post(&sim, "/vector_stores", &json!({"file_ids": ["file-0"]}))
            .await
            .status,
        404
    );
}
