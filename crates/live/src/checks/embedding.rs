//! Embeddings: numbers, length, order, the base64 form, batches.
//!
//! Invariants: asserts on numbers and usage; two vectors of one text are near, not equal: real servers differ in the last bits.
//! Does not know: models, what a direction means.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::answer::{Answer, list_at};
use crate::ask::{Ask, with};
use crate::check::{BOTH, Check, Checked, Door, ONLY_KEYWARD, Stop, embed, ensure, fail, given};
use crate::world::World;

/// Asked for by `dimensions`; current models know it.
const SHORTENED: usize = 256;
/// Cosine from which two vectors are of one text.
const SAME_MIN: f64 = 0.999;
/// Largest difference of one number between two forms of a vector.
const ROUNDING_MAX: f64 = 1e-3;
const BATCH: usize = 32;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "embedding.one",
        shows: "one text gives one vector of finite numbers, and usage",
        doors: BOTH,
        calls: &[embed(1, 64)],
        run: |world, door| Box::pin(one(world, door)),
    },
    Check {
        id: "embedding.dimensions",
        shows: "`dimensions` sets the length of the vector",
        doors: BOTH,
        calls: &[embed(1, 64)],
        run: |world, door| Box::pin(dimensions(world, door)),
    },
    Check {
        id: "embedding.order",
        shows: "the vectors of a batch stand in the order of its texts",
        doors: BOTH,
        calls: &[embed(4, 128)],
        run: |world, door| Box::pin(order(world, door)),
    },
    Check {
        id: "embedding.batch",
        shows: "32 texts in one call give 32 vectors",
        doors: BOTH,
        calls: &[embed(1, 640)],
        run: |world, door| Box::pin(batch(world, door)),
    },
    Check {
        id: "embedding.base64",
        shows: "the base64 form holds the same numbers",
        doors: BOTH,
        calls: &[embed(2, 64)],
        run: |world, door| Box::pin(encoded(world, door)),
    },
    Check {
        id: "embedding.cache",
        shows: "the same call again costs nothing and gives the same bytes",
        doors: ONLY_KEYWARD,
        calls: &[embed(1, 64)],
        run: |world, door| Box::pin(cache(world, door)),
    },
];

fn body(world: &World, input: impl Into<Value>) -> Value {
    json!({"model": world.setup.tariff.embed.model, "input": input.into()})
}

async fn vectors(world: &World, door: Door, body: Value) -> Result<(Vec<Vec<f64>>, Answer), Stop> {
    let answer = world.call(door, Ask::embeddings(body)).await?.good()?;
    let json = answer.json();
    let data = list_at(&json, "/data")?;
    for (at, item) in data.iter().enumerate() {
        ensure(item["index"] == json!(at), || {
            format!("index {} stands at place {at}", item["index"])
        })?;
    }
    let vectors: Result<Vec<_>, Stop> = data
        .iter()
        .map(|item| numbers(&item["embedding"]))
        .collect();
    Ok((vectors?, answer))
}

/// The numbers of a vector, whatever its form.
fn numbers(value: &Value) -> Result<Vec<f64>, Stop> {
    if let Some(text) = value.as_str() {
        let bytes = STANDARD
            .decode(text)
            .map_err(|error| fail(format!("no base64: {error}")))?;
        let (floats, rest) = bytes.as_chunks::<4>();
        ensure(rest.is_empty(), || {
            format!("{} bytes are no row of 32-bit numbers", bytes.len())
        })?;
        return Ok(floats
            .iter()
            .map(|four| f64::from(f32::from_le_bytes(*four)))
            .collect());
    }
    let list = value
        .as_array()
        .ok_or_else(|| fail("`embedding` is no list and no text"))?;
    list.iter()
        .map(|number| {
            number
                .as_f64()
                .ok_or_else(|| fail(format!("{number} in a vector is no number")))
        })
        .collect()
}

fn cosine(one: &[f64], other: &[f64]) -> f64 {
    let dot = |one: &[f64], other: &[f64]| {
        one.iter()
            .zip(other)
            .map(|(one, other)| one * other)
            .sum::<f64>()
    };
    if one.len() != other.len() {
        return 0.0;
    }
    dot(one, other) / (dot(one, one) * dot(other, other)).sqrt()
}

async fn one(world: &World, door: Door) -> Checked {
    let (vectors, answer) =
        vectors(world, door, body(world, "How do I reset my password?")).await?;
    let [vector] = vectors.as_slice() else {
        return Err(fail(format!("{} vectors for one text", vectors.len())));
    };
    ensure(
        vector.len() > 1 && vector.iter().all(|number| number.is_finite()),
        || "the vector is no row of numbers".to_owned(),
    )?;
    let wanted = world.setup.dimensions;
    ensure(wanted.is_none_or(|wanted| wanted == vector.len()), || {
        format!("{} numbers; --dimensions says {wanted:?}", vector.len())
    })?;
    let usage = answer.usage().ok_or_else(|| fail("no usage"))?;
    let tokens = usage["prompt_tokens"].as_u64().unwrap_or(0);
    ensure(tokens > 0 && usage["total_tokens"] == json!(tokens), || {
        format!("usage {usage}")
    })?;
    let length = vector
        .iter()
        .map(|number| number * number)
        .sum::<f64>()
        .sqrt();
    Ok(vec![
        ("numbers", vector.len() as f64),
        ("length", (length * 1e4).round() / 1e4),
        ("input_tokens", tokens as f64),
    ])
}

