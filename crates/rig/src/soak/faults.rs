//! What the next calls meet upstream: drawn at random, fed to the simulator as scripts.
//!
//! Invariants: what a script reports never goes above the bound of any call that may meet it; every script serves one call.
//! Does not know: which call will meet which script.

use std::time::Duration;

use serde_json::{Value, json};

use super::dice::Dice;
use super::simulator::Simulator;

/// Scripts that wait in the simulator, at the least.
const WAITING_MIN: u64 = 200;
/// Scripts fed at a time.
const FEED: usize = 100;
const FEED_PAUSE: Duration = Duration::from_millis(40);
/// The most tokens that a script reports; every call allows more.
pub(crate) const OUTPUT_TOKENS_MAX: u64 = 60;
/// The shortest chat has more tokens than this, and the shortest embedding more than that.
const CHAT_INPUT_TOKENS_MAX: u64 = 12;
const EMBEDDING_INPUT_TOKENS_MAX: u64 = 3;
/// What stands in the way of an answer, of a hundred calls.
const FAULTS_PERCENT: u64 = 30;
/// Of a hundred scripts those for embeddings.
const EMBEDDINGS_PERCENT: u64 = 30;

/// Keeps scripts waiting until it is ended. Ends by itself if the simulator is gone.
pub(crate) async fn feed(simulator: Simulator, mut dice: Dice) {
    loop {
        match simulator.scripts_waiting().await {
            Ok(waiting) if waiting < WAITING_MIN => {
                let scripts = (0..FEED).map(|_| script(&mut dice)).collect();
                if simulator.script(scripts).await.is_err() {
                    return;
                }
            }
            Ok(_) => tokio::time::sleep(FEED_PAUSE).await,
            Err(_) => return,
        }
    }
}

fn script(dice: &mut Dice) -> Value {
    let is_chat = !dice.percent(EMBEDDINGS_PERCENT);
    let mut script = if is_chat { chat(dice) } else { embedding(dice) };
    if dice.percent(FAULTS_PERCENT) {
        let fault = if is_chat {
            chat_fault(dice)
        } else {
            any_fault(dice)
        };
        if let (Some(script), Value::Object(fault)) = (script.as_object_mut(), fault) {
            script.extend(fault);
        }
    }
    script
}

/// An ordinary answer: words, their count as usage, and at times reasoning that nobody sees.
fn chat(dice: &mut Dice) -> Value {
    let words = dice.between(1, OUTPUT_TOKENS_MAX / 2);
    let text = "a".to_owned() + &" a".repeat(usize::try_from(words).unwrap_or(1) - 1);
    let reasoning = if dice.percent(30) {
        dice.between(1, OUTPUT_TOKENS_MAX / 2)
    } else {
        0
    };
    json!({
        "path": "/chat/completions",
        "text": text,
        "usage": {
            "prompt_tokens": dice.between(5, CHAT_INPUT_TOKENS_MAX),
            "completion_tokens": words + reasoning,
            "reasoning_tokens": reasoning,
        },
        "chunk_delay_ms": if dice.percent(40) { dice.between(0, 20) } else { 0 },
    })
}

fn embedding(dice: &mut Dice) -> Value {
    let tokens = dice.between(1, EMBEDDING_INPUT_TOKENS_MAX);
    json!({"path": "/embeddings", "usage": {"prompt_tokens": tokens}})
}

fn chat_fault(dice: &mut Dice) -> Value {
    match dice.between(0, 14) {
        0 => json!({"cut_after_chunks": dice.between(0, 30), "reset": dice.percent(50)}),
        1 => json!({"stall_after_chunks": dice.between(0, 20)}),
        2 => json!({"end_after_chunks": dice.between(0, 20)}),
        3 => json!({"error_after_chunks": dice.between(0, 10)}),
        4 => json!({"chunk_delay_ms": dice.between(50, 200)}),
        _ => any_fault(dice),
    }
}

fn any_fault(dice: &mut Dice) -> Value {
    match dice.between(0, 9) {
        0 => json!({"status": 429, "headers": {"retry-after-ms": "20"}}),
        1 => json!({"status": 500, "billed": dice.percent(50)}),
        2 => json!({"status": 503, "billed": dice.percent(30)}),
        3 => json!({"delay_ms": dice.between(100, 1_800)}),
        4 => json!({"usage": false}),
        5 => json!({"hang_up": true, "reset": dice.percent(50)}),
        6 => json!({"never_answer": true}),
        7 => json!({"malformed": true}),
        _ => json!({"status": 400}),
    }
}

#[cfg(test)]
mod tests {
    use super::{CHAT_INPUT_TOKENS_MAX, Dice, OUTPUT_TOKENS_MAX, script};

    #[test]
    fn no_script_reports_more_than_a_call_allows() {
        let mut dice = Dice::new(3);
        for _ in 0..5_000 {
            let script = script(&mut dice);
            let usage = |name: &str| script["usage"][name].as_u64().unwrap_or_default();
            assert!(usage("prompt_tokens") <= CHAT_INPUT_TOKENS_MAX, "{script}");
            assert!(usage("completion_tokens") <= OUTPUT_TOKENS_MAX, "{script}");
        }
    }
}
