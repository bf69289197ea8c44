//! Refusals provoked for real: bad keys, models that do not exist, inputs that are too long, parameters that are wrong.
//!
//! Invariants: what an upstream lets pass is skipped with its reason; what keyward must refuse by itself is never skipped.
//! Does not know: wording.

use serde_json::json;

use super::generation::body;
use crate::ask::{Ask, question};
use crate::check::{BOTH, Check, Checked, Door, ONLY_KEYWARD, chat, embed, ensure};
use crate::key::Secret;
use crate::world::{Entrance, UNKNOWN_MODEL, World, entrance};

/// Words of the over-long input, a token each: more than any current embedding model takes.
const WORDS_TOO_MANY: usize = 9_000;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "errors.key",
        shows: "a wrong key is refused; keyward says 502 and whose key it was",
        doors: BOTH,
        calls: &[chat(1, 256, 7)],
        run: |world, door| Box::pin(key(world, door)),
    },
    Check {
        id: "errors.virtual_key",
        shows: "a wrong virtual key is refused before anything is sent",
        doors: ONLY_KEYWARD,
        calls: &[],
        run: |world, door| Box::pin(virtual_key(world, door)),
    },
    Check {
        id: "errors.model",
        shows: "a model that does not exist is refused",
        doors: BOTH,
        calls: &[chat(1, 256, 6)],
        run: |world, door| Box::pin(model(world, door)),
    },
    Check {
        id: "errors.unpriced",
        shows: "a model without a price is refused before anything is sent",
        doors: ONLY_KEYWARD,
        calls: &[],
        run: |world, door| Box::pin(unpriced(world, door)),
    },
    Check {
        id: "errors.too_long",
        shows: "an input that is too long is refused",
        doors: BOTH,
        calls: &[embed(1, 20_000)],
        run: |world, door| Box::pin(too_long(world, door)),
    },
    Check {
        id: "errors.parameter.type",
        shows: "a parameter of a wrong type is refused",
        doors: BOTH,
        calls: &[chat(1, 256, 5)],
        run: |world, door| Box::pin(wrong_type(world, door)),
    },
    Check {
        id: "errors.parameter.range",
        shows: "a parameter out of its range is refused",
        doors: BOTH,
        calls: &[chat(1, 256, 4)],
        run: |world, door| Box::pin(out_of_range(world, door)),
    },
];

/// Shaped like a key and known to nobody.
fn made_up_key() -> String {
    ["sk", "-", "live-suite-made-up-", "0000000000000000"].concat()
}

async fn key(world: &World, door: Door) -> Checked {
    let ask = Ask::chat(body(world, 7, "A call with a wrong key.", &json!({})));
    if door == Door::Direct {
        let entrance = Entrance {
            base_url: world.setup.base_url.clone(),
            bearer: format!("Bearer {}", made_up_key()),
        };
        let answer = world
            .call_at(door, &entrance, ask)
            .await?
            .refused("any key")?;
        ensure(answer.status == 401, || answer.evidence())?;
        return Ok(vec![("status", 401.0)]);
    }
    let keyward = world.another(Some(&made_up_key()), &[])?;
    let answer = world.call_at(door, &entrance(&keyward), ask).await;
    world.book().logs.push(keyward.written());
    let answer = answer?.refused("any key")?;
    let code = answer.json()["error"]["code"].clone();
    ensure(
        answer.status == 502 && code == "upstream_credentials_rejected",
        || answer.evidence(),
    )?;
    let refused = Secret::new(made_up_key());
    ensure(
        !refused.stands_in(&String::from_utf8_lossy(&answer.body)),
        || "the key that the upstream refused stands in keyward's answer".to_owned(),
    )?;
    Ok(vec![("status", 502.0)])
}

async fn virtual_key(world: &World, door: Door) -> Checked {
    let entrance = Entrance {
        base_url: world.keyward.base_url.clone(),
        bearer: format!("Bearer {}", made_up_key()),
    };
    let answer = world.call_at(door, &entrance, Ask::models()).await?;
    ensure(
        answer.status == 401 && answer.json()["error"]["code"] == "invalid_api_key",
        || answer.evidence(),
    )?;
    Ok(vec![("status", 401.0)])
}

async fn model(world: &World, door: Door) -> Checked {
    let answer = world
        .call(
            door,
            Ask::chat(question(UNKNOWN_MODEL, 6, "Is anybody there?")),
        )
        .await?;
    let answer = answer.refused("any model name")?;
    ensure(answer.status < 500, || answer.evidence())?;
    Ok(vec![("status", f64::from(answer.status))])
}

async fn unpriced(world: &World, door: Door) -> Checked {
    let answer = world
        .call(
            door,
            Ask::chat(question("keyward-no-such-price", 5, "Who pays?")).alone(),
        )
        .await?;
    ensure(
        answer.status == 400 && answer.json()["error"]["code"] == "model_price_unknown",
        || answer.evidence(),
    )?;
    Ok(vec![("status", 400.0)])
}

async fn too_long(world: &World, door: Door) -> Checked {
    let input = "a ".repeat(WORDS_TOO_MANY);
    let ask = Ask::embeddings(
        json!({"model": world.setup.tariff.embed.model, "input": input.trim_end()}),
    );
    let answer = world.call(door, ask).await?.refused("any length")?;
    // llama.cpp says 500; an upstream or a keyward that is out of order says so too, and of something else.
    let json = answer.json();
    let message = json["error"]["message"].as_str().unwrap_or_default();
    ensure(answer.status < 500 || speaks_of_length(message), || {
        answer.evidence()
    })?;
    Ok(vec![("status", f64::from(answer.status))])
}

/// Too large, too long, too many tokens. Longer words do not survive in a cassette.
fn speaks_of_length(message: &str) -> bool {
    message.split_whitespace().any(|word| word == "too")
}

async fn wrong_type(world: &World, door: Door) -> Checked {
    let asked = body(world, 5, "", &json!({"messages": "this is no list"}));
    let answer = world
        .call(door, Ask::chat(asked))
        .await?
        .refused("messages that are no list")?;
    ensure(answer.status < 500, || answer.evidence())?;
    Ok(vec![("status", f64::from(answer.status))])
}

async fn out_of_range(world: &World, door: Door) -> Checked {
    let asked = body(world, 4, "How hot is it?", &json!({"temperature": 9}));
    let answer = world
        .call(door, Ask::chat(asked))
        .await?
        .refused("a temperature of 9")?;
    ensure(answer.status < 500, || answer.evidence())?;
    Ok(vec![("status", f64::from(answer.status))])
}

#[cfg(test)]
mod tests {
    use super::speaks_of_length;

    #[test]
    fn a_server_error_refuses_a_length_only_if_it_says_so() {
        assert!(speaks_of_length("Input is too large to process."));
        assert!(!speaks_of_length("The upstream could not be reached."));
    }
}