async fn dimensions(world: &World, door: Door) -> Checked {
    let asked = with(
        body(world, "A shorter vector."),
        &json!({"dimensions": SHORTENED}),
    );
    let (vectors, _) = vectors(world, door, asked).await?;
    let length = vectors.first().map_or(0, Vec::len);
    given(
        length == SHORTENED,
        format!("{SHORTENED} were asked for and {length} came: the model has one length"),
    )?;
    Ok(vec![("numbers", length as f64)])
}

async fn order(world: &World, door: Door) -> Checked {
    let texts = [
        "The invoice is due on Monday.",
        "Whales are mammals.",
        "Rust has no garbage collector.",
    ];
    let (together, _) = vectors(world, door, body(world, texts)).await?;
    ensure(together.len() == texts.len(), || {
        format!("{} vectors for {} texts", together.len(), texts.len())
    })?;
    let mut nearest = 1.0_f64;
    for (text, in_batch) in texts.iter().zip(&together) {
        let (alone, _) = vectors(world, door, body(world, *text)).await?;
        nearest = nearest.min(alone.first().map_or(0.0, |alone| cosine(alone, in_batch)));
    }
    ensure(nearest >= SAME_MIN, || {
        format!("a text alone and in a batch: cosine {nearest:.4}")
    })?;
    Ok(vec![("cosine_min", (nearest * 1e6).round() / 1e6)])
}

async fn batch(world: &World, door: Door) -> Checked {
    let texts: Vec<String> = (0..BATCH)
        .map(|number| format!("Item {number} of the list."))
        .collect();
    let (vectors, answer) = vectors(world, door, body(world, texts)).await?;
    ensure(vectors.len() == BATCH, || {
        format!("{} vectors for {BATCH} texts", vectors.len())
    })?;
    ensure(
        vectors
            .windows(2)
            .all(|pair| pair[0].len() == pair[1].len()),
        || "vectors of different lengths".to_owned(),
    )?;
    let tokens = answer
        .usage()
        .and_then(|usage| usage["prompt_tokens"].as_u64())
        .unwrap_or(0);
    ensure(tokens >= BATCH as u64, || {
        format!("{tokens} tokens for {BATCH} texts")
    })?;
    Ok(vec![
        ("vectors", BATCH as f64),
        ("input_tokens", tokens as f64),
    ])
}

async fn encoded(world: &World, door: Door) -> Checked {
    let plain = with(
        body(world, "Two forms of one vector."),
        &json!({"encoding_format": "float"}),
    );
    let base64 = with(plain.clone(), &json!({"encoding_format": "base64"}));
    let (floats, _) = vectors(world, door, plain).await?;
    let (decoded, answer) = vectors(world, door, base64).await?;
    given(
        answer.json()["data"][0]["embedding"].is_string(),
        "the upstream answers floats whatever form is asked for",
    )?;
    let (Some(floats), Some(decoded)) = (floats.first(), decoded.first()) else {
        return Err(fail("no vector"));
    };
    ensure(floats.len() == decoded.len(), || {
        format!("{} numbers and {} in base64", floats.len(), decoded.len())
    })?;
    let apart = floats
        .iter()
        .zip(decoded)
        .map(|(one, other)| (one - other).abs())
        .fold(0.0, f64::max);
    ensure(apart <= ROUNDING_MAX, || {
        format!("the two forms differ by {apart}")
    })?;
    Ok(vec![("difference_max", (apart * 1e9).round() / 1e9)])
}

async fn cache(world: &World, door: Door) -> Checked {
    let ask = || {
        Ask::embeddings(body(world, "Kept for the next time."))
            .header("cache-control", "max-age=60")
            .alone()
    };
    let first = world.call(door, ask()).await?.good()?;
    let second = world.call(door, ask()).await?.good()?;
    let said = (
        second.header("x-keyward-cache"),
        second.header("x-keyward-cost-usd"),
    );
    ensure(said == ("hit", "0"), || {
        format!("cache and cost of the second call: {said:?}")
    })?;
    ensure(first.header("x-keyward-cost-usd") != "0", || {
        "the first call cost nothing".to_owned()
    })?;
    ensure(first.body == second.body, || {
        "the second answer has other bytes".to_owned()
    })?;
    Ok(vec![
        ("hit_ms", milliseconds(second.took)),
        ("miss_ms", milliseconds(first.took)),
    ])
}

fn milliseconds(time: std::time::Duration) -> f64 {
    (time.as_secs_f64() * 1e4).round() / 10.0
}
