//! Promise 1 at the door: no budget is exceeded, and who is refused is told why.
//!
//! Invariants: budgets are set as a command beside the server sets them; the simulator's bill is what was really spent.
//! Does not know: leases.

use std::time::Duration;

use cost_accounting::{BudgetScope, BudgetWindow, PicoUsd};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use openai_sim::Script;
use serde_json::{Value, json};

use crate::world::{Answer, World, chat};

impl World {
    pub(super) async fn budget(&self, scope: &str, limit_usd: &str) {
        let limit = PicoUsd::from_usd(limit_usd).unwrap();
        let scope: BudgetScope = scope.parse().unwrap();
        self.budgets
            .set(&scope, BudgetWindow::Day, limit)
            .await
            .unwrap();
        // Until the server has seen it.
        while self.budgets.unseen_by().await.unwrap() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn settled(&self, scope: &str) -> PicoUsd {
        let scope: BudgetScope = scope.parse().unwrap();
        self.budgets.list(Some(&scope)).await.unwrap()[0].settled
    }

    /// Bodies that reached the upstream, as JSON.
    fn sent(&self) -> Vec<Value> {
        let calls = self.sim.calls();
        let bodies = calls
            .iter()
            .map(|call| serde_json::from_slice(&call.body).unwrap());
        bodies.collect()
    }
}

/// 16 tokens of ada-002, whose bytes bound them by far more; usage is scripted to be all that is allowed.
fn embedding(number: usize) -> Value {
    json!({"model": "text-embedding-ada-002", "input": format!("text number {number}")})
}

#[tokio::test]
async fn a_refusal_names_the_budget_and_all_its_figures_and_is_not_repeated() {
    let world = World::new().await;
    let scope = format!("key:{}", world.key_id);
    world.budget(&scope, "0.000001").await;
    let refused = world
        .post("/chat/completions", &chat(&json!({"max_tokens": 10})))
        .await;
    assert_eq!(
        (
            refused.status,
            refused.code().as_str(),
            refused.header("x-should-retry")
        ),
        (429, "budget_exceeded", "false")
    );
    let error = &refused.json()["error"];
    assert_eq!(error["type"], "insufficient_quota");
    let budget = &error["budget"];
    assert_eq!(
        (&budget["scope"], &budget["window"], &budget["limit_usd"]),
        (&json!(scope), &json!("day"), &json!("0.000001"))
    );
    assert_eq!(
        (&budget["settled_usd"], &budget["held_usd"]),
        (&json!("0"), &json!("0"))
    );
    assert_eq!(budget["reason"], "larger_than_limit");
    for field in ["needed_usd", "resets_at"] {
        assert!(budget[field].is_string(), "{budget}");
    }
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("keyward budget explain"), "{message}");
    assert!(world.sim.calls().is_empty(), "nothing was sent");
}

#[tokio::test]
async fn parallel_calls_spend_what_a_budget_allows_and_no_more() {
    const CALLS: usize = 300;
    const FIT: u64 = 40;
    let world = World::new().await;
    // 8,000 tokens a call, whatever it holds, cost 0.0008 USD.
    let usage = Script::new().usage(8_000, 0).on("/embeddings").always();
    world.sim.script(usage);
    let ids = || json!({"model": "text-embedding-ada-002", "input": vec![7; 8_000]});
    let limit = 800_000_000 * i128::from(FIT) + 60_000_000;
    world
        .budget("global", &PicoUsd::from_pico(limit).to_string())
        .await;
    let body = ids();
    let mut calls: FuturesUnordered<_> = (0..CALLS)
        .map(|_| {
            let body = &body;
            let world = &world;
            async move {
                let no_cache = world.request("POST", "/embeddings");
                let request = no_cache
                    .header("authorization", format!("Bearer {}", world.key))
                    .header("content-type", "application/json")
                    .header("cache-control", "no-store")
                    .body(body.to_string());
                Answer::of(request).await.status
            }
        })
        .collect();
    let mut served = 0;
    while let Some(status) = calls.next().await {
        assert!(matches!(status, 200 | 429), "{status}");
        served += u64::from(status == 200);
    }
    assert!(served <= FIT, "{served}");
    assert!(
        served >= FIT - 1,
        "{served}: the rest is less than one call"
    );
    let spent = world.total_after(served).await.cost;
    assert_eq!(spent.pico(), 800_000_000 * i128::from(served));
    assert_eq!(world.settled("global").await, spent);
}

