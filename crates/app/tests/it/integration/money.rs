//! Budgets and books through the built binary: what fits is served, what does not is refused, and nobody pays for what was not billed.
//!
//! Invariants: the simulator's bill is the measure; prices stand here as OpenAI publishes them.
//! Does not know: leases, tables.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use openai_sim::{Bill, Script, Sim, SimOptions};
use rig::Postgres;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::support::{Answer, Place, Running, text};

/// gpt-4o-mini, pico-USD a token, in and out.
const CHAT_PRICE: (u64, u64) = (150_000, 600_000);
/// Connections of the callers, all together.
const CONNECTIONS_MAX: usize = 500;
const CALLS: u64 = 10_000;
const CALLS_THAT_FIT: u64 = 1_000;
/// Of those that fit, some may find their money held by another server just when they ask.
const CALLS_SERVED_MIN: u64 = 990;
/// Token ids of one call: at 0.02 USD per million tokens it costs 200,000 pico-USD.
const TOKENS: u64 = 10;
/// What 1,000 of them cost.
const LIMIT_USD: &str = "0.0002";

/// A place whose upstream is `sim`.
fn place_before(sim: &Sim, settings: &[(&str, &str)]) -> Place {
    let key = ["sk", "-", "made-up-for-this-test-only-0004"].concat();
    let mut place = Place::new(settings);
    place.set("OPENAI_API_KEY", &key);
    place.set("OPENAI_BASE_URL", &sim.base_url());
    place.set("KEYWARD_LIMITS__REQUESTS_PER_MINUTE", "1000000");
    place
}

async fn sim() -> Sim {
    Sim::start(SimOptions::default()).await.unwrap()
}

/// A new key's id and secret.
fn key(place: &Place, name: &str) -> (String, String) {
    let made = place.json(&["keys", "create", "--name", name, "--format", "json"]);
    let field = |field: &str| made[field].as_str().unwrap().to_owned();
    (field("id"), field("key"))
}

fn set_budget(place: &Place, scope: &str, window: &str, limit: &str) {
    let set = place.run(&[
        "budget",
        "set",
        "--scope",
        scope,
        "--window",
        window,
        "--limit-usd",
        limit,
    ]);
    assert!(set.status.success(), "{}", text(&set.stderr));
}

/// The row of `keyward budget list` for a scope.
fn budget(place: &Place, scope: &str) -> Value {
    let list = place.json(&["budget", "list", "--format", "json"]);
    let rows = list["budgets"].as_array().unwrap();
    rows.iter()
        .find(|row| row["scope"] == scope)
        .unwrap()
        .clone()
}

/// Decimal USD as pico-USD.
fn pico(text: &Value) -> u64 {
    let (whole, part) = text
        .as_str()
        .unwrap()
        .split_once('.')
        .unwrap_or((text.as_str().unwrap(), ""));
    assert!(part.len() <= 12, "{text}");
    format!("{whole}{part:0<12}").parse().unwrap()
}

/// One client for many calls.
fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

async fn post(
    client: &reqwest::Client,
    url: &str,
    key: &str,
    body: &Value,
) -> reqwest::Result<Answer> {
    let request = client.post(url).bearer_auth(key);
    let request = request.header("content-type", "application/json");
    let answer = request.body(body.to_string()).send().await?;
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let body = answer.text().await?;
    Ok(Answer {
        status,
        headers,
        body,
    })
}

/// An embedding of token ids that no other call has.
fn ids(number: u64) -> Value {
    let ids: Vec<u64> = (0..TOKENS)
        .map(|place| (number * TOKENS + place) % 100_000)
        .collect();
    json!({"model": "text-embedding-3-small", "input": ids, "dimensions": 8})
}

