//! Streams: to the byte, to their end, and never half an answer that looks whole.
//!
//! Invariants: what keyward adds or takes out is named here; all else equals a call made directly.
//! Does not know: cost.

use std::time::Duration;

use openai_sim::{Quirk, Script};
use serde_json::{Value, json};

use crate::world::{Answer, World, chat};

/// The same call made directly and through keyward, ids and times being those of the simulator's script.
async fn both(script: impl Fn() -> Script, extra: &Value) -> (String, Answer) {
    let world = World::new().await;
    world.sim.script(
        script()
            .text("Ünïcode \"quoted\" \\ and 漢字, a lighthouse warns ships.")
            .times(2),
    );
    let direct = crate::world::client()
        .post(format!("{}/chat/completions", world.sim.base_url()))
        .header("authorization", format!("Bearer {}", world.upstream_key))
        .header("content-type", "application/json")
        .body(chat(extra).to_string());
    let direct = Answer::of(direct).await;
    let through = world.post("/chat/completions", &chat(extra)).await;
    (without_ids(&direct.body), through)
}

/// Ids and times differ from call to call.
fn without_ids(body: &str) -> String {
    body.lines()
        .map(|line| {
            let Some(Ok(mut chunk)) = line
                .strip_prefix("data: ")
                .map(serde_json::from_str::<Value>)
            else {
                return line.to_owned();
            };
            for name in ["id", "created", "obfuscation", "system_fingerprint"] {
                if chunk.get(name).is_some() {
                    chunk[name] = json!("*");
                }
            }
            format!("data: {chunk}")
        })
        .collect::<Vec<_>>()
        .join("\n")
}

#[tokio::test]
async fn a_stream_is_what_the_upstream_sent_however_it_was_cut() {
    for pieces in [1, 2, 3, 7, 64, 1000] {
        let (direct, through) = both(|| Script::new().drip(pieces), &json!({"stream": true})).await;
        assert!(
            through.ended && through.body.ends_with("data: [DONE]\n\n"),
            "{}",
            through.body
        );
        assert_eq!(without_ids(&through.body), direct, "pieces of {pieces}");
        assert!(
            through
                .header("content-type")
                .starts_with("text/event-stream")
        );
    }
}

#[tokio::test]
async fn tools_choices_and_log_probabilities_pass_unharmed() {
    for extra in [
        json!({"stream": true, "n": 3}),
        json!({"stream": true, "logprobs": true, "top_logprobs": 2}),
        json!({"stream": true, "tools": [{"type": "function", "function": {"name": "lighthouse_purpose", "parameters": {"type": "object", "properties": {"place": {"type": "string"}}}}}]}),
        json!({"n": 2, "logprobs": true}),
    ] {
        let (direct, through) = both(Script::new, &extra).await;
        if extra["stream"] == true {
            assert_eq!(without_ids(&through.body), direct, "{extra}");
        } else {
            let direct: Value = serde_json::from_str(&direct).unwrap();
            assert_eq!(through.json()["choices"], direct["choices"], "{extra}");
        }
    }
}

#[tokio::test]
async fn usage_is_shown_to_who_asked_for_it_only() {
    for (options, shown) in [
        (None, false),
        (Some(json!({})), false),
        (Some(json!({"include_usage": false})), false),
        (Some(json!({"include_usage": true})), true),
    ] {
        let world = World::new().await;
        let mut extra = json!({"stream": true});
        if let Some(options) = &options {
            extra["stream_options"] = options.clone();
        }
        let answer = world.post("/chat/completions", &chat(&extra)).await;
        assert_eq!(
            answer.body.contains("\"usage\""),
            shown,
            "{options:?}: {}",
            answer.body
        );
        assert_eq!(
            world.sim.calls()[0].json()["stream_options"]["include_usage"],
            true,
            "it is always asked of the upstream"
        );
        assert_eq!(world.entries(&answer).await[0].state.name(), "reported");
    }
}

