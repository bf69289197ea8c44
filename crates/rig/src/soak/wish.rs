//! What a caller wants: one request, and how patient the caller is.
//!
//! Invariants: the body is long enough, and allows enough output, for whatever the simulator reports.
//! Does not know: servers, keys' secrets.

use std::time::Duration;

use serde_json::{Value, json};

use super::dice::Dice;
use super::faults::OUTPUT_TOKENS_MAX;
use super::plan::SHARED_USERS;
use super::simulator::{CHAT_MODELS, EMBEDDING_MODEL};

/// The patience of an ordinary caller.
const PATIENCE: Duration = Duration::from_secs(8);
/// Texts that are asked for again and again, so that caches answer.
const COMMON_TEXTS: u64 = 20;

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    /// Index into the keys.
    pub(crate) key: usize,
    pub(crate) path: &'static str,
    pub(crate) user: String,
    pub(crate) body: String,
    /// How long the caller waits in all.
    pub(crate) patience: Duration,
    /// The caller leaves after so many pieces of the body.
    pub(crate) leaves_after: Option<u64>,
    /// How often the caller tries again.
    pub(crate) retries: u32,
}

impl Wish {
    /// The wish `number` of `caller`.
    pub(crate) fn draw(dice: &mut Dice, caller: u32, number: u64, keys: usize) -> Self {
        let shared = dice.percent(15).then(|| dice.index(SHARED_USERS.len()));
        let user = match shared.and_then(|index| SHARED_USERS.get(index)) {
            Some(user) => (*user).to_owned(),
            None => format!("u{caller}-{number}"),
        };
        let is_chat = dice.percent(70);
        let stream = is_chat && dice.percent(60);
        let body = if is_chat {
            chat(dice, &user, stream)
        } else {
            embedding(dice, &user, caller, number)
        };
        Self {
            key: dice.index(keys),
            path: if is_chat {
                "/chat/completions"
            } else {
                "/embeddings"
            },
            user,
            body: body.to_string(),
            patience: if dice.percent(6) {
                dice.pause(60)
            } else {
                PATIENCE
            },
            leaves_after: (stream && dice.percent(12)).then(|| dice.between(1, 25)),
            retries: u32::try_from(dice.between(0, 3)).unwrap_or_default(),
        }
    }
}

fn chat(dice: &mut Dice, user: &str, stream: bool) -> Value {
    let words = "word ".repeat(usize::try_from(dice.between(4, 120)).unwrap_or(4));
    let model = CHAT_MODELS.get(dice.index(CHAT_MODELS.len() + 2));
    let mut body = json!({
        "model": model.copied().unwrap_or(CHAT_MODELS[0]),
        "messages": [{"role": "user", "content": format!("Of {user}: {words}")}],
        "user": user,
        "stream": stream,
    });
    if dice.percent(80) {
        let name = if dice.percent(50) {
            "max_tokens"
        } else {
            "max_completion_tokens"
        };
        body[name] = json!(dice.between(OUTPUT_TOKENS_MAX + 4, 400));
    }
    if stream && dice.percent(40) {
        body["stream_options"] = json!({"include_usage": true});
    }
    body
}

fn embedding(dice: &mut Dice, user: &str, caller: u32, number: u64) -> Value {
    let input = match dice.between(0, 4) {
        0 => json!(format!("common text {}", dice.between(0, COMMON_TEXTS))),
        1 => json!([format!("text {number}"), format!("of {caller}")]),
        2 => json!([number % 50_000, u64::from(caller), 5, 7, 11]),
        _ => json!(format!("text {number} of caller {caller}")),
    };
    let mut body = json!({"model": EMBEDDING_MODEL, "input": input, "user": user});
    body["dimensions"] = json!(16);
    body
}
