//! Chat: whole, streamed, stopped, cut at a length, several answers at once.
//!
//! Invariants: asserts on shapes, order, usage and finish reasons, never on wording.
//! Does not know: which model answers.

use contracts::{Event, EventData};
use serde_json::{Value, json};

use crate::answer::{Answer, list_at, text_at};
use crate::ask::{Ask, question, with};
use crate::check::{BOTH, Check, Checked, Door, Stop, chat, ensure, fail, given};
use crate::prices::PriceOrigin;
use crate::world::World;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "generation.whole",
        shows: "a question is answered with text, a finish reason and usage that adds up",
        doors: BOTH,
        calls: &[chat(1, 128, 64)],
        run: |world, door| Box::pin(whole(world, door)),
    },
    Check {
        id: "generation.stream",
        shows: "a stream gives text piece by piece, ends with one finish reason and [DONE]; unasked, it shows no usage",
        doors: BOTH,
        calls: &[chat(1, 256, 48)],
        run: |world, door| Box::pin(stream(world, door)),
    },
    Check {
        id: "generation.stream.usage",
        shows: "asked for, usage comes once, after the last choice",
        doors: BOTH,
        calls: &[chat(1, 128, 48)],
        run: |world, door| Box::pin(stream_usage(world, door)),
    },
    Check {
        id: "generation.stop",
        shows: "generation ends before a stop sequence",
        doors: BOTH,
        calls: &[chat(1, 128, 64)],
        run: |world, door| Box::pin(stop(world, door)),
    },
    Check {
        id: "generation.length",
        shows: "generation ends at the longest length, and says so",
        doors: BOTH,
        calls: &[chat(1, 128, 8)],
        run: |world, door| Box::pin(length(world, door)),
    },
    Check {
        id: "generation.choices",
        shows: "two answers at once come with two indexes",
        doors: BOTH,
        // Two answers, each with room to think.
        calls: &[chat(1, 128, 320)],
        run: |world, door| Box::pin(choices(world, door)),
    },
];

/// A chat call with what the run's settings add, and room for a model that thinks first.
pub(super) fn body(world: &World, output_tokens_max: u64, text: &str, members: &Value) -> Value {
    let tariff = &world.setup.tariff;
    let room = output_tokens_max + tariff.reasoning_tokens();
    let mut body = question(&tariff.chat.model, room, text);
    if let Some(effort) = &world.setup.reasoning_effort {
        body["reasoning_effort"] = json!(effort);
    }
    if tariff.chat.origin == PriceOrigin::Test {
        // A model of one's own may be small, and wander; current ones of OpenAI refuse the parameter.
        body["temperature"] = json!(0);
    }
    with(body, members)
}

/// Asks and goes on with a good answer.
pub(super) async fn chat_call(world: &World, door: Door, body: Value) -> Result<Answer, Stop> {
    world.call(door, Ask::chat(body)).await?.good()
}

/// What a streamed answer says: its text, and the last finish reason.
pub(super) fn streamed(answer: &Answer) -> Result<(String, Vec<Value>), Stop> {
    ensure(answer.is_stream(), || {
        format!("no stream: {}", answer.evidence())
    })?;
    let events = answer.events();
    let done = |event: &Event| event.data == EventData::Text("[DONE]".to_owned());
    ensure(events.last().is_some_and(done), || {
        "the stream does not end in [DONE]".to_owned()
    })?;
    ensure(
        events.iter().filter(|event| done(event)).count() == 1,
        || "[DONE] comes twice".to_owned(),
    )?;
    let chunks = answer.chunks();
    ensure(chunks.len() + 1 == events.len(), || {
        "an event is no JSON".to_owned()
    })?;
    let reasons: Vec<&Value> = chunks
        .iter()
        .map(|chunk| &chunk["choices"][0]["finish_reason"])
        .filter(|reason| !reason.is_null())
        .collect();
    ensure(reasons.len() == 1, || format!("finish reasons {reasons:?}"))?;
    let text = chunks
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str())
        .collect();
    Ok((text, chunks))
}

fn adds_up(usage: &Value) -> Result<(u64, u64), Stop> {
    let tokens = |name: &str| {
        usage[name]
            .as_u64()
            .ok_or_else(|| fail(format!("`{name}` of usage {usage}")))
    };
    let (input, output) = (tokens("prompt_tokens")?, tokens("completion_tokens")?);
    ensure(
        input > 0 && tokens("total_tokens")? == input + output,
        || format!("usage {usage} does not add up"),
    )?;
    Ok((input, output))
}

