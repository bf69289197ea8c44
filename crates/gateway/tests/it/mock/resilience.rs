//! The breaker and the request limit, composed.
//!
//! Invariants: while the circuit is open nothing is sent; a refused request takes nothing.
//! Does not know: how either counts.

use std::time::Duration;

use access::NewKey;
use openai_sim::Script;
use serde_json::json;

use crate::world::{World, chat};

#[tokio::test]
async fn a_failing_upstream_opens_the_circuit_and_a_probe_closes_it() {
    let world = World::with(&[
        ("KEYWARD_BREAKER__CONSECUTIVE_FAILURES_MAX", "3"),
        ("KEYWARD_BREAKER__OPEN_FOR", "30s"),
        ("KEYWARD_BREAKER__HALF_OPEN_PROBES", "1"),
    ])
    .await;
    for stream in [false, true, true] {
        let script = if stream {
            Script::new().cut_after_chunks(1)
        } else {
            Script::status(500)
        };
        world.sim.script(script.on("/chat/completions"));
        world
            .post("/chat/completions", &chat(&json!({"stream": stream})))
            .await;
    }
    let sent = world.sim.calls().len();
    for stream in [false, true] {
        let refused = world
            .post("/chat/completions", &chat(&json!({"stream": stream})))
            .await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (503, "circuit_open")
        );
        assert!(refused.header("retry-after").parse::<u64>().unwrap() <= 30);
    }
    assert_eq!(
        world.sim.calls().len(),
        sent,
        "nothing is sent while the circuit is open"
    );
    assert_eq!(
        world.get("/readyz").await.json()["checks"]["circuit"],
        "open"
    );
    world.total_after(3).await;
    world.pass(Duration::from_secs(31));
    assert_eq!(
        world
            .post("/chat/completions", &chat(&json!({})))
            .await
            .status,
        200
    );
    assert_eq!(
        world.get("/readyz").await.json()["checks"]["circuit"],
        "closed"
    );
}

#[tokio::test]
async fn a_callers_own_mistakes_do_not_open_the_circuit() {
    let world = World::with(&[("KEYWARD_BREAKER__CONSECUTIVE_FAILURES_MAX", "2")]).await;
    world.sim.script(Script::status(400).times(10));
    for _ in 0..10 {
        assert_eq!(
            world
                .post("/chat/completions", &chat(&json!({})))
                .await
                .status,
            400
        );
    }
    assert_eq!(
        world
            .post("/chat/completions", &chat(&json!({})))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn each_key_has_its_request_limit_told_in_openais_headers() {
    let world = World::new().await;
    let key = world
        .key_with(NewKey {
            name: "slow".to_owned(),
            project: "tests".to_owned(),
            requests_per_minute: Some(2),
            ..NewKey::default()
        })
        .await;
    let body = json!({"model": "text-embedding-3-small", "input": "x"});
    for remaining in ["1", "0"] {
        let answer = world.post_as(&key, "/embeddings", &body).await;
        assert_eq!(
            (
                answer.status,
                answer.header("x-ratelimit-limit-requests"),
                answer.header("x-ratelimit-remaining-requests")
            ),
            (200, "2", remaining)
        );
        assert!(answer.header("x-ratelimit-reset-requests").ends_with('s'));
    }
    let refused = world.post_as(&key, "/embeddings", &body).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (429, "rate_limit_exceeded")
    );
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=30).contains(&wait), "{wait}");
    assert_eq!(refused.header("x-should-retry"), "", "an SDK may repeat it");
    assert_eq!(
        world.post("/embeddings", &body).await.status,
        200,
        "another key is not held up"
    );
    world.pass(Duration::from_secs(wait));
    assert_eq!(world.post_as(&key, "/embeddings", &body).await.status, 200);
}
