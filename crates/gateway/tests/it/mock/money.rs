//! Promise 2 at the door: what was charged, whatever happened.
//!
//! Invariants: every call that was sent is entered once; reported usage is priced exactly, unreported usage at the bound.
//! Does not know: the price list beyond the rows it uses.

use std::time::Duration;

use cost_accounting::EntryState;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use openai_sim::Script;
use serde_json::json;

use crate::world::{Answer, World, chat};

#[tokio::test]
async fn sixteen_tokens_of_ada_cost_exactly_0_0000016_usd() {
    let world = World::new().await;
    world
        .sim
        .script(Script::new().usage(16, 0).on("/embeddings"));
    let answer = world
        .post(
            "/embeddings",
            &json!({"model": "text-embedding-ada-002", "input": "sixteen tokens"}),
        )
        .await;
    assert_eq!(answer.header("x-keyward-cost-usd"), "0.0000016");
    let entries = world.entries(&answer).await;
    assert_eq!(
        (
            entries[0].cost.pico(),
            entries[0].usage.input,
            entries[0].state
        ),
        (1_600_000, 16, EntryState::Reported)
    );
    assert_eq!(world.total_after(1).await.cost.to_string(), "0.0000016");
}

/// Usage as the upstream reports it, and its price in pico-USD at gpt-4o-mini's 0.15, 0.075 and 0.60 USD a million.
async fn check_vector(script: Script, classes: [u64; 4], pico: i128) {
    let world = World::new().await;
    world.sim.script(script.on("/chat/completions").times(3));
    for extra in [
        json!({}),
        json!({"stream": true}),
        json!({"stream": true, "stream_options": {"include_usage": true}}),
    ] {
        let answer = world.post("/chat/completions", &chat(&extra)).await;
        let entry = world.entries(&answer).await.remove(0);
        let usage = entry.usage;
        assert_eq!(
            [
                usage.input,
                usage.cached_input,
                usage.output,
                usage.reasoning
            ],
            classes
        );
        assert_eq!(
            (entry.cost.pico(), entry.state),
            (pico, EntryState::Reported),
            "{extra}"
        );
    }
}

#[tokio::test]
async fn reported_usage_is_priced_by_disjoint_classes() {
    check_vector(
        Script::new().usage(100, 10),
        [100, 0, 10, 0],
        100 * 150_000 + 10 * 600_000,
    )
    .await;
    check_vector(
        Script::new().usage(100, 10).cached(40, 0),
        [60, 40, 10, 0],
        60 * 150_000 + 40 * 75_000 + 10 * 600_000,
    )
    .await;
    check_vector(
        Script::new().usage(100, 10).reasoning(7),
        [100, 0, 3, 7],
        100 * 150_000 + 10 * 600_000,
    )
    .await;
    check_vector(Script::new().usage(0, 0), [0, 0, 0, 0], 0).await;
}

#[tokio::test]
async fn the_model_that_answers_sets_the_price_and_one_without_a_price_is_marked() {
    let world = World::new().await;
    world
        .sim
        .script(Script::new().usage(1000, 0).model("gpt-4o-2024-08-06"));
    let dearer = world.post("/chat/completions", &chat(&json!({}))).await;
    assert_eq!(dearer.header("x-keyward-cost-usd"), "0.0025");
    world
        .sim
        .script(Script::new().usage(1000, 0).model("gpt-unheard-of"));
    let unknown = world.post("/chat/completions", &chat(&json!({}))).await;
    let entry = world.entries(&unknown).await.remove(0);
    assert_eq!(
        (entry.cost.to_string().as_str(), entry.state),
        ("0.00015", EntryState::Estimated)
    );
    assert!(entry.price_row.unwrap().starts_with("gpt-4o-mini@"));
    assert!(world.metrics().contains("keyward_ledger_estimated_total"));
}

/// How an attempt is to be entered.
struct Entered {
    status: u16,
    outcome: &'static str,
    state: EntryState,
}

/// Proven free: nothing ran.
fn free(status: u16) -> Entered {
    Entered {
        status,
        outcome: "refused",
        state: EntryState::Reported,
    }
}

/// Nobody reported usage: the bound is charged.
fn bounded(status: u16, outcome: &'static str) -> Entered {
    Entered {
        status,
        outcome,
        state: EntryState::Estimated,
    }
}

/// An attempt that fails by `script` is answered and entered as `expected`.
async fn check_failure(script: Script, stream: bool, expected: Entered) {
    let world = World::with(&[
        ("KEYWARD_TIMEOUTS__FIRST_BYTE", "1s"),
        ("KEYWARD_TIMEOUTS__IDLE", "1s"),
    ])
    .await;
    world.sim.script(script.on("/chat/completions"));
    let body = chat(&json!({"stream": stream, "max_tokens": 10}));
    let answer = world.post("/chat/completions", &body).await;
    assert_eq!(answer.status, expected.status, "{}", answer.body);
    let entries = world.entries(&answer).await;
    assert_eq!(entries.len(), 1);
    let (outcome, cost) = (expected.outcome, entries[0].cost.pico());
    assert_eq!(
        (entries[0].outcome.as_ref(), entries[0].state),
        (outcome, expected.state)
    );
    if expected.state == EntryState::Reported {
        assert_eq!(cost, 0, "{outcome}");
    } else {
        // Ten tokens out and each byte of the body in, at the dearest tier: more than nothing, less than a cent.
        assert!(
            (10 * 600_000..10_000_000_000).contains(&cost),
            "{outcome}: {cost}"
        );
    }
    world.total_after(1).await;
}

