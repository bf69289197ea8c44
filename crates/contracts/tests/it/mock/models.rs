//! The list of models, and one of them.
//!
//! Invariants: none of its own.
//! Does not know: which models there are.

use super::calls::models;
use super::{expect_true, json, observe_all, start};

#[tokio::test]
async fn models_keep_their_contracts() {
    let sim = start().await;
    let exchanges = observe_all(&sim, models()).await;
    expect_true(&exchanges, 200);
    assert_eq!(json(&exchanges[1])[0]["id"], "gpt-4o");
}
