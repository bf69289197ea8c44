//! How long calls take, direct and through keyward: p50, p95, first chunk, tokens a second.
//!
//! Invariants: one call at a time, so that a figure is a call's own; the same question each time, so that a cassette answers any number.
//! Does not know: why an upstream is slow.

use std::time::Duration;

use serde_json::{Value, json};

use super::generation::{body, chat_call, streamed};
use crate::answer::Answer;
use crate::ask::Ask;
use crate::check::{BOTH, Calls, Check, Checked, Count, Door, Figures, Model, ensure, fail};
use crate::world::World;

/// Output tokens of a measured generation.
const OUTPUT_TOKENS: u64 = 24;

const fn samples(model: Model, input: u64, output: u64) -> Calls {
    Calls {
        count: Count::Samples,
        model,
        input,
        output,
    }
}

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "latency.embedding",
        shows: "a short embedding, within its limit at p95",
        doors: BOTH,
        calls: &[samples(Model::Embed, 64, 0)],
        run: |world, door| Box::pin(embedding(world, door)),
    },
    Check {
        id: "latency.generation",
        shows: "a generation of at most 24 tokens, within its limit at p95",
        doors: BOTH,
        calls: &[samples(Model::Chat, 128, OUTPUT_TOKENS)],
        run: |world, door| Box::pin(generation(world, door)),
    },
    Check {
        id: "latency.stream",
        shows: "the first piece of a stream, and how fast tokens follow",
        doors: BOTH,
        calls: &[samples(Model::Chat, 128, OUTPUT_TOKENS)],
        run: |world, door| Box::pin(stream(world, door)),
    },
];

/// The value that `percent` of the values do not pass; nothing of nothing.
fn percentile(values: &[f64], percent: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
    sorted
        .get(rank.saturating_sub(1))
        .copied()
        .unwrap_or_default()
}

fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// p50 and p95, held against a limit, and what keyward says it added.
fn judge(answers: &[Answer], limit_ms: u64) -> Checked {
    let took: Vec<f64> = answers
        .iter()
        .map(|answer| milliseconds(answer.took))
        .collect();
    let (p50, p95) = (percentile(&took, 50.0), percentile(&took, 95.0));
    ensure(p95 <= limit_ms as f64, || {
        format!("p95 is {p95:.0} ms, the limit {limit_ms} ms")
    })?;
    let mut figures: Figures = vec![("p50_ms", tenths(p50)), ("p95_ms", tenths(p95))];
    let added: Vec<f64> = answers
        .iter()
        .filter_map(|answer| answer.header("x-keyward-overhead-ms").parse().ok())
        .collect();
    if !added.is_empty() {
        figures.push(("overhead_p50_ms", percentile(&added, 50.0)));
    }
    Ok(figures)
}

async fn embedding(world: &World, door: Door) -> Checked {
    let mut answers = Vec::new();
    for _ in 0..world.setup.samples {
        let ask = Ask::embeddings(
            json!({"model": world.setup.tariff.embed.model, "input": "How long does a short text take?"}),
        );
        answers.push(world.call(door, ask).await?.good()?);
    }
    judge(&answers, world.setup.limits.embedding_p95_ms)
}

async fn generation(world: &World, door: Door) -> Checked {
    let mut answers = Vec::new();
    for _ in 0..world.setup.samples {
        let asked = body(
            world,
            OUTPUT_TOKENS,
            "Write a sentence about the sea.",
            &json!({}),
        );
        answers.push(chat_call(world, door, asked).await?);
    }
    judge(&answers, world.setup.limits.generation_p95_ms)
}

async fn stream(world: &World, door: Door) -> Checked {
    let (mut first, mut speed) = (Vec::new(), Vec::new());
    let asked = json!({"stream": true, "stream_options": {"include_usage": true}});
    for _ in 0..world.setup.samples {
        let answer = chat_call(
            world,
            door,
            body(world, OUTPUT_TOKENS, "Write a line about the wind.", &asked),
        )
        .await?;
        streamed(&answer)?;
        let tokens = answer
            .usage()
            .as_ref()
            .and_then(|usage: &Value| usage["completion_tokens"].as_u64());
        let tokens = tokens.ok_or_else(|| fail("no usage"))? as f64;
        first.push(milliseconds(answer.first));
        speed.push(tokens / (answer.took - answer.first).as_secs_f64().max(1e-3));
    }
    let figures = [
        ("first_chunk_p50_ms", percentile(&first, 50.0)),
        ("first_chunk_p95_ms", percentile(&first, 95.0)),
        ("tokens_per_second_p50", percentile(&speed, 50.0)),
    ];
    Ok(figures.map(|(name, value)| (name, tenths(value))).to_vec())
}

#[cfg(test)]
mod tests {
    use super::percentile;

    #[test]
    fn percentiles_are_values_that_were_seen() {
        let check = |values: &[f64], percent, expected: f64| {
            assert!((percentile(values, percent) - expected).abs() < 1e-9)
        };
        check(&[3.0, 1.0, 2.0], 50.0, 2.0);
        check(&[3.0, 1.0, 2.0], 95.0, 3.0);
        check(&[7.0], 95.0, 7.0);
        check(&[], 50.0, 0.0);
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        check(&hundred, 95.0, 95.0);
    }
}