#[tokio::test]
async fn a_chat_without_a_maximum_is_capped_sent_at_a_named_tier_and_told_so() {
    let world = World::new().await;
    world.budget("global", "5").await;
    let answer = world.post("/chat/completions", &chat(&json!({}))).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    // 1 % of 5 USD buys more of gpt-4o-mini than the model gives.
    assert_eq!(answer.header("x-keyward-output-cap"), "16384");
    let sent = world.sent().remove(0);
    assert_eq!(
        (&sent["max_completion_tokens"], &sent["service_tier"]),
        (&json!(16384), &json!("default")),
        "{sent}"
    );
    let own = json!({"max_tokens": 5, "service_tier": "flex"});
    let answer = world.post("/chat/completions", &chat(&own)).await;
    assert_eq!(answer.header("x-keyward-output-cap"), "");
    let sent = world.sent().remove(1);
    assert_eq!(
        (&sent["max_tokens"], &sent["service_tier"]),
        (&json!(5), &json!("flex"))
    );
}

#[tokio::test]
async fn a_five_dollar_day_carries_fifty_ordinary_calls_at_once() {
    let world = World::new().await;
    world.budget(&format!("key:{}", world.key_id), "5").await;
    world.sim.script(
        Script::new()
            .usage(1_000, 300)
            .delay(Duration::from_millis(200))
            .always(),
    );
    let text = "an ordinary question of some length ".repeat(110);
    let body = chat(&json!({"messages": [{"role": "user", "content": text}]}));
    let mut calls: FuturesUnordered<_> = (0..50)
        .map(|_| world.post("/chat/completions", &body))
        .collect();
    while let Some(answer) = calls.next().await {
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
}

#[tokio::test]
async fn what_is_held_for_a_call_under_way_is_waited_for_and_then_refused_as_held() {
    let world = World::with(&[("KEYWARD_BUDGETS__WAIT", "100ms")]).await;
    world.budget("global", "0.003").await;
    world.sim.script(Script::new().stall_after_chunks(2));
    let body = json!({"stream": true, "max_tokens": 4000});
    let under_way = world.send_unread(&chat(&body)).await;
    while world.sim.calls().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let refused = world
        .post("/chat/completions", &chat(&json!({"max_tokens": 4000})))
        .await;
    assert_eq!(refused.code(), "budget_exceeded", "{}", refused.body);
    assert_eq!(refused.json()["error"]["budget"]["reason"], "held");
    drop(under_way);
}

#[tokio::test]
async fn each_end_user_has_the_budget_of_the_template_from_its_first_call_on() {
    let world = World::with(&[("KEYWARD_BUDGETS__END_USER", "header")]).await;
    world.budget("user:*", "0.000025").await;
    world.sim.script(Script::new().usage(100, 0).always());
    let call = async |user: &str| {
        let request = world
            .request("POST", "/chat/completions")
            .header("authorization", format!("Bearer {}", world.key))
            .header("content-type", "application/json")
            .header("x-keyward-end-user", user);
        let body = chat(&json!({"max_tokens": 10, "user": "not asked"}));
        Answer::of(request.body(body.to_string())).await
    };
    assert_eq!(call("ada").await.status, 200);
    let refused = call("ada").await;
    assert_eq!(refused.code(), "budget_exceeded", "{}", refused.body);
    assert_eq!(refused.json()["error"]["budget"]["scope"], "user:ada");
    assert_eq!(call("bob").await.status, 200);
    let star = call("*").await;
    assert_eq!((star.status, star.code().as_str()), (400, "invalid_value"));
}

#[tokio::test]
async fn a_call_that_was_never_sent_holds_nothing_afterwards() {
    let world = World::with(&[("KEYWARD_BREAKER__CONSECUTIVE_FAILURES_MAX", "1")]).await;
    world.sim.script(Script::status(500));
    world
        .post("/chat/completions", &chat(&json!({"max_tokens": 1})))
        .await;
    let refused = world.post("/chat/completions", &chat(&json!({}))).await;
    assert_eq!(refused.code(), "circuit_open");
    assert_eq!(world.escrow.open_holds(), 0);
}

#[tokio::test]
async fn an_embedding_from_the_cache_needs_no_budget() {
    let world = World::new().await;
    assert_eq!(world.post("/embeddings", &embedding(1)).await.status, 200);
    world.budget("global", "0").await;
    let hit = world.post("/embeddings", &embedding(1)).await;
    assert_eq!(
        (hit.status, hit.header("x-keyward-cache")),
        (200, "hit"),
        "{}",
        hit.body
    );
    let refused = world.post("/embeddings", &embedding(2)).await;
    assert_eq!(refused.code(), "budget_exceeded");
}
