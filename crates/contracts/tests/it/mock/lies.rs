//! A lie of the simulator is named on both sides. `cargo xtask drill` tells all that there are.
//!
//! Invariants: what is checked here holds with and without a lie in the environment.
//! Does not know: how lies are told.

use openai_sim::Lie;
use serde_json::json;

use super::calls::EMBEDDINGS;
use super::{Call, contracts, observe_all, start};

#[tokio::test]
async fn a_renamed_field_is_named_as_breaking_on_both_sides() {
    let sim = start().await;
    sim.lie(Lie::new().on(EMBEDDINGS).rename("embedding", "vector"));
    let request = json!({"model": "text-embedding-ada-002", "input": "one"});
    let exchanges = observe_all(&sim, vec![Call::post(EMBEDDINGS, request)]).await;
    let found: Vec<String> = contracts()
        .check(&exchanges)
        .iter()
        .map(ToString::to_string)
        .collect();
    let expected =
        "breaking: embeddings: `data[].embedding` of the contract is `data[].vector` in the answer";
    assert!(found.contains(&expected.to_owned()), "{found:?}");
}