async fn whole(world: &World, door: Door) -> Checked {
    let answer = chat_call(
        world,
        door,
        body(
            world,
            64,
            "What is 2 plus 2? Answer with one word.",
            &json!({}),
        ),
    )
    .await?;
    let json = answer.json();
    ensure(
        !text_at(&json, "/choices/0/message/content")?.is_empty(),
        || "the text is empty".to_owned(),
    )?;
    text_at(&json, "/choices/0/finish_reason")?;
    let (input, output) = adds_up(&answer.usage().ok_or_else(|| fail("no usage"))?)?;
    let most = 64 + world.setup.tariff.reasoning_tokens();
    ensure(output > 0 && output <= most, || {
        format!("{output} tokens; at most {most} were asked for")
    })?;
    Ok(vec![
        ("input_tokens", input as f64),
        ("output_tokens", output as f64),
    ])
}

async fn stream(world: &World, door: Door) -> Checked {
    let answer = chat_call(
        world,
        door,
        body(
            world,
            48,
            "Count from one to eight in words.",
            &json!({"stream": true}),
        ),
    )
    .await?;
    let (text, chunks) = streamed(&answer)?;
    ensure(!text.is_empty(), || "the text is empty".to_owned())?;
    ensure(answer.usage().is_none(), || {
        "usage comes though nobody asked".to_owned()
    })?;
    Ok(vec![("chunks", chunks.len() as f64)])
}

async fn stream_usage(world: &World, door: Door) -> Checked {
    let asked = json!({"stream": true, "stream_options": {"include_usage": true}});
    let answer = chat_call(
        world,
        door,
        body(world, 48, "Count from one to nine in words.", &asked),
    )
    .await?;
    let (_, chunks) = streamed(&answer)?;
    let with_usage: Vec<usize> = chunks
        .iter()
        .enumerate()
        .filter(|(_, chunk)| chunk["usage"].is_object())
        .map(|(at, _)| at)
        .collect();
    ensure(with_usage == [chunks.len() - 1], || {
        format!("usage stands in chunks {with_usage:?} of {}", chunks.len())
    })?;
    let last = chunks.last().cloned().unwrap_or_default();
    ensure(last["choices"] == json!([]), || {
        "the chunk with usage has choices".to_owned()
    })?;
    let (input, output) = adds_up(&last["usage"])?;
    Ok(vec![
        ("input_tokens", input as f64),
        ("output_tokens", output as f64),
    ])
}

async fn stop(world: &World, door: Door) -> Checked {
    let asked = body(
        world,
        64,
        "Write the numbers 1 to 9, with a comma after each.",
        &json!({"stop": ["6"]}),
    );
    let json = chat_call(world, door, asked).await?.json();
    let text = text_at(&json, "/choices/0/message/content")?;
    ensure(!text.contains('6'), || {
        "the text holds the stop sequence".to_owned()
    })?;
    ensure(json["choices"][0]["finish_reason"] == "stop", || {
        format!("finish reason {}", json["choices"][0]["finish_reason"])
    })?;
    Ok(Vec::new())
}

async fn length(world: &World, door: Door) -> Checked {
    let short = json!({"max_completion_tokens": 8});
    let asked = body(world, 8, "Tell me a long story.", &short);
    let answer = chat_call(world, door, asked).await?;
    let json = answer.json();
    ensure(json["choices"][0]["finish_reason"] == "length", || {
        format!("finish reason {}", json["choices"][0]["finish_reason"])
    })?;
    let (_, output) = adds_up(&answer.usage().ok_or_else(|| fail("no usage"))?)?;
    ensure(output <= 8, || {
        format!("{output} tokens; at most 8 were asked for")
    })?;
    Ok(vec![("output_tokens", output as f64)])
}

async fn choices(world: &World, door: Door) -> Checked {
    let answer = chat_call(
        world,
        door,
        body(world, 16, "Name a colour.", &json!({"n": 2})),
    )
    .await?;
    let json = answer.json();
    let choices = list_at(&json, "/choices")?;
    given(
        choices.len() == 2,
        format!("2 were asked for and {} came", choices.len()),
    )?;
    let mut indexes: Vec<u64> = choices
        .iter()
        .filter_map(|choice| choice["index"].as_u64())
        .collect();
    indexes.sort_unstable();
    ensure(indexes == [0, 1], || format!("indexes {indexes:?}"))?;
    let (_, output) = adds_up(&answer.usage().ok_or_else(|| fail("no usage"))?)?;
    Ok(vec![("output_tokens", output as f64)])
}
