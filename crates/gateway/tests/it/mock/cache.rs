//! The embedding cache.
//!
//! Invariants: a hit is the same bytes, costs nothing, and is entered; one key never sees what another asked.
//! Does not know: how entries are thrown out.

use access::NewKey;
use serde_json::json;

use crate::world::{Answer, World};

#[tokio::test]
async fn the_second_identical_embedding_is_free_and_the_same() {
    let world = World::new().await;
    let body = json!({"model": "text-embedding-3-small", "input": "hello"});
    let (first, second) = (
        world.post("/embeddings", &body).await,
        world.post("/embeddings", &body).await,
    );
    assert_eq!(
        (
            first.header("x-keyward-cache"),
            second.header("x-keyward-cache")
        ),
        ("miss", "hit")
    );
    assert_eq!(first.body, second.body);
    assert_eq!(second.header("x-keyward-cost-usd"), "0");
    assert_eq!(world.sim.calls().len(), 1);
    let entries = world.entries(&second).await;
    assert_eq!(
        (
            entries.len(),
            entries[0].attempt,
            entries[0].cached,
            entries[0].cost.pico(),
            entries[0].outcome.as_ref()
        ),
        (1, 0, true, 0, "cached")
    );
    let total = world.total_after(2).await;
    assert_eq!(
        (total.attempts, total.cost.to_string().as_str()),
        (1, first.header("x-keyward-cost-usd"))
    );
}

#[tokio::test]
async fn another_key_another_form_and_a_wish_for_fresh_answers_miss() {
    let world = World::new().await;
    let body = json!({"model": "text-embedding-3-small", "input": "hello"});
    world.post("/embeddings", &body).await;
    let other = world
        .key_with(NewKey {
            name: "other".to_owned(),
            project: "tests".to_owned(),
            ..NewKey::default()
        })
        .await;
    assert_eq!(
        world
            .post_as(&other, "/embeddings", &body)
            .await
            .header("x-keyward-cache"),
        "miss"
    );
    assert_eq!(world.post("/embeddings", &json!({"model": "text-embedding-3-small", "input": "hello", "encoding_format": "base64"})).await.header("x-keyward-cache"), "miss");
    for (wish, said) in [
        ("no-cache", "miss"),
        ("no-store", "off"),
        ("max-age=0", "hit"),
    ] {
        let request = world
            .request("POST", "/embeddings")
            .header("authorization", format!("Bearer {}", world.key))
            .header("cache-control", wish);
        let answer = Answer::of(
            request
                .header("content-type", "application/json")
                .body(body.to_string()),
        )
        .await;
        assert_eq!(answer.header("x-keyward-cache"), said, "{wish}");
    }
}

#[tokio::test]
async fn errors_are_not_kept_and_the_cache_can_be_switched_off() {
    let world = World::new().await;
    let body = json!({"model": "text-embedding-3-small", "input": "hello"});
    world
        .sim
        .script(openai_sim::Script::status(500).on("/embeddings"));
    assert_eq!(world.post("/embeddings", &body).await.status, 500);
    assert_eq!(
        world
            .post("/embeddings", &body)
            .await
            .header("x-keyward-cache"),
        "miss"
    );
    assert_eq!(
        world
            .post("/embeddings", &body)
            .await
            .header("x-keyward-cache"),
        "hit"
    );
    let world = World::with(&[("KEYWARD_CACHE__EMBEDDINGS", "false")]).await;
    for _ in 0..2 {
        assert_eq!(
            world
                .post("/embeddings", &body)
                .await
                .header("x-keyward-cache"),
            "off"
        );
    }
}
