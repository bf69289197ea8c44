//! Files, uploads, stored objects and moderations through keyward: as direct, and each only for those whose they are.
//!
//! Invariants: another project's key never reaches an object, whatever names it.
//! Does not know: how the simulator keeps objects.

use access::NewKey;
use serde_json::{Value, json};

use crate::world::{Answer, World};

const BOUNDARY: &str = "a-line-between-parts";

fn form(purpose: &str, name: &str, content: &str) -> String {
    format!(
        "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\n{purpose}\r\n--{BOUNDARY}\r\n\
         content-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\ncontent-type: text/plain\r\n\r\n{content}\r\n--{BOUNDARY}--\r\n"
    )
}

async fn upload(world: &World, key: &str, content: &str) -> Answer {
    Answer::of(
        world
            .request("POST", "/files")
            .header("authorization", format!("Bearer {key}"))
            .header(
                "content-type",
                format!("multipart/form-data; boundary={BOUNDARY}"),
            )
            .body(form("user_data", "notes.txt", content)),
    )
    .await
}

async fn ask(world: &World, key: &str, method: &str, path: &str) -> Answer {
    let request = world.request(method, path);
    Answer::of(request.header("authorization", format!("Bearer {key}"))).await
}

fn id(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["id"].as_str().unwrap().to_owned()
}

async fn strangers_key(world: &World) -> String {
    world
        .key_with(NewKey {
            name: "stranger".to_owned(),
            project: "elsewhere".to_owned(),
            ..NewKey::default()
        })
        .await
}

async fn check_unknown(world: &World, key: &str, method: &str, path: &str) {
    let answer = ask(world, key, method, path).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (404, "object_not_found"),
        "{method} {path}"
    );
}

#[tokio::test]
async fn a_file_goes_up_and_down_and_is_its_projects_alone() {
    let world = World::new().await;
    let stranger = strangers_key(&world).await;
    let content = "All ships, ünd their lights.\n".repeat(20_000);
    let file = id(&upload(&world, &world.key, &content).await);
    let theirs = id(&upload(&world, &stranger, "theirs").await);

    let down = ask(&world, &world.key, "GET", &format!("/files/{file}/content")).await;
    assert!(down.ended && down.body == content, "{}", down.body.len());
    for (method, tail) in [("GET", ""), ("GET", "/content"), ("DELETE", "")] {
        check_unknown(&world, &stranger, method, &format!("/files/{file}{tail}")).await;
        check_unknown(&world, &world.key, method, &format!("/files/file-no{tail}")).await;
    }
    let list = ask(&world, &world.key, "GET", "/files").await.json();
    let ids: Vec<&Value> = list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| &item["id"])
        .collect();
    assert_eq!(ids, [&json!(file)]);
    let whole = list.to_string();
    assert!(!whole.contains(&theirs), "{whole}");

    let gone = ask(&world, &world.key, "DELETE", &format!("/files/{file}")).await;
    assert_eq!(gone.json()["deleted"], true);
    check_unknown(&world, &world.key, "GET", &format!("/files/{file}")).await;
    assert_eq!(
        ask(&world, &world.key, "GET", "/files").await.json()["data"],
        json!([])
    );
}

#[tokio::test]
async fn a_stored_response_can_be_read_and_continued_by_its_project_alone() {
    let world = World::new().await;
    let stranger = strangers_key(&world).await;
    for stream in [false, true] {
        let body = json!({"model": "gpt-4o-mini", "input": "Hello", "stream": stream});
        let made = world.post("/responses", &body).await;
        let response = if stream {
            let first: Value = serde_json::from_str(&made.events()[0]).unwrap();
            first["response"]["id"].as_str().unwrap().to_owned()
        } else {
            id(&made)
        };
        let path = format!("/responses/{response}");
        assert_eq!(id(&ask(&world, &world.key, "GET", &path).await), response);
        check_unknown(&world, &stranger, "GET", &path).await;
        check_unknown(&world, &stranger, "DELETE", &path).await;
        let next =
            json!({"model": "gpt-4o-mini", "input": "And?", "previous_response_id": response});
        assert_eq!(world.post("/responses", &next).await.status, 200);
        let stolen = world.post_as(&stranger, "/responses", &next).await;
        assert_eq!(
            (stolen.status, stolen.code().as_str()),
            (404, "object_not_found")
        );
        let items = ask(&world, &world.key, "GET", &format!("{path}/input_items")).await;
        assert_eq!(items.status, 200, "{}", items.body);
    }
}