#[tokio::test]
async fn every_failure_is_entered_and_charged_unless_it_is_proven_free() {
    let mut checks = FuturesUnordered::new();
    for stream in [false, true] {
        for (script, expected) in [
            (Script::status(400), free(400)),
            (Script::status(429), free(429)),
            (Script::status(500), bounded(500, "upstream_error")),
            (Script::never_answer(), bounded(504, "timeout")),
            (Script::hang_up(), bounded(502, "broken")),
            (Script::new().no_usage(), bounded(200, "finished")),
        ] {
            checks.push(check_failure(script, stream, expected));
        }
    }
    let new = Script::new;
    checks.push(check_failure(
        new().malformed(),
        false,
        bounded(502, "broken"),
    ));
    checks.push(check_failure(
        new().cut_after_bytes(20),
        false,
        bounded(502, "broken"),
    ));
    checks.push(check_failure(
        new().cut_after_chunks(2),
        true,
        bounded(200, "broken"),
    ));
    checks.push(check_failure(
        new().stall_after_chunks(2),
        true,
        bounded(200, "timeout"),
    ));
    checks.push(check_failure(
        new().error_after_chunks(1),
        true,
        bounded(200, "upstream_error"),
    ));
    while checks.next().await.is_some() {}
}

#[tokio::test]
async fn an_upstream_that_takes_no_connection_costs_nothing() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = format!("http://{}/v1", listener.local_addr().unwrap());
    drop(listener);
    let world = World::before(&[], Some(&nobody)).await;
    let answer = world.post("/chat/completions", &chat(&json!({}))).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (502, "upstream_unreachable")
    );
    let entry = world.entries(&answer).await.remove(0);
    assert_eq!(
        (entry.outcome.as_ref(), entry.cost.pico()),
        ("connect_failed", 0)
    );
}

#[tokio::test]
async fn a_caller_who_hangs_up_on_a_whole_answer_is_charged_what_the_upstream_reports() {
    let world = World::new().await;
    world.sim.script(
        Script::new()
            .usage(100, 10)
            .delay(Duration::from_millis(300)),
    );
    let call = world
        .request("POST", "/chat/completions")
        .header("authorization", format!("Bearer {}", world.key))
        .header("content-type", "application/json");
    let left = tokio::time::timeout(
        Duration::from_millis(100),
        call.body(chat(&json!({})).to_string()).send(),
    )
    .await;
    assert!(left.is_err(), "the caller left before the answer");
    let total = world.total_after(1).await;
    assert_eq!(total.cost.pico(), 100 * 150_000 + 10 * 600_000);
}

#[tokio::test]
async fn a_caller_who_hangs_up_in_a_stream_is_charged_exactly_once_it_is_drained() {
    let world = World::new().await;
    world.sim.script(
        Script::new()
            .usage(100, 40)
            .text(&"word ".repeat(40))
            .chunk_delay(Duration::from_millis(10)),
    );
    leave_after_first_chunk(&world).await;
    let total = world.total_after(1).await;
    assert_eq!(
        total.cost.pico(),
        100 * 150_000 + 40 * 600_000,
        "the upstream's own report"
    );
}

#[tokio::test]
async fn a_drain_is_bounded_and_then_the_bound_is_charged() {
    let world = World::with(&[("KEYWARD_STREAM__DRAIN_TOKENS_MAX", "5")]).await;
    world.sim.script(
        Script::new()
            .usage(100, 4000)
            .text(&"word ".repeat(4000))
            .chunk_delay(Duration::from_millis(2)),
    );
    leave_after_first_chunk(&world).await;
    let total = world.total_after(1).await;
    assert!(
        total.cost.pico() > 100 * 150_000 + 4000 * 600_000,
        "never less than what was used: {}",
        total.cost
    );
    assert!(world.metrics().contains(r#"outcome="client_gone"} 1"#));
}

async fn leave_after_first_chunk(world: &World) {
    let mut response = world.stream().await;
    assert!(response.chunk().await.unwrap().is_some());
}

#[tokio::test]
async fn the_cost_of_a_stream_is_in_its_usage_chunk_and_can_be_asked_for_at_once() {
    let world = World::new().await;
    world.sim.script(Script::new().usage(100, 10).times(2));
    let asked = world
        .post(
            "/chat/completions",
            &chat(&json!({"stream": true, "stream_options": {"include_usage": true}})),
        )
        .await;
    let events = asked.events();
    let last: serde_json::Value = serde_json::from_str(&events[events.len() - 2]).unwrap();
    assert_eq!(last["keyward"]["cost_usd"], "0.000021");
    assert_eq!(last["usage"]["prompt_tokens"], 100);
    let silent: Answer = world
        .post("/chat/completions", &chat(&json!({"stream": true})))
        .await;
    assert!(
        !silent.body.contains("usage") && !silent.body.contains("keyward"),
        "{}",
        silent.body
    );
    assert_eq!(
        world
            .get(&format!("/keyward/calls/{}", silent.header("x-request-id")))
            .await
            .json()["cost_usd"],
        "0.000021"
    );
}

#[tokio::test]
async fn the_simulators_bill_and_the_ledger_agree_over_many_parallel_calls() {
    let world = std::sync::Arc::new(World::new().await);
    let calls = (0..60).map(|number| {
        let world = std::sync::Arc::clone(&world);
        tokio::spawn(async move {
            let body = chat(&json!({"stream": number % 2 == 0, "messages": [{"role": "user", "content": format!("Question {number}: why?")}]}));
            let answer = world.post("/chat/completions", &body).await;
            assert!(answer.status == 200 && answer.ended, "{}", answer.body);
        })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap();
    }
    let (total, bill) = (world.total_after(60).await, world.sim.bill().total());
    assert_eq!(
        (total.input_tokens, total.output_tokens),
        (bill.input_tokens, bill.output_tokens)
    );
}
