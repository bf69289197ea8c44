//! Charges that were once lost, too low, or impossible to enter.
//!
//! Invariants: each test is named after what went wrong.
//! Does not know: how the ledger keeps its entries.

use std::time::Duration;

use cost_accounting::{Entry, EntryState};
use openai_sim::{Lie, Quirk, Script};
use serde_json::{Value, json};

use crate::world::{World, chat};

/// A stop with calls under way that don't end: they are entered, and the server comes to its end.
async fn check_stop(script: Script, extra: &Value) {
    let world = World::with(&[("KEYWARD_SERVER__DRAIN", "1s")]).await;
    world.sim.script(script);
    let _socket = world.send_unread(&chat(extra)).await;
    for _ in 0..200 {
        if !world.sim.calls().is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // A held-up stream fills its socket first.
    tokio::time::sleep(Duration::from_millis(300)).await;
    world.ask_to_stop();
    world.stopped().await;
    assert!(
        world.total_after(1).await.cost.pico() > 0,
        "what was sent may have cost something"
    );
    assert!(
        world.metrics().contains(r#"outcome="shutdown"} 1"#),
        "{}",
        world.metrics()
    );
}

#[tokio::test]
async fn a_whole_call_under_way_at_a_stop_was_lost() {
    check_stop(Script::never_answer(), &json!({})).await;
}

#[tokio::test]
async fn a_stream_waiting_for_its_head_at_a_stop_was_lost() {
    check_stop(Script::never_answer(), &json!({"stream": true})).await;
}

#[tokio::test]
async fn a_stream_held_up_by_its_reader_at_a_stop_was_lost() {
    check_stop(
        Script::new().text(&"word ".repeat(20_000)),
        &json!({"stream": true}),
    )
    .await;
}

/// The one entry of a call that is answered by `script`.
async fn entry_of(script: Script, body: &Value) -> Entry {
    let world = World::new().await;
    world.sim.script(script.on("/chat/completions"));
    let answer = world.post("/chat/completions", body).await;
    let mut entries = world.entries(&answer).await;
    assert_eq!(entries.len(), 1, "{}", answer.body);
    entries.remove(0)
}

#[tokio::test]
async fn a_huge_maximum_made_an_entry_that_did_not_fit() {
    let body = chat(&json!({"max_tokens": 1_000_000_000_000_000_u64, "n": 128}));
    let silent = Script::raw("application/json", r#"{"choices":[]}"#);
    let entry = entry_of(silent, &body).await;
    // 128 choices of the model's own longest output, at its dearest tier: dollars, not millions.
    let usd = entry.cost.pico() / 1_000_000_000_000;
    assert!((1..20).contains(&usd), "{}", entry.cost);
}

#[tokio::test]
async fn an_endless_tier_or_model_of_the_upstream_made_an_entry_that_did_not_fit() {
    let long = "x".repeat(5000);
    let entry = entry_of(Script::new().service_tier(&long), &chat(&json!({}))).await;
    assert_eq!(entry.state, EntryState::Estimated);
    assert!(entry.service_tier.unwrap().len() <= 256);
    let entry = entry_of(Script::new().model(&"é".repeat(3000)), &chat(&json!({}))).await;
    assert!(entry.model_served.unwrap().len() <= 256);
}

#[tokio::test]
async fn usage_on_every_chunk_of_a_stream_that_broke_off_was_taken_as_final() {
    for script in [
        Script::new().cut_after_chunks(3),
        Script::new().end_after_chunks(3),
    ] {
        let script = script
            .text(&"word ".repeat(50))
            .quirk(Quirk::UsageOnEveryChunk);
        let entry = entry_of(script, &chat(&json!({"stream": true, "max_tokens": 60}))).await;
        assert_eq!(
            (entry.state, entry.outcome.as_ref()),
            (EntryState::Estimated, "broken")
        );
        assert!(
            entry.cost.pico() > 60 * 600_000,
            "at least what was allowed: {}",
            entry.cost
        );
    }
}

#[tokio::test]
async fn an_image_was_bounded_by_the_length_of_its_link() {
    let part = json!({"type": "image_url", "image_url": {"url": "https://example.com/a.png"}});
    let body = chat(&json!({"messages": [{"role": "user", "content": [part]}], "max_tokens": 10}));
    let entry = entry_of(Script::new().no_usage(), &body).await;
    assert!(
        entry.cost.pico() >= 48_169 * 150_000,
        "the most tokens of an image: {}",
        entry.cost
    );
}

#[tokio::test]
async fn statuses_that_prove_nothing_were_entered_at_zero() {
    for status in [408, 409, 499] {
        let entry = entry_of(Script::status(status), &chat(&json!({}))).await;
        assert!(entry.cost.pico() > 0, "{status}");
        assert_eq!(entry.state, EntryState::Estimated, "{status}");
    }
}

#[tokio::test]
async fn a_tier_without_a_price_was_charged_as_the_cheapest() {
    let script = Script::new().usage(1000, 1000).service_tier("scale");
    let entry = entry_of(script, &chat(&json!({"model": "gpt-4o"}))).await;
    let standard = 1000 * 2_500_000 + 1000 * 10_000_000;
    assert!(entry.cost.pico() > standard, "{}", entry.cost);
    assert_eq!(entry.state, EntryState::Estimated);
}

#[tokio::test]
async fn a_call_begun_while_the_ledger_can_not_be_written_is_refused_or_let_through_as_set() {
    for (setting, status) in [("refuse", 503), ("continue", 200)] {
        let world = World::with(&[("KEYWARD_LEDGER__ON_WRITE_FAILURE", setting)]).await;
        // A call that holds its money already; its entry finds the disk broken.
        world
            .sim
            .script(Script::new().chunk_delay(Duration::from_millis(50)));
        let stream = world.stream().await;
        world.disk.fail(true);
        drop(stream.bytes().await);
        for _ in 0..400 {
            if world.ledger.writable().is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let answer = world.post("/chat/completions", &chat(&json!({}))).await;
        assert_eq!(answer.status, status, "{setting}: {}", answer.body);
        if status == 503 {
            assert_eq!(answer.code(), "ledger_unavailable");
            assert_eq!(world.get("/readyz").await.status, 503);
        }
        world.disk.fail(false);
        // Nothing was lost: what waited is entered once the disk is back.
        world.total_after(if status == 503 { 1 } else { 2 }).await;
        assert!(world.ledger.writable().is_ok());
    }
}

#[tokio::test]
async fn a_tier_that_was_asked_for_and_not_told_of_was_charged_as_the_standard_one() {
    let world = World::new().await;
    world.sim.lie(Lie::new().leave_out("service_tier"));
    world.sim.script(Script::new().usage(1000, 1000).always());
    let standard = 1000 * 2_500_000 + 1000 * 10_000_000;
    for (asked, is_dearer) in [(json!("priority"), true), (json!(null), false)] {
        let body = chat(&json!({"model": "gpt-4o", "service_tier": asked, "max_tokens": 1000}));
        let answer = world.post("/chat/completions", &body).await;
        let cost = world.entries(&answer).await.remove(0).cost.pico();
        assert_eq!(cost > standard, is_dearer, "{asked}: {cost}");
    }
}