/// 10,000 calls at once against a budget for 1,000, spread over the servers.
async fn ten_thousand_for_a_thousand(place: &Place, servers: usize, sim: &Sim) {
    let (id, secret) = key(place, "thousand");
    let scope = format!("key:{id}");
    set_budget(place, &scope, "total", LIMIT_USD);
    let mut running: Vec<Running> = (0..servers).map(|_| place.serve()).collect();
    let urls: Vec<String> = running
        .iter()
        .map(|server| format!("{}/embeddings", server.base_url))
        .collect();
    let (client, sockets) = (client(), Arc::new(Semaphore::new(CONNECTIONS_MAX)));
    let mut calls = JoinSet::new();
    for number in 0..CALLS {
        let url = urls[number as usize % urls.len()].clone();
        let (client, sockets, secret) = (client.clone(), Arc::clone(&sockets), secret.clone());
        calls.spawn(async move {
            let _socket = sockets.acquire().await.unwrap();
            post(&client, &url, &secret, &ids(number)).await.unwrap()
        });
    }
    let mut served = 0;
    while let Some(call) = calls.join_next().await {
        let answer = call.unwrap();
        if answer.status == 200 {
            served += 1;
            continue;
        }
        assert_eq!(answer.status, 429, "{}", answer.body);
        let error = &answer.json()["error"];
        assert_eq!(
            (&error["type"], &error["code"]),
            (&json!("insufficient_quota"), &json!("budget_exceeded"))
        );
        assert_eq!(answer.header("x-should-retry"), "false");
    }
    for server in &mut running {
        assert_eq!(server.stop(), Some(0), "{}", server.written());
    }
    assert_eq!(sim.bill().total().calls, served);
    let row = budget(place, &scope);
    let (limit, settled) = (pico(&row["limit_usd"]), pico(&row["settled_usd"]));
    assert!(settled <= limit, "{row}");
    assert_eq!(settled, served * limit / CALLS_THAT_FIT);
    assert_eq!(pico(&row["held_usd"]), 0, "{row}");
    let usage = place.json(&["usage", "--by", "key", "--key", &id, "--format", "json"]);
    assert_eq!(pico(&usage["total"]["cost_usd"]), settled);
    assert!(
        (CALLS_SERVED_MIN..=CALLS_THAT_FIT).contains(&served),
        "{served} calls were served where {CALLS_THAT_FIT} fit"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "integration tier"]
async fn ten_thousand_calls_at_once_spend_what_a_thousand_cost() {
    let sim = sim().await;
    let place = place_before(&sim, &[]);
    ten_thousand_for_a_thousand(&place, 1, &sim).await;
    sim.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "integration tier"]
async fn ten_thousand_calls_at_once_on_two_servers_spend_what_a_thousand_cost() {
    let postgres = tokio::task::spawn_blocking(Postgres::start)
        .await
        .unwrap()
        .unwrap();
    let sim = sim().await;
    let place = place_before(&sim, &[("DATABASE_URL", &postgres.url())]);
    ten_thousand_for_a_thousand(&place, 2, &sim).await;
    sim.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "integration tier"]
async fn a_five_dollar_key_carries_fifty_ordinary_calls_at_once() {
    const CALLERS: u64 = 50;
    let sim = sim().await;
    // None is answered before all have asked.
    sim.script(
        Script::new()
            .delay(Duration::from_secs(2))
            .times(CALLERS)
            .on("/chat/completions"),
    );
    let place = place_before(&sim, &[]);
    let (id, secret) = key(&place, "fifty");
    set_budget(&place, &format!("key:{id}"), "day", "5");
    let mut server = place.serve();
    let url = format!("{}/chat/completions", server.base_url);
    let client = client();
    let mut calls = JoinSet::new();
    for number in 0..CALLERS {
        let (client, url, secret) = (client.clone(), url.clone(), secret.clone());
        let question = format!("{number}: {}", "word ".repeat(1_000));
        let body =
            json!({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": question}]});
        calls.spawn(async move { post(&client, &url, &secret, &body).await.unwrap() });
    }
    while let Some(call) = calls.join_next().await {
        let answer = call.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    assert_eq!(server.stop(), Some(0));
    let bill = sim.bill().of("gpt-4o-mini");
    assert_eq!(bill.calls, CALLERS);
    let billed = bill.input_tokens * CHAT_PRICE.0 + bill.output_tokens * CHAT_PRICE.1;
    assert_eq!(
        pico(&budget(&place, &format!("key:{id}"))["settled_usd"]),
        billed
    );
    sim.stop().await;
}

/// What becomes of a call upstream.
const UPSTREAM: [&str; 7] = [
    "whole",
    "cut",
    "cut before",
    "stall",
    "refused",
    "failed",
    "late",
];
/// What the caller does.
const CALLER: [&str; 3] = ["stays", "leaves", "is gone"];

/// `None`: an ordinary answer.
fn upstream(what: &str) -> Script {
    let script = match what {
        "whole" => Script::new(),
        "cut" => Script::new().cut_after_chunks(4).reset(),
        "cut before" => Script::hang_up(),
        "stall" => Script::new().stall_after_chunks(3),
        "refused" => Script::status(429),
        "failed" => Script::status(500).billed(true),
        "late" => Script::new().delay(Duration::from_millis(900)),
        _ => unreachable!("{what}"),
    };
    script
        .text("one two three four five six seven eight")
        .chunk_delay(Duration::from_millis(5))
        .on("/chat/completions")
}

/// One caller's call, and another try where there is one.
async fn one_call(sim: &Sim, url: &str, secret: &str, user: &str, stream: bool, caller: &str) {
    let body = json!({
        "model": "gpt-4o-mini",
        "messages": [{"role": "user", "content": "Count, please."}],
        "max_tokens": 64,
        "user": user,
        "stream": stream,
    });
    let sending = client().post(url).bearer_auth(secret);
    let sending = sending
        .header("content-type", "application/json")
        .body(body.to_string());
    let waiting = sim.scripts_waiting();
    let calling = async {
        let Ok(mut answer) = sending.send().await else {
            return;
        };
        if caller == "leaves" {
            let _ = answer.chunk().await;
            return;
        }
        while let Ok(Some(_)) = answer.chunk().await {}
    };
    if caller != "is gone" {
        return calling.await;
    }
    // Gone as soon as the upstream has the call.
    let arrived = async {
        while sim.scripts_waiting() == waiting {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        () = calling => {}
        () = arrived => {}
    }
}

/// Budgets of end users that hold less than was billed, or where all was told not just that, or something still.
fn unbalanced(place: &Place, bill: &Bill, exact: &BTreeMap<String, bool>) -> Vec<String> {
    let list = place.json(&["budget", "list", "--format", "json"]);
    let mut wrong = Vec::new();
    for (user, is_exact) in exact {
        let row = list["budgets"]
            .as_array()
            .unwrap()
            .iter()
            .find(|row| row["scope"] == format!("user:{user}"))
            .unwrap();
        let part = bill
            .users
            .get(user)
            .and_then(|models| models.get("gpt-4o-mini"))
            .copied()
            .unwrap_or_default();
        let billed = part.input_tokens * CHAT_PRICE.0 + part.output_tokens * CHAT_PRICE.1;
        let settled = pico(&row["settled_usd"]);
        if settled < billed || (*is_exact && settled != billed) || pico(&row["held_usd"]) != 0 {
            wrong.push(format!("billed {billed}: {row}"));
        }
    }
    wrong
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "integration tier"]
async fn books_balance_however_callers_leave_and_upstreams_break() {
    let sim = sim().await;
    let place = place_before(
        &sim,
        &[
            ("KEYWARD_TIMEOUTS__FIRST_BYTE", "500ms"),
            ("KEYWARD_TIMEOUTS__IDLE", "500ms"),
            ("KEYWARD_STREAM__DRAIN", "300ms"),
            ("KEYWARD_BREAKER__CONSECUTIVE_FAILURES_MAX", "1000"),
            ("KEYWARD_BREAKER__FAILURE_RATE_PERCENT", "100"),
            ("KEYWARD_BREAKER__CALLS_MIN", "100000"),
        ],
    );
    let (id, secret) = key(&place, "all");
    set_budget(&place, &format!("key:{id}"), "day", "50");
    // Each combination has an end user of its own, whose budget counts its cost.
    set_budget(&place, "user:*", "day", "1");
    let mut server = place.serve();
    let url = format!("{}/chat/completions", server.base_url);
    // A script serves the next call, so one call begins after the other has reached the upstream.
    let mut exact = BTreeMap::new();
    for what in UPSTREAM {
        for caller in CALLER {
            for stream in [false, true] {
                for tries in [1_u64, 2] {
                    let user = format!("{what}-{caller}-{stream}-{tries}").replace(' ', "-");
                    sim.script(upstream(what).times(tries));
                    for _ in 0..tries {
                        one_call(&sim, &url, &secret, &user, stream, caller).await;
                    }
                    exact.insert(user, what == "whole");
                    assert_eq!(
                        sim.scripts_waiting(),
                        0,
                        "a call did not reach the upstream"
                    );
                }
            }
        }
    }
    assert_eq!(server.stop(), Some(0), "{}", server.written());
    sim.idle().await;
    let bill = sim.bill();
    let wrong = unbalanced(&place, &bill, &exact);
    assert!(wrong.is_empty(), "{wrong:#?}");
    let (all, usage) = (
        budget(&place, &format!("key:{id}")),
        place.json(&["usage", "--by", "key", "--format", "json"]),
    );
    assert_eq!(all["settled_usd"], usage["total"]["cost_usd"]);
    assert_eq!(pico(&all["held_usd"]), 0, "{all}");
    sim.stop().await;
}

#[tokio::test]
#[ignore = "integration tier"]
async fn a_refusal_and_explain_say_which_budget_stands_in_the_way() {
    let sim = sim().await;
    let place = place_before(&sim, &[]);
    let (id, secret) = key(&place, "small");
    let scope = format!("key:{id}");
    set_budget(&place, &scope, "day", "0.0001");
    let server = place.serve();
    let url = format!("{}/embeddings", server.base_url);
    let served = post(&client(), &url, &secret, &ids(1)).await.unwrap();
    assert_eq!(served.status, 200, "{}", served.body);
    let url = format!("{}/chat/completions", server.base_url);
    let body = json!({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 1_000});
    let refused = post(&client(), &url, &secret, &body).await.unwrap();
    assert_eq!(refused.status, 429, "{}", refused.body);
    let error = &refused.json()["error"];
    let told = &error["budget"];
    assert_eq!(
        (&told["scope"], &told["window"]),
        (&json!(scope), &json!("day"))
    );
    assert_eq!(
        (pico(&told["limit_usd"]), pico(&told["settled_usd"])),
        (100_000_000, 200_000)
    );
    // A thousand tokens out at 0.6 USD per million, and what goes in.
    let needed = pico(&told["needed_usd"]);
    assert!((600_000_000..1_200_000_000).contains(&needed), "{told}");
    let resets_at = told["resets_at"].as_str().unwrap();
    assert!(resets_at.ends_with("T00:00:00Z"), "{resets_at}");
    let message = error["message"].as_str().unwrap();
    for part in [
        &scope,
        "0.0001",
        "0.0000002",
        told["needed_usd"].as_str().unwrap(),
        resets_at,
    ] {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
    assert_eq!(
        sim.bill().total().calls,
        1,
        "a refused call reached the upstream"
    );

    let needed = told["needed_usd"].as_str().unwrap();
    let explained = place.run(&["budget", "explain", "--key", &id, "--needs-usd", needed]);
    let explained = text(&explained.stdout);
    for part in [
        &scope,
        "limit",
        "0.0001",
        "spent",
        "0.0000002",
        "held",
        needed,
        "resets",
        resets_at,
    ] {
        assert!(explained.contains(part), "`{part}` is not in:\n{explained}");
    }
    sim.stop().await;
}
