//! An upstream that refuses keyward's key, points elsewhere, or answers garbage.
//!
//! Invariants: keyward's own trouble never reads as the caller's, and never shows a key.
//! Does not know: streams.

use openai_sim::Script;
use serde_json::json;

use crate::world::{World, chat};

#[tokio::test]
async fn an_upstreams_refusal_of_keywards_key_is_a_502_without_the_key() {
    for status in [401, 403] {
        for stream in [false, true] {
            let world = World::new().await;
            let message = format!("Incorrect API key provided: {}.", world.upstream_key);
            world.sim.script(Script::status(status).message(&message));
            let answer = world
                .post("/chat/completions", &chat(&json!({"stream": stream})))
                .await;
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (502, "upstream_credentials_rejected")
            );
            assert_eq!(answer.header("x-should-retry"), "false");
            assert!(!answer.body.contains(&world.upstream_key));
            assert_eq!(world.entries(&answer).await[0].cost.pico(), 0);
        }
    }
}

#[tokio::test]
async fn a_redirect_is_never_followed() {
    let world = World::new().await;
    let elsewhere = World::new().await;
    world
        .sim
        .script(Script::raw("text/plain", "").with_status(307).header(
            "location",
            &format!("{}/chat/completions", elsewhere.sim.base_url()),
        ));
    let answer = world.post("/chat/completions", &chat(&json!({}))).await;
    assert_eq!(
        (
            answer.status,
            answer.code().as_str(),
            answer.header("location")
        ),
        (502, "upstream_redirect", "")
    );
    assert!(elsewhere.sim.calls().is_empty(), "the key went nowhere");
}

#[tokio::test]
async fn an_error_of_the_upstream_passes_as_it_is_but_for_keys() {
    let world = World::new().await;
    world.sim.script(
        Script::status(400)
            .code("context_length_exceeded")
            .message(&format!("too long, said {}", world.upstream_key))
            .header("retry-after", "7"),
    );
    let answer = world.post("/chat/completions", &chat(&json!({}))).await;
    assert_eq!(
        (
            answer.status,
            answer.code().as_str(),
            answer.header("retry-after")
        ),
        (400, "context_length_exceeded", "7")
    );
    assert!(
        answer.body.contains("too long") && !answer.body.contains(&world.upstream_key),
        "{}",
        answer.body
    );
    world
        .sim
        .script(Script::raw("text/plain", "404 page not found").with_status(404));
    let plain = world.post("/chat/completions", &chat(&json!({}))).await;
    assert_eq!(
        (plain.status, plain.body.as_str()),
        (404, "404 page not found")
    );
}

#[tokio::test]
async fn garbage_with_status_200_is_a_502() {
    for body in ["", "<html>sorry</html>", "[1,2]", "{\"choices\":"] {
        let world = World::new().await;
        world.sim.script(Script::raw("application/json", body));
        let answer = world.post("/chat/completions", &chat(&json!({}))).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (502, "upstream_malformed"),
            "{body}"
        );
        assert_eq!(world.entries(&answer).await[0].outcome, "broken");
    }
}

#[tokio::test]
async fn an_upstream_that_never_accepts_is_given_up_and_charged() {
    for stream in [false, true] {
        let world = World::with(&[("KEYWARD_TIMEOUTS__FIRST_BYTE", "300ms")]).await;
        world.sim.script(Script::never_accept());
        // The second time, too: a connection that failed is not used again.
        for _ in 0..2 {
            let answer = world
                .post("/chat/completions", &chat(&json!({"stream": stream})))
                .await;
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (504, "upstream_timeout")
            );
            let entry = world.entries(&answer).await.remove(0);
            // A full handshake with a listener that never accepts proves nothing.
            assert_eq!(entry.outcome, "timeout");
            assert!(entry.cost.pico() > 0);
        }
    }
}
