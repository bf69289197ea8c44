//! Faults and paces that a script asks for.
//!
//! Invariants: time is paused where a script waits, so no test waits for real.
//! Does not know: what an ordinary answer says.

use std::time::Duration;

use openai_sim::{Quirk, Script, Sim};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{get, post, question, start, try_post, with};

const CHAT: &str = "/chat/completions";
const LONG: Duration = Duration::from_secs(3600);

fn streamed() -> Value {
    with(question("Doors open. What opens?"), json!({"stream": true}))
}

/// All bytes of one exchange as they came, and how the connection ended.
async fn exchange(sim: &Sim, body: &Value) -> (String, std::io::Result<()>) {
    let mut stream = TcpStream::connect(sim.address()).await.unwrap();
    let body = body.to_string();
    let head = format!(
        "POST /v1{CHAT} HTTP/1.1\r\nhost: sim\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).await.unwrap();
    let mut received = Vec::new();
    let end = stream.read_to_end(&mut received).await.map(drop);
    (String::from_utf8(received).unwrap(), end)
}

fn body(received: &str) -> &str {
    received.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

#[tokio::test]
async fn refusals_come_so_often_and_then_no_more() {
    let sim = start().await;
    sim.script(
        Script::status(429)
            .header("retry-after", "1")
            .rate_limit(60, 0, "1s")
            .times(2)
            .on(CHAT),
    );
    for _ in 0..2 {
        let refused = post(&sim, CHAT, &question("Hello")).await;
        assert_eq!((refused.status, refused.header("retry-after")), (429, "1"));
        assert_eq!(refused.header("x-ratelimit-remaining-requests"), "0");
        assert_eq!(refused.json()["error"]["code"], "rate_limit_exceeded");
        assert_eq!(get(&sim, "/models").await.status, 200);
    }
    assert_eq!(post(&sim, CHAT, &question("Hello")).await.status, 200);
    assert_eq!(sim.bill().total().calls, 1);
}

#[tokio::test]
async fn error_words_and_codes_are_as_told() {
    let sim = start().await;
    sim.script(
        Script::status(429)
            .code("insufficient_quota")
            .kind("insufficient_quota")
            .message("no money"),
    );
    sim.script(Script::status(500).quirk(Quirk::NumericErrorCode));
    sim.script(Script::status(503).quirk(Quirk::ErrorWithStatus200));
    sim.script(Script::status(500).code(Value::Null));
    let error = json!({"message": "no money", "type": "insufficient_quota", "param": null, "code": "insufficient_quota"});
    assert_eq!(
        post(&sim, CHAT, &question("Hello")).await.json()["error"],
        error
    );
    assert_eq!(
        post(&sim, CHAT, &question("Hello")).await.json()["error"]["code"],
        500
    );
    let polite = post(&sim, CHAT, &question("Hello")).await;
    assert_eq!(
        (polite.status, &polite.json()["error"]["code"]),
        (200, &json!("server_is_overloaded"))
    );
    assert_eq!(
        post(&sim, CHAT, &question("Hello")).await.json()["error"]["code"],
        Value::Null
    );
}

#[tokio::test]
async fn raw_bodies_and_broken_json_are_sent_as_they_are() {
    let sim = start().await;
    sim.script(Script::raw("text/plain", "404 page not found").with_status(404));
    sim.script(Script::new().malformed());
    let raw = post(&sim, CHAT, &question("Hello")).await;
    assert_eq!(
        (raw.status, raw.header("content-type"), raw.text.as_str()),
        (404, "text/plain", "404 page not found")
    );
    assert_eq!(sim.bill().total().calls, 0);
    let broken = post(&sim, CHAT, &question("Hello")).await;
    assert!(broken.text.starts_with('{') && serde_json::from_str::<Value>(&broken.text).is_err());
}

#[tokio::test(start_paused = true)]
async fn an_answer_waits_as_long_as_told() {
    let sim = start().await;
    let minute = Duration::from_secs(60);
    sim.script(Script::new().delay(minute));
    sim.script(Script::new().delay(minute));
    let too_short = timeout(
        minute - Duration::from_secs(1),
        post(&sim, CHAT, &question("Hello")),
    )
    .await;
    assert!(too_short.is_err());
    assert_eq!(
        timeout(
            minute + Duration::from_secs(1),
            post(&sim, CHAT, &question("Hello"))
        )
        .await
        .unwrap()
        .status,
        200
    );
}

#[tokio::test(start_paused = true)]
async fn bodies_drip_and_first_bytes_are_late() {
    let sim = start().await;
    let second = Duration::from_secs(1);
    sim.script(
        Script::raw("text/plain", "abcdef")
            .first_byte_delay(10 * second)
            .chunk_delay(second)
            .drip(4),
    );
    let mut response = try_post(&sim, CHAT, &question("Hello")).await.unwrap();
    assert!(timeout(9 * second, response.chunk()).await.is_err());
    assert_eq!(response.chunk().await.unwrap().unwrap(), "abcd");
    assert!(timeout(second / 2, response.chunk()).await.is_err());
    assert_eq!(response.chunk().await.unwrap().unwrap(), "ef");
    assert_eq!(response.chunk().await.unwrap(), None);
}

#[tokio::test]
async fn a_cut_keeps_what_came_before_and_leaves_the_body_open() {
    let sim = start().await;
    let (whole, _) = exchange(&sim, &streamed()).await;
    assert!(whole.ends_with("data: [DONE]\n\n\r\n0\r\n\r\n"));
    sim.script(Script::new().cut_after_chunks(2));
    let (cut, end) = exchange(&sim, &streamed()).await;
    assert!(end.is_ok());
    assert_eq!(cut.matches("data: {").count(), 2);
    assert!(!cut.ends_with("0\r\n\r\n"));
    sim.script(Script::new().cut_after_bytes(25));
    let (cut, _) = exchange(&sim, &question("Hello")).await;
    assert_eq!(body(&cut).len(), 25);
    sim.script(Script::new().cut_after_bytes(25));
    assert!(
        try_post(&sim, CHAT, &question("Hello"))
            .await
            .unwrap()
            .text()
            .await
            .is_err()
    );
}

#[tokio::test]
async fn an_early_end_can_look_proper() {
    let sim = start().await;
    sim.script(Script::new().end_after_chunks(2));
    let (ended, _) = exchange(&sim, &streamed()).await;
    assert_eq!(ended.matches("data: {").count(), 2);
    assert!(ended.ends_with("0\r\n\r\n") && !ended.contains("[DONE]"));
}

#[tokio::test]
async fn connections_end_in_order_or_by_a_reset() {
    let sim = start().await;
    for (script, kind) in [
        (Script::hang_up(), None),
        (
            Script::hang_up().reset(),
            Some(std::io::ErrorKind::ConnectionReset),
        ),
        (
            Script::new().cut_after_chunks(1).reset(),
            Some(std::io::ErrorKind::ConnectionReset),
        ),
    ] {
        sim.script(script);
        let (_, end) = exchange(&sim, &streamed()).await;
        assert_eq!(end.err().map(|error| error.kind()), kind);
    }
}

#[tokio::test(start_paused = true)]
async fn stalls_last() {
    let sim = start().await;
    sim.script(Script::never_answer());
    assert!(
        timeout(LONG, try_post(&sim, CHAT, &streamed()))
            .await
            .is_err()
    );
    sim.script(Script::new().stall_after_chunks(1));
    let mut response = try_post(&sim, CHAT, &streamed()).await.unwrap();
    assert!(
        response
            .chunk()
            .await
            .unwrap()
            .unwrap()
            .starts_with(b"data: {")
    );
    assert!(timeout(LONG, response.chunk()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn nobody_is_accepted_until_a_reset() {
    let sim = start().await;
    sim.script(Script::never_accept());
    let mut waiting = Box::pin(get(&sim, "/models"));
    assert!(timeout(LONG, &mut waiting).await.is_err());
    assert_eq!(sim.calls().len(), 0);
    sim.reset();
    assert_eq!(waiting.await.status, 200);
}

#[tokio::test]
async fn what_arrived_can_be_looked_at() {
    let sim = start().await;
    let client = reqwest::Client::new();
    for _ in 0..2 {
        client
            .get(sim.base_url() + "/models")
            .header("x-marked", "yes")
            .send()
            .await
            .unwrap()
            .bytes()
            .await
            .unwrap();
    }
    post(&sim, CHAT, &question("Hello")).await;
    let calls = sim.calls();
    assert_eq!(
        calls.iter().map(|call| call.number).collect::<Vec<_>>(),
        [1, 2, 3]
    );
    assert_eq!(calls[0].header("x-marked"), Some("yes"));
    assert_eq!(calls[0].connection, calls[1].connection);
    assert_ne!(calls[1].connection, calls[2].connection);
    assert_eq!(calls[2].json(), question("Hello"));
}
