//! Connections: slow callers, many callers, and a stop.
//!
//! Invariants: nothing hangs; a stop loses no call.
//! Does not know: what is asked.

use std::time::Duration;

use openai_sim::Script;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::world::{World, chat};

/// All that comes until the other side closes, within ten seconds.
async fn rest(socket: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset is an end as well.
    let _ = tokio::time::timeout(Duration::from_secs(10), socket.read_to_end(&mut bytes))
        .await
        .expect("the connection is closed");
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn a_caller_that_sends_its_head_or_its_body_slowly_is_cut_off() {
    let world = World::with(&[
        ("KEYWARD_SERVER__HEADER_TIMEOUT", "1s"),
        ("KEYWARD_SERVER__BODY_TIMEOUT", "1s"),
    ])
    .await;
    for silent in ["", "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n"] {
        let mut socket = TcpStream::connect(world.authority()).await.unwrap();
        socket.write_all(silent.as_bytes()).await.unwrap();
        rest(&mut socket).await;
    }
    let mut socket = TcpStream::connect(world.authority()).await.unwrap();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{{",
        world.key
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let answer = rest(&mut socket).await;
    assert!(
        answer.starts_with("HTTP/1.1 408") && answer.contains("request_body_timeout"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_caller_that_reads_nothing_of_a_stream_is_given_up_and_charged() {
    let world = World::with(&[("KEYWARD_TIMEOUTS__IDLE", "300ms")]).await;
    world.sim.script(
        Script::new()
            .usage(10, 20_000)
            .text(&"word ".repeat(20_000)),
    );
    let _socket = world.send_unread(&chat(&json!({"stream": true}))).await;
    let total = world.total_after(1).await;
    assert!(total.cost.pico() > 0);
    assert!(
        world.metrics().contains(r#"outcome="client_gone"} 1"#),
        "{}",
        world.metrics()
    );
}

#[tokio::test]
async fn connections_over_the_limit_wait_and_are_served() {
    let world = World::with(&[("KEYWARD_SERVER__CONNECTIONS_MAX", "2")]).await;
    world
        .sim
        .script(Script::new().delay(Duration::from_millis(50)).always());
    let body = chat(&json!({}));
    let calls =
        futures_util::future::join_all((0..6).map(|_| world.post("/chat/completions", &body)))
            .await;
    assert!(calls.iter().all(|answer| answer.status == 200));
}

#[tokio::test]
async fn a_stop_finishes_streams_and_takes_no_new_calls() {
    let world = World::new().await;
    world.sim.script(
        Script::new()
            .text(&"word ".repeat(20))
            .chunk_delay(Duration::from_millis(20)),
    );
    let mut response = world.stream().await;
    let mut body = response.chunk().await.unwrap().unwrap().to_vec();
    world.ask_to_stop();
    while let Some(chunk) = response.chunk().await.unwrap() {
        body.extend_from_slice(&chunk);
    }
    assert!(String::from_utf8_lossy(&body).ends_with("data: [DONE]\n\n"));
    world.stopped().await;
    assert!(
        TcpStream::connect(world.authority()).await.is_err(),
        "nobody listens any more"
    );
    world.total_after(1).await;
}

#[tokio::test]
async fn a_stream_that_outlasts_the_drain_is_told_and_charged() {
    let world = World::with(&[("KEYWARD_SERVER__DRAIN", "1s")]).await;
    world.sim.script(
        Script::new()
            .text(&"word ".repeat(2000))
            .chunk_delay(Duration::from_millis(50)),
    );
    let mut response = world.stream().await;
    response.chunk().await.unwrap();
    world.ask_to_stop();
    let mut body = Vec::new();
    let ended = loop {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break true,
            Err(_) => break false,
        }
    };
    world.stopped().await;
    let body = String::from_utf8_lossy(&body);
    assert!(!ended && body.contains("shutting_down"), "{body}");
    assert!(
        world.total_after(1).await.cost.pico() > 0,
        "what ran may have cost something"
    );
}

#[tokio::test]
async fn health_and_readiness_answer_without_a_key() {
    let world = World::new().await;
    for (path, word) in [("/healthz", "ok"), ("/readyz", "ready")] {
        let answer = crate::world::Answer::of(
            crate::world::client().get(format!("http://{}{path}", world.authority())),
        )
        .await;
        assert_eq!(
            (answer.status, answer.json()["status"].as_str()),
            (200, Some(word))
        );
    }
}

#[tokio::test]
async fn a_call_that_comes_after_a_stop_is_refused() {
    let world = World::new().await;
    world.ask_to_stop();
    world.stopped().await;
    let request = http::Request::post("/v1/chat/completions")
        .header("authorization", format!("Bearer {}", world.key))
        .header("content-type", "application/json")
        .body(http_body_util::Full::new(bytes::Bytes::from(
            chat(&json!({})).to_string(),
        )))
        .unwrap();
    let answer = world.gateway.handle(request).await;
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key("retry-after"));
    assert!(world.sim.calls().is_empty(), "nothing was sent");
}
