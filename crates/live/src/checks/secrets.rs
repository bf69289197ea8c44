//! What must be nowhere: the upstream's key, virtual keys and prompts.
//!
//! Invariants: looks at everything that keyward answered and wrote in this run, so it runs last.
//! Does not know: how it is kept out.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::check::{Check, Checked, ONLY_KEYWARD, ensure, fail, given};
use crate::key::Secret;
use crate::world::World;

/// Shortest prompt that can be looked for without chance hits.
const PROMPT_BYTES_MIN: usize = 16;
const TOO_SHORT: &str =
    "the upstream's key is too short to be looked for; give it one of 16 bytes or more";

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "secrets.answers",
        shows: "the upstream's key is in no answer and no header",
        doors: ONLY_KEYWARD,
        calls: &[],
        run: |world, _| Box::pin(answers(world)),
    },
    Check {
        id: "secrets.logs",
        shows: "no key, virtual or the upstream's, and no prompt is in a log",
        doors: ONLY_KEYWARD,
        calls: &[],
        run: |world, _| Box::pin(logs(world)),
    },
];

async fn answers(world: &World) -> Checked {
    given(world.setup.secret.can_be_found(), TOO_SHORT)?;
    let book = world.book();
    ensure(book.leaks.is_empty(), || {
        format!("the key stands in answers of {:?}", book.leaks)
    })?;
    let searched = book
        .noted
        .iter()
        .filter(|noted| noted.door == crate::check::Door::Keyward)
        .count();
    Ok(vec![("answers", searched as f64)])
}

async fn logs(world: &World) -> Checked {
    let (mut logs, mut keys, prompts) = {
        let book = world.book();
        let requests = book.noted.iter();
        let requests = requests.filter_map(|noted| noted.exchange.request.as_ref());
        let prompts: BTreeSet<String> = requests.flat_map(prompts).collect();
        (book.logs.clone(), book.keys.clone(), prompts)
    };
    logs.push(world.keyward.written());
    keys.push(world.keyward.key.clone());
    let bytes: usize = logs.iter().map(String::len).sum();
    ensure(bytes > 0, || "keyward wrote no log".to_owned())?;
    let keys: Vec<Secret> = keys.into_iter().map(Secret::new).collect();
    for log in &logs {
        let found = [
            ("the upstream's key", world.setup.secret.stands_in(log)),
            ("a key", keys.iter().any(|key| key.stands_in(log))),
            ("a prompt", prompts.iter().any(|text| log.contains(text))),
        ];
        if let Some((what, _)) = found.iter().find(|(_, stands)| *stands) {
            return Err(fail(format!("{what} stands in a log")));
        }
    }
    given(world.setup.secret.can_be_found(), TOO_SHORT)?;
    Ok(vec![
        ("log_bytes", bytes as f64),
        ("prompts", prompts.len() as f64),
    ])
}

/// The texts of a request that are long enough to be looked for.
fn prompts(request: &Value) -> Vec<String> {
    let list = |name: &str| request[name].as_array().into_iter().flatten();
    let messages = list("messages").map(|message| &message["content"]);
    let texts = [&request["input"]]
        .into_iter()
        .chain(list("input"))
        .chain(messages);
    texts
        .filter_map(Value::as_str)
        .filter(|text| text.len() >= PROMPT_BYTES_MIN)
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::prompts;
    use serde_json::json;

    #[test]
    fn prompts_of_chats_and_embeddings_are_looked_for() {
        let chat = json!({"messages": [{"role": "user", "content": "What is two plus two?"}]});
        assert_eq!(prompts(&chat), ["What is two plus two?"]);
        assert_eq!(
            prompts(&json!({"input": "one long text of it"})),
            ["one long text of it"]
        );
        assert_eq!(
            prompts(&json!({"input": ["short", "another long text"]})),
            ["another long text"]
        );
        assert_eq!(prompts(&json!({"messages": "no list"})), [""; 0]);
    }
}
