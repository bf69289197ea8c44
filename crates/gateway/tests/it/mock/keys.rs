//! Who may call what.
//!
//! Invariants: what is refused never reaches the upstream and is not in the ledger.
//! Does not know: how keys are made.

use access::NewKey;
use jiff::SignedDuration;
use serde_json::json;

use crate::world::{Answer, World, chat};

/// The answer must be a refusal with `status` and `code` that no SDK repeats; nothing was sent.
fn check_refused(world: &World, answer: &Answer, status: u16, code: &str) {
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (status, code),
        "{}",
        answer.body
    );
    assert_eq!(answer.header("x-should-retry"), "false");
    assert!(answer.header("x-request-id").starts_with("req_"));
    assert!(
        answer.json()["error"]["message"].as_str().unwrap().len() > 20,
        "the message has a remedy"
    );
    assert!(world.sim.calls().is_empty(), "nothing was sent");
}

#[tokio::test]
async fn a_key_that_is_missing_mistyped_or_unknown_is_refused() {
    let world = World::new().await;
    let missing = Answer::of(
        world
            .request("POST", "/chat/completions")
            .header("content-type", "application/json")
            .body("{}"),
    )
    .await;
    check_refused(&world, &missing, 401, "missing_api_key");
    let basic = Answer::of(
        world
            .request("GET", "/models")
            .header("authorization", "Basic dXNlcjpwYXNz"),
    )
    .await;
    check_refused(&world, &basic, 401, "missing_api_key");
    let mut mistyped = world.key.clone();
    mistyped.replace_range(20..21, if &mistyped[20..21] == "a" { "b" } else { "a" });
    check_refused(
        &world,
        &world
            .post_as(&mistyped, "/chat/completions", &chat(&json!({})))
            .await,
        401,
        "invalid_api_key",
    );
    check_refused(
        &world,
        &world
            .post_as(&world.upstream_key, "/chat/completions", &chat(&json!({})))
            .await,
        401,
        "invalid_api_key",
    );
}

#[tokio::test]
async fn a_key_that_expired_or_was_revoked_is_refused_with_the_day() {
    let world = World::new().await;
    let expires_at = Some(world.noon() + SignedDuration::from_secs(60));
    let key = world
        .key_with(NewKey {
            name: "short".to_owned(),
            project: "tests".to_owned(),
            expires_at,
            ..NewKey::default()
        })
        .await;
    assert_eq!(
        world
            .post_as(&key, "/chat/completions", &chat(&json!({})))
            .await
            .status,
        200
    );
    world.pass(std::time::Duration::from_secs(61));
    let expired = world
        .post_as(&key, "/chat/completions", &chat(&json!({})))
        .await;
    assert_eq!(
        (expired.status, expired.code().as_str()),
        (401, "expired_api_key")
    );
    assert!(expired.body.contains("2026-11-22"), "{}", expired.body);
    world
        .keyring
        .revoke(&world.key_id, world.noon())
        .await
        .unwrap();
    let revoked = world.get("/models").await;
    assert_eq!(
        (revoked.status, revoked.code().as_str()),
        (401, "revoked_api_key")
    );
}

#[tokio::test]
async fn a_key_calls_only_its_endpoints_and_models() {
    let world = World::new().await;
    let rights = NewKey {
        name: "narrow".to_owned(),
        project: "tests".to_owned(),
        models: vec!["text-embedding-3-*".to_owned(), "gpt-4o-mini".to_owned()],
        endpoints: vec!["embeddings".to_owned(), "models".to_owned()],
        ..NewKey::default()
    };
    let key = world.key_with(rights).await;
    check_refused(
        &world,
        &world
            .post_as(&key, "/chat/completions", &chat(&json!({})))
            .await,
        403,
        "endpoint_not_allowed",
    );
    let ada = world
        .post_as(
            &key,
            "/embeddings",
            &json!({"model": "text-embedding-ada-002", "input": "x"}),
        )
        .await;
    check_refused(&world, &ada, 403, "model_not_allowed");
    assert_eq!(ada.json()["error"]["param"], "model");
    assert_eq!(
        world
            .post_as(
                &key,
                "/embeddings",
                &json!({"model": "text-embedding-3-small", "input": "x"})
            )
            .await
            .status,
        200
    );
    let models = Answer::of(
        world
            .request("GET", "/models")
            .header("authorization", format!("Bearer {key}")),
    )
    .await
    .json();
    let ids: Vec<&str> = models["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| model["id"].as_str().unwrap())
        .collect();
    assert!(
        ids.contains(&"gpt-4o-mini")
            && ids
                .iter()
                .all(|id| *id == "gpt-4o-mini" || id.starts_with("text-embedding-3-")),
        "{ids:?}"
    );
}

#[tokio::test]
async fn a_call_is_shown_to_its_own_key_only() {
    let world = World::new().await;
    let other = world
        .key_with(NewKey {
            name: "other".to_owned(),
            project: "tests".to_owned(),
            ..NewKey::default()
        })
        .await;
    let answer = world.post("/chat/completions", &chat(&json!({}))).await;
    let path = format!("/keyward/calls/{}", answer.header("x-request-id"));
    assert_eq!(
        world.get(&path).await.json()["cost_usd"],
        answer.header("x-keyward-cost-usd")
    );
    let foreign = Answer::of(
        world
            .request("GET", &path)
            .header("authorization", format!("Bearer {other}")),
    )
    .await;
    assert_eq!(
        (foreign.status, foreign.code().as_str()),
        (404, "call_not_found")
    );
    assert_eq!(world.get("/keyward/calls/req_nonsense").await.status, 404);
}

#[tokio::test]
async fn no_credential_of_a_caller_goes_upstream_and_none_of_the_upstream_comes_back() {
    let world = World::new().await;
    let answer = Answer::of(
        world
            .request("POST", "/chat/completions?beta=true")
            .header("authorization", format!("Bearer {}", world.key))
            .header("cookie", format!("session={}", world.key))
            .header("openai-organization", "org-mine")
            .header("x-api-key", &world.key)
            .header("openai-beta", "assistants=v2")
            .header("content-type", "application/json; charset=utf-8")
            .body(chat(&json!({})).to_string()),
    )
    .await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let seen = &world.sim.calls()[0];
    assert_eq!(
        seen.header("authorization"),
        Some(format!("Bearer {}", world.upstream_key).as_str())
    );
    assert!(!format!("{:?}", seen.headers).contains(&world.key));
    assert_eq!(
        (
            seen.header("cookie"),
            seen.header("openai-organization"),
            seen.header("x-api-key")
        ),
        (None, None, None)
    );
    assert_eq!(
        (seen.header("openai-beta"), seen.query.as_deref()),
        (Some("assistants=v2"), Some("beta=true"))
    );
    assert!(!format!("{:?}", answer.headers).contains(&world.upstream_key));
    assert_eq!(answer.header("openai-organization"), "");
    assert_ne!(
        answer.header("x-keyward-upstream-request-id"),
        answer.header("x-request-id")
    );
}
