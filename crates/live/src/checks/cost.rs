//! Money: what keyward says and keeps, against usage times price as the suite works it out.
//!
//! Invariants: exact to the pico-dollar; every model has a price that is not zero.
//! Does not know: keyward's arithmetic.

use serde_json::{Value, json};

use super::generation::{body, chat_call};
use crate::ask::Ask;
use crate::check::{Check, Checked, Door, Model, ONLY_KEYWARD, Stop, chat, embed, ensure, fail};
use crate::money::Usd;
use crate::world::{Call, World};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "cost.embedding",
        shows: "the cost of an embedding is its usage times the price",
        doors: ONLY_KEYWARD,
        calls: &[embed(1, 64)],
        run: |world, _| Box::pin(embedding(world)),
    },
    Check {
        id: "cost.generation",
        shows: "the cost of a generation is its usage times the price",
        doors: ONLY_KEYWARD,
        calls: &[chat(1, 128, 24)],
        run: |world, _| Box::pin(generation(world)),
    },
    Check {
        id: "cost.stream",
        shows: "so is a stream's, in the chunk with its usage",
        doors: ONLY_KEYWARD,
        calls: &[chat(1, 128, 24)],
        run: |world, _| Box::pin(stream(world)),
    },
    Check {
        id: "cost.ledger",
        shows: "each call of this run is in the ledger at its exact cost, and the report adds them up",
        doors: ONLY_KEYWARD,
        calls: &[],
        run: |world, _| Box::pin(ledger(world)),
    },
];

/// Holds an amount that keyward said against usage times price.
fn exact(world: &World, model: Model, usage: Option<Value>, said: &str) -> Checked {
    let usage = usage.ok_or_else(|| fail("no usage"))?;
    let expected = world.setup.tariff.price(model).cost(&usage);
    ensure(expected > Usd::ZERO && said == expected.to_string(), || {
        format!("keyward says {said}, usage times price is {expected} ({usage})")
    })?;
    Ok(vec![("pico_usd", expected.pico() as f64)])
}

async fn embedding(world: &World) -> Checked {
    let ask = Ask::embeddings(
        json!({"model": world.setup.tariff.embed.model, "input": "What does this text cost?"}),
    );
    let answer = world.call(Door::Keyward, ask.alone()).await?.good()?;
    exact(
        world,
        Model::Embed,
        answer.usage(),
        answer.header("x-keyward-cost-usd"),
    )
}

async fn generation(world: &World) -> Checked {
    let answer = chat_call(
        world,
        Door::Keyward,
        body(world, 24, "What does a word cost?", &json!({})),
    )
    .await?;
    exact(
        world,
        Model::Chat,
        answer.usage(),
        answer.header("x-keyward-cost-usd"),
    )
}

async fn stream(world: &World) -> Checked {
    let asked = json!({"stream": true, "stream_options": {"include_usage": true}});
    let answer = chat_call(
        world,
        Door::Keyward,
        body(world, 24, "What does a stream cost?", &asked),
    )
    .await?;
    let last = answer.chunks().pop().unwrap_or_default();
    exact(
        world,
        Model::Chat,
        answer.usage(),
        last["keyward"]["cost_usd"].as_str().unwrap_or_default(),
    )
}

async fn ledger(world: &World) -> Checked {
    let calls: Vec<(Call, u16)> = world
        .book()
        .noted
        .iter()
        .filter_map(|noted| Some((noted.call.clone()?, noted.exchange.status)))
        .collect();
    let (mut total, mut reported) = (Usd::ZERO, 0_u32);
    for (call, status) in &calls {
        let answer = world
            .call(Door::Keyward, Ask::call(&call.request_id))
            .await?;
        if answer.status == 404 {
            ensure(*status != 200, || {
                format!("{} was answered and is not in the ledger", call.request_id)
            })?;
            continue; // refused before anything was sent
        }
        let entry = answer.good()?.json();
        let cost = amount(&entry["cost_usd"])?;
        total += cost;
        let state = &entry["attempts"][0]["state"];
        ensure(*status != 200 || state == "reported", || {
            format!(
                "{} was answered and is {state} in the ledger",
                call.request_id
            )
        })?;
        let expected = match &call.usage {
            _ if call.cached => Usd::ZERO,
            Some(usage) => world.setup.tariff.price(call.model).cost(usage),
            None => continue, // told nowhere but to keyward
        };
        ensure(cost == expected, || {
            format!(
                "{} is in the ledger at {cost}, usage times price is {expected}",
                call.request_id
            )
        })?;
        reported += 1;
    }
    ensure(reported > 0, || {
        format!("of {} calls none could be held against usage", calls.len())
    })?;
    let report = world
        .keyward
        .json(&["usage", "--by", "model", "--format", "json"])
        .map_err(|error| fail(format!("{error:#}")))?;
    let reports = amount(&report["total"]["cost_usd"])?;
    ensure(reports == total, || {
        format!("`keyward usage` adds up to {reports}, the calls to {total}")
    })?;
    Ok(vec![
        ("calls", calls.len() as f64),
        ("held_against_usage", f64::from(reported)),
        ("pico_usd", total.pico() as f64),
    ])
}

fn amount(value: &Value) -> Result<Usd, Stop> {
    value.as_str().unwrap_or_default().parse().map_err(fail)
}