#[tokio::test]
async fn habits_of_compatible_servers_are_metered_and_passed() {
    for quirk in [
        Quirk::UsageOnEveryChunk,
        Quirk::FirstChunkWithoutChoices,
        Quirk::CarriageReturns,
        Quirk::CommentsBetweenEvents,
        Quirk::NoDone,
    ] {
        for asked in [false, true] {
            let world = World::new().await;
            world.sim.script(Script::new().quirk(quirk));
            let options = json!({"stream": true, "stream_options": {"include_usage": asked}});
            let answer = world.post("/chat/completions", &chat(&options)).await;
            assert!(answer.ended, "{quirk:?}: {}", answer.body);
            assert_eq!(
                answer.body.contains("\"usage\""),
                asked,
                "{quirk:?}: {}",
                answer.body
            );
            let (entry, bill) = (
                world.entries(&answer).await.remove(0),
                world.sim.bill().total(),
            );
            let metered = (entry.usage.input, entry.usage.output);
            assert_eq!(
                metered,
                (bill.input_tokens, bill.output_tokens),
                "{quirk:?}: the last report counts"
            );
            assert_eq!(entry.outcome, "finished", "{quirk:?}");
        }
    }
}

#[tokio::test]
async fn a_stream_that_breaks_off_ends_in_an_error_event_and_a_broken_connection() {
    for (script, code) in [
        (Script::new().cut_after_chunks(2), "upstream_broken"),
        (Script::new().cut_after_chunks(2).reset(), "upstream_broken"),
        (Script::new().stall_after_chunks(2), "upstream_timeout"),
        (Script::new().end_after_chunks(2), "upstream_broken"),
    ] {
        let world = World::with(&[("KEYWARD_TIMEOUTS__IDLE", "300ms")]).await;
        world.sim.script(script);
        let answer = world
            .post("/chat/completions", &chat(&json!({"stream": true})))
            .await;
        assert!(
            !answer.ended,
            "half an answer must not look whole: {}",
            answer.body
        );
        let last: Value = serde_json::from_str(answer.events().last().unwrap()).unwrap();
        assert_eq!(last["error"]["code"], code, "{}", answer.body);
        assert!(!answer.body.contains("[DONE]"));
    }
}

#[tokio::test]
async fn an_error_inside_a_stream_passes_without_keys() {
    let world = World::new().await;
    let event = json!({"error": {"message": format!("bad key {}", world.upstream_key), "type": "server_error", "param": null, "code": null}});
    world.sim.script(Script::raw(
        "text/event-stream",
        format!("data: {event}\n\n"),
    ));
    let answer = world
        .post("/chat/completions", &chat(&json!({"stream": true})))
        .await;
    assert!(
        answer.body.contains("\"error\"") && !answer.body.contains(&world.upstream_key),
        "{}",
        answer.body
    );
    assert_eq!(world.entries(&answer).await[0].outcome, "upstream_error");
}

#[tokio::test]
async fn a_server_that_answers_a_stream_call_with_a_whole_body_is_passed_and_metered() {
    let world = World::new().await;
    let whole = json!({"id": "x", "object": "chat.completion", "model": "gpt-4o-mini", "choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6}});
    world
        .sim
        .script(Script::raw("application/json", whole.to_string()));
    let answer = world
        .post("/chat/completions", &chat(&json!({"stream": true})))
        .await;
    assert_eq!((answer.status, &answer.json()), (200, &whole));
    assert_eq!(world.entries(&answer).await[0].usage.input, 5);
}

#[tokio::test]
async fn the_first_chunk_comes_before_the_last_is_made() {
    let world = World::new().await;
    world.sim.script(
        Script::new()
            .text("one two three four five six")
            .chunk_delay(Duration::from_millis(150)),
    );
    let mut response = world.stream().await;
    let first = response.chunk().await.unwrap().unwrap();
    assert!(
        !String::from_utf8_lossy(&first).contains("six"),
        "the stream is not held back"
    );
    while response.chunk().await.unwrap().is_some() {}
    let entry = world.total_after(1).await;
    assert!(entry.output_tokens > 0);
}
