//! A deadline that passes for real, and the breaker that opens on it and closes again: by settings alone.
//!
//! Invariants: the deadline is a multiple of what a quick call takes, so that quick calls pass it and a long one does not.
//! Does not know: how the breaker works inside.

use std::time::Duration;

use serde_json::{Value, json};

use super::generation::body;
use crate::answer::Answer;
use crate::ask::Ask;
use crate::check::{Check, Checked, Door, ONLY_KEYWARD, Stop, chat, embed, ensure, fail, given};
use crate::keyward::Keyward;
use crate::money::Usd;
use crate::world::{Entrance, World, entrance};

/// A quick call may take so many times what it took before.
const QUICK_TIMES: u32 = 5;
/// On a busy machine a quick call takes longer now and then.
const DEADLINE_MIN: Duration = Duration::from_secs(1);
const DEADLINE_MAX: Duration = Duration::from_secs(4);
/// Tokens of the call that is to be too slow.
const LONG_TOKENS: u64 = 512;
/// Failures in a row that open the breaker.
const FAILURES: usize = 2;
/// Longest wait that `Retry-After` may ask for.
const RETRY_SECONDS_MAX: u64 = 10;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "errors.timeout",
        shows: "a call that takes too long ends with 504, and is in the ledger at its bound",
        doors: ONLY_KEYWARD,
        calls: &[chat(1, 256, LONG_TOKENS), embed(2, 64)],
        run: |world, _| Box::pin(timeout(world)),
    },
    Check {
        id: "errors.breaker",
        shows: "failures open the breaker, Retry-After says when it lets a call pass, and success closes it",
        doors: ONLY_KEYWARD,
        calls: &[chat(FAILURES as u64, 256, LONG_TOKENS), embed(4, 64)],
        run: |world, _| Box::pin(breaker(world)),
    },
];

fn quick(world: &World, text: &str) -> Ask {
    Ask::embeddings(json!({"model": world.setup.tariff.embed.model, "input": text}))
}

fn long(world: &World) -> Ask {
    Ask::chat(body(
        world,
        LONG_TOKENS,
        "Count from one to three hundred in words.",
        &json!({}),
    ))
}

/// A deadline that a quick call keeps on this upstream.
async fn deadline(world: &World) -> Result<Duration, Stop> {
    let mut slowest = Duration::ZERO;
    for text in ["How quick is a short text?", "How quick is another one?"] {
        let upstream = world.entrance(Door::Direct);
        slowest = slowest.max(
            world
                .call_at(Door::Direct, &upstream, quick(world, text))
                .await?
                .good()?
                .took,
        );
    }
    Ok((slowest * QUICK_TIMES).clamp(DEADLINE_MIN, DEADLINE_MAX))
}

/// An instance with that deadline and a breaker that opens soon.
async fn strict(world: &World, failures: usize) -> Result<Keyward, Stop> {
    let deadline = format!("{}ms", deadline(world).await?.as_millis());
    let failures = failures.to_string();
    world.another(
        None,
        &[
            ("KEYWARD_TIMEOUTS__FIRST_BYTE", &deadline),
            ("KEYWARD_BREAKER__CONSECUTIVE_FAILURES_MAX", &failures),
            ("KEYWARD_BREAKER__CALLS_MIN", "1000"),
            ("KEYWARD_BREAKER__OPEN_FOR", "1s"),
            ("KEYWARD_BREAKER__HALF_OPEN_PROBES", "1"),
        ],
    )
}

async fn too_slow(world: &World, entrance: &Entrance) -> Result<Answer, Stop> {
    let answer = world.call_at(Door::Keyward, entrance, long(world)).await?;
    given(
        answer.status != 200,
        format!("the upstream writes {LONG_TOKENS} tokens within the deadline"),
    )?;
    ensure(is_error(&answer, 504, "upstream_timeout"), || {
        answer.evidence()
    })?;
    Ok(answer)
}

fn is_error(answer: &Answer, status: u16, code: &str) -> bool {
    answer.status == status && answer.json()["error"]["code"] == code
}

async fn timeout(world: &World) -> Checked {
    // Out of reach of the breaker.
    let keyward = strict(world, 1000).await?;
    let entrance = entrance(&keyward);
    let answer = too_slow(world, &entrance).await;
    let call = match &answer {
        Ok(answer) => Some(
            world
                .call_at(
                    Door::Keyward,
                    &entrance,
                    Ask::call(answer.header("x-request-id")),
                )
                .await?
                .json(),
        ),
        Err(_) => None,
    };
    world.book().logs.push(keyward.written());
    let (answer, call) = (answer?, call.unwrap_or_default());
    let attempt: &Value = &call["attempts"][0];
    let cost = attempt["cost_usd"]
        .as_str()
        .and_then(|text| text.parse().ok());
    let tariff = &world.setup.tariff;
    let output = LONG_TOKENS + tariff.reasoning_tokens();
    let at_bound = cost.is_some_and(|cost: Usd| cost > tariff.chat.bound(0, output));
    ensure(attempt["state"] == "estimated" && at_bound, || {
        format!("the ledger has {attempt}")
    })?;
    Ok(vec![("took_ms", answer.took.as_millis() as f64)])
}

async fn breaker(world: &World) -> Checked {
    let keyward = strict(world, FAILURES).await?;
    let outcome = open_and_close(world, &entrance(&keyward)).await;
    world.book().logs.push(keyward.written());
    outcome
}

async fn open_and_close(world: &World, entrance: &Entrance) -> Checked {
    for _ in 0..FAILURES {
        too_slow(world, entrance).await?;
    }
    let open = world
        .call_at(Door::Keyward, entrance, quick(world, "Is it open?"))
        .await?;
    ensure(is_error(&open, 503, "circuit_open"), || open.evidence())?;
    let wait = open
        .header("retry-after")
        .parse::<u64>()
        .map_err(|_| fail(format!("`{}` in Retry-After", open.header("retry-after"))))?;
    ensure((1..=RETRY_SECONDS_MAX).contains(&wait), || {
        format!("{wait} s in Retry-After, and the breaker is open for 1 s")
    })?;
    tokio::time::sleep(Duration::from_secs(wait)).await;
    for text in ["Is it half open?", "Is it closed?"] {
        world
            .call_at(Door::Keyward, entrance, quick(world, text))
            .await?
            .good()?;
    }
    Ok(vec![
        ("refused_ms", (open.took.as_secs_f64() * 1e4).round() / 10.0),
        ("retry_after_s", wait as f64),
    ])
}