#[tokio::test]
async fn what_is_not_stored_belongs_to_nobody() {
    let world = World::new().await;
    let body = json!({"model": "gpt-4o-mini", "input": "Hello", "store": false});
    let response = id(&world.post("/responses", &body).await);
    check_unknown(&world, &world.key, "GET", &format!("/responses/{response}")).await;
}

#[tokio::test]
async fn conversations_and_vector_stores_are_their_projects() {
    let world = World::new().await;
    let stranger = strangers_key(&world).await;
    let conversation = id(&world.post("/conversations", &json!({})).await);
    let path = format!("/conversations/{conversation}");
    assert_eq!(ask(&world, &world.key, "GET", &path).await.status, 200);
    check_unknown(&world, &stranger, "GET", &path).await;
    let said =
        json!({"model": "gpt-4o-mini", "input": "Hello", "conversation": {"id": conversation}});
    assert_eq!(world.post("/responses", &said).await.status, 200);
    assert_eq!(
        world.post_as(&stranger, "/responses", &said).await.status,
        404
    );

    let file = id(&upload(&world, &world.key, "lights").await);
    let with_file = json!({"name": "s", "file_ids": [file]});
    let refused = world.post_as(&stranger, "/vector_stores", &with_file).await;
    assert_eq!(refused.code(), "object_not_found");
    let store = id(&world.post("/vector_stores", &with_file).await);
    let path = format!("/vector_stores/{store}");
    assert_eq!(ask(&world, &world.key, "GET", &path).await.status, 200);
    check_unknown(&world, &stranger, "GET", &path).await;
    let searching = json!({"model": "gpt-4o-mini", "input": "x",
        "tools": [{"type": "file_search", "vector_store_ids": [store]}]});
    assert_eq!(world.post("/responses", &searching).await.status, 200);
    assert_eq!(
        world
            .post_as(&stranger, "/responses", &searching)
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn moderations_and_counts_of_tokens_are_free() {
    let world = World::new().await;
    let judged = world
        .post("/moderations", &json!({"input": "a kind word"}))
        .await;
    assert_eq!(judged.status, 200, "{}", judged.body);
    assert!(judged.json()["results"].is_array());
    let counted = world
        .post(
            "/responses/input_tokens",
            &json!({"model": "gpt-4o-mini", "input": "Hello"}),
        )
        .await;
    assert!(counted.json()["input_tokens"].as_u64().unwrap() > 0);
    assert!(world.entries(&judged).await.is_empty());
}

#[tokio::test]
async fn a_route_that_is_not_served_says_why_and_an_upload_needs_a_permission() {
    let world = World::new().await;
    for path in [
        "/batches",
        "/realtime/client_secrets",
        "/organization/costs",
        "/assistants",
    ] {
        let answer = world.post(path, &json!({})).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (403, "route_refused"),
            "{path}"
        );
        assert!(answer.body.contains("not served: "), "{}", answer.body);
    }
    let chats_only = world
        .key_with(NewKey {
            name: "chats".to_owned(),
            project: "web".to_owned(),
            endpoints: vec!["chat.completions".to_owned()],
            ..NewKey::default()
        })
        .await;
    let refused = upload(&world, &chats_only, "x").await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (403, "endpoint_not_allowed")
    );
}

#[tokio::test]
async fn a_key_may_come_in_azures_header_or_as_x_api_key() {
    let world = World::new().await;
    for header in ["api-key", "x-api-key"] {
        let request = world.request("GET", "/models");
        let answer = Answer::of(request.header(header, &world.key)).await;
        assert_eq!(answer.status, 200, "{header}");
        let wrong = world.request("GET", "/models");
        let wrong = Answer::of(wrong.header(header, "kw-wrong")).await;
        assert_eq!(wrong.status, 401, "{header}");
    }
    let sent = world.sim.calls();
    let seen = sent.iter().all(|call| {
        call.headers.get("api-key").is_none() && call.headers.get("x-api-key").is_none()
    });
    assert!(seen, "no credential crosses");
}
