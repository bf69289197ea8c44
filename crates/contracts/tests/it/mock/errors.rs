//! Refusals of every kind.
//!
//! Invariants: a refusal has the status of its contract.
//! Does not know: the wording of messages.

use openai_sim::{Quirk, Script, Sim, SimOptions};
use serde_json::json;

use super::calls::{CHAT, bad_requests, chat, script, told, unknown};
use super::{Call, contracts, expect_true, findings, observe_all, start};

#[tokio::test]
async fn bad_requests_keep_their_contract() {
    let sim = start().await;
    expect_true(&observe_all(&sim, bad_requests()).await, 400);
}

#[tokio::test]
async fn unknown_models_and_routes_keep_their_contract() {
    let sim = start().await;
    expect_true(&observe_all(&sim, unknown()).await, 404);
}

#[tokio::test]
async fn a_call_without_the_key_keeps_its_contract() {
    let api_key = Some(["made", "-", "up"].concat());
    let sim = Sim::start(SimOptions {
        api_key,
        ..SimOptions::default()
    })
    .await
    .unwrap();
    let calls = vec![
        Call::get("/models", "/models"),
        Call::post(CHAT, chat("gpt-4o", json!({}))),
    ];
    expect_true(&observe_all(&sim, calls).await, 401);
}

#[tokio::test]
async fn refusals_of_every_status_keep_their_contract() {
    let sim = start().await;
    let calls = script(&sim);
    let exchanges = observe_all(&sim, calls).await;
    for ((status, _), exchange) in told().iter().zip(exchanges) {
        expect_true(&[exchange], *status);
    }
}

#[tokio::test]
async fn a_throttled_call_is_told_how_long_to_wait() {
    let sim = start().await;
    sim.script(Script::status(429).header("retry-after", "1"));
    let call = Call::post(CHAT, chat("gpt-4o", json!({})));
    let exchanges = observe_all(&sim, vec![call]).await;
    expect_true(&exchanges, 429);
    assert_eq!(exchanges[0].header("retry-after"), Some("1"));
}

#[tokio::test]
async fn an_error_of_a_compatible_server_is_named() {
    let sim = start().await;
    sim.script(Script::status(500).quirk(Quirk::NumericErrorCode));
    let call = Call::post(CHAT, chat("gpt-4o", json!({})));
    let found = findings(contracts(), &observe_all(&sim, vec![call]).await);
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    let expected = "breaking: error.server: `error.code` is null | string in the contract and integer in the answer";
    assert!(found.contains(&expected.to_owned()), "{found:?}");
}
