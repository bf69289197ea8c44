//! Bodies and routes that are at fault.
//!
//! Invariants: each is refused by name before anything is sent.
//! Does not know: keys.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::world::{Answer, World, chat};

async fn check(
    world: &World,
    content_type: &str,
    body: impl Into<reqwest::Body>,
    status: u16,
    code: &str,
) -> Answer {
    let request = world
        .request("POST", "/chat/completions")
        .header("authorization", format!("Bearer {}", world.key));
    let answer = Answer::of(request.header("content-type", content_type).body(body)).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (status, code),
        "{}",
        answer.body
    );
    assert!(world.sim.calls().is_empty(), "nothing was sent");
    answer
}

#[tokio::test]
async fn what_is_not_one_json_object_is_refused() {
    let world = World::new().await;
    for body in [
        "",
        "not json",
        "[]",
        "{\"model\":\"gpt-4o-mini\"",
        "{} {}",
        "\u{feff}{}",
    ] {
        check(&world, "application/json", body, 400, "invalid_json").await;
    }
    let twice = check(
        &world,
        "application/json",
        r#"{"model":"gpt-4o-mini","model":"gpt-4o","messages":[]}"#,
        400,
        "invalid_json",
    )
    .await;
    assert!(twice.body.contains("stands twice"), "{}", twice.body);
    check(
        &world,
        "application/json",
        &b"{\"model\":\"\xff\"}"[..],
        400,
        "invalid_json",
    )
    .await;
    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
    ] {
        check(
            &world,
            content_type,
            chat(&json!({})).to_string(),
            415,
            "unsupported_content_type",
        )
        .await;
    }
    let unknown = check(
        &world,
        "application/json",
        chat(&json!({"model": "gpt-nonsense"})).to_string(),
        400,
        "model_price_unknown",
    )
    .await;
    assert_eq!(unknown.json()["error"]["param"], "model");
    let field = check(
        &world,
        "application/json",
        r#"{"model":"gpt-4o-mini"}"#,
        400,
        "invalid_value",
    )
    .await;
    assert_eq!(field.json()["error"]["param"], "messages");
    assert!(
        world.metrics().contains(r#"outcome="invalid_json"} 8"#),
        "{}",
        world.metrics()
    );
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_declared_or_not() {
    let world = World::with(&[("KEYWARD_SERVER__BODY_BYTES_MAX", "1024")]).await;
    check(
        &world,
        "application/json",
        "x".repeat(1025),
        413,
        "request_too_large",
    )
    .await;
    let authority = world.authority().to_owned();
    let mut socket = tokio::net::TcpStream::connect(&authority).await.unwrap();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n",
        world.key
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..3 {
        socket
            .write_all(format!("200\r\n{}\r\n", " ".repeat(512)).as_bytes())
            .await
            .unwrap();
    }
    let mut answer = vec![0; 12];
    socket.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 413");
}

#[tokio::test]
async fn unknown_routes_and_methods_are_denied_and_a_key_in_a_path_is_not_shown() {
    let world = World::new().await;
    for path in ["/organizations", "/brand/new", "/v2/models"] {
        let answer = world.get(path).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (404, "unknown_url"),
            "{path}"
        );
    }
    let with_key = world.get(&format!("/no/{}", world.upstream_key)).await;
    assert!(
        with_key.status == 404 && !with_key.body.contains(&world.upstream_key),
        "{}",
        with_key.body
    );
    let method = world.get("/chat/completions").await;
    assert_eq!((method.status, method.header("allow")), (405, "POST"));
    assert!(world.sim.calls().is_empty());
}
