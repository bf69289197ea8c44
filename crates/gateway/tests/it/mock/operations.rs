//! Responses, completions, images and speech: the same through keyward as direct, held in a budget and charged exactly.
//!
//! Invariants: every expected sum is worked out by hand from the price list.
//! Does not know: how a bound is worked out.

use cost_accounting::EntryState;
use openai_sim::Script;
use serde_json::{Value, json};

use crate::world::{Answer, World};

/// The same request straight to the simulator.
async fn direct(world: &World, path: &str, body: &Value) -> Answer {
    let request = crate::world::client().post(format!("{}{path}", world.sim.base_url()));
    let request = request.header("authorization", format!("Bearer {}", world.upstream_key));
    Answer::of(
        request
            .header("content-type", "application/json")
            .body(body.to_string()),
    )
    .await
}

/// What differs between two calls of the same kind: ids, times and padding; and what keyward makes explicit.
const OWN: [&str; 11] = [
    "id",
    "item_id",
    "created",
    "created_at",
    "completed_at",
    "obfuscation",
    "service_tier",
    "max_output_tokens",
    "max_tool_calls",
    "openai_processing_ms",
    "expires_at",
];

fn masked(mut value: Value) -> Value {
    match &mut value {
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                *member = if OWN.contains(&name.as_str()) {
                    Value::Null
                } else {
                    masked(member.take())
                };
            }
        }
        Value::Array(items) => {
            for item in items {
                *item = masked(item.take());
            }
        }
        _ => {}
    }
    value
}

/// All that an answer says, line by line: JSON masked, the rest as it stands.
fn lines(answer: &Answer) -> Vec<String> {
    let mask = |line: &str| {
        let (head, json) = line.split_at(line.find('{').unwrap_or(line.len()));
        let value = serde_json::from_str::<Value>(json);
        value.map_or_else(
            |_| line.to_owned(),
            |value| format!("{head}{}", masked(value)),
        )
    };
    answer.body.lines().map(mask).collect()
}

/// Direct and through keyward; gives keyward's.
async fn check_same(world: &World, path: &str, body: &Value, script: Script) -> Answer {
    world.sim.script(script.on(path).times(2));
    let direct = direct(world, path, body).await;
    let answer = world.post(path, body).await;
    assert_eq!(answer.status, direct.status, "{}", answer.body);
    for (ours, theirs) in lines(&answer).iter().zip(lines(&direct)) {
        assert_eq!(*ours, theirs);
    }
    assert_eq!(answer.body.lines().count(), direct.body.lines().count());
    assert_eq!(answer.header("content-type"), direct.header("content-type"));
    assert!(answer.ended);
    answer
}

async fn check_charge(world: &World, answer: &Answer, pico: i128, state: EntryState) {
    let entries = world.entries(answer).await;
    assert_eq!(entries.len(), 1);
    assert_eq!((entries[0].cost.pico(), entries[0].state), (pico, state));
}

fn response(extra: &Value) -> Value {
    let mut body = json!({"model": "gpt-4o-mini", "input": "What is a lighthouse for?"});
    for (name, value) in extra.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

#[tokio::test]
async fn a_response_is_charged_by_its_usage_whole_and_streamed() {
    let world = World::new().await;
    for extra in [json!({}), json!({"stream": true}), json!({"store": false})] {
        let script = Script::new().usage(100, 10).cached(40, 0);
        let answer = check_same(&world, "/responses", &response(&extra), script).await;
        let pico = 60 * 150_000 + 40 * 75_000 + 10 * 600_000;
        check_charge(&world, &answer, pico, EntryState::Reported).await;
    }
    let streamed = check_same(
        &world,
        "/responses",
        &response(&json!({"stream": true})),
        Script::new().usage(1, 1),
    )
    .await;
    assert!(streamed.body.contains("event: response.completed"));
    assert!(!streamed.body.contains("[DONE]"));
}

#[tokio::test]
async fn a_response_that_failed_is_charged_what_it_used() {
    let world = World::new().await;
    for extra in [json!({}), json!({"stream": true})] {
        world.sim.script(
            Script::new()
                .usage(20, 5)
                .failure("server_error")
                .on("/responses"),
        );
        let answer = world.post("/responses", &response(&extra)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert!(answer.body.contains("server_error"), "{}", answer.body);
        let pico = 20 * 150_000 + 5 * 600_000;
        check_charge(&world, &answer, pico, EntryState::Reported).await;
    }
}

#[tokio::test]
async fn a_stream_of_events_that_breaks_off_says_so_and_costs_its_bound() {
    let world = World::new().await;
    world
        .sim
        .script(Script::new().cut_after_chunks(3).on("/responses"));
    let answer = world
        .post(
            "/responses",
            &response(&json!({"stream": true, "max_output_tokens": 50})),
        )
        .await;
    assert!(!answer.ended, "half an answer never looks whole");
    let last: Value = serde_json::from_str(answer.events().last().unwrap()).unwrap();
    assert_eq!(
        (&last["type"], &last["error"]["code"]),
        (&json!("error"), &json!("upstream_broken"))
    );
    let entry = world.entries(&answer).await.remove(0);
    assert_eq!(entry.state, EntryState::Estimated);
    assert!(entry.cost.pico() >= 50 * 600_000);
}

#[tokio::test]
async fn what_is_asked_of_a_response_is_capped_where_it_can_be() {
    let world = World::new().await;
    world.budget("global", "100").await;
    let answer = world
        .post(
            "/responses",
            &response(&json!({"tools": [{"type": "web_search"}]})),
        )
        .await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(!answer.header("x-keyward-output-cap").is_empty());
    let sent: Value = serde_json::from_slice(&world.sim.calls().last().unwrap().body).unwrap();
    assert_eq!(
        (&sent["max_tool_calls"], &sent["service_tier"]),
        (&json!(8), &json!("default"))
    );
    assert!(sent["max_output_tokens"].as_u64().unwrap() >= 4_096);
    for (extra, field) in [
        (
            json!({"tools": [{"type": "mcp", "server_url": "http://x"}]}),
            "tools",
        ),
        (json!({"max_tokens": 5}), "max_tokens"),
        (
            json!({"context_management": [{"type": "compaction"}]}),
            "context_management",
        ),
    ] {
        let refused = world.post("/responses", &response(&extra)).await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (400, "unsupported_parameter")
        );
        assert_eq!(refused.json()["error"]["param"], field);
    }
}

#[tokio::test]
async fn searches_and_containers_are_charged_beside_tokens() {
    let world = World::new().await;
    let script = Script::new()
        .usage(100, 10)
        .tool_usage(json!({"web_search": {"num_requests": 3}}));
    let body = response(&json!({"tools": [{"type": "web_search"}]}));
    let answer = check_same(&world, "/responses", &body, script).await;
    let entry = world.entries(&answer).await.remove(0);
    assert_eq!(entry.usage.web_searches, 3);
    let tokens = 100 * 150_000 + 10 * 600_000;
    assert!(entry.cost.pico() >= tokens + 3 * 10_000_000_000);
}

#[tokio::test]
async fn legacy_completions_are_charged_for_every_choice() {
    let world = World::new().await;
    for stream in [false, true] {
        let body = json!({"model": "gpt-3.5-turbo-instruct", "prompt": ["a", "b"], "max_tokens": 5, "n": 2, "stream": stream,
            "stream_options": {"include_usage": true}});
        let body = if stream {
            body
        } else {
            json!({"model": "gpt-3.5-turbo-instruct", "prompt": "a", "max_tokens": 5})
        };
        world
            .sim
            .script(Script::new().usage(30, 20).on("/completions"));
        let answer = world.post("/completions", &body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        // 1.50 USD in and 2.00 USD out a million.
        let pico = 30 * 1_500_000 + 20 * 2_000_000;
        check_charge(&world, &answer, pico, EntryState::Reported).await;
    }
}

#[tokio::test]
async fn images_are_charged_by_their_tokens() {
    let world = World::new().await;
    for stream in [false, true] {
        let body = json!({"model": "gpt-image-1.5", "prompt": "a lighthouse", "size": "1024x1024", "stream": stream});
        let answer = world.post("/images/generations", &body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let entry = world.entries(&answer).await.remove(0);
        assert_eq!(entry.state, EntryState::Reported, "{stream}");
        assert!(entry.usage.image_output > 0 && entry.cost.pico() > 0);
    }
    let many = json!({"model": "gpt-image-1.5", "prompt": "a lighthouse", "n": 11});
    let refused = world.post("/images/generations", &many).await;
    assert_eq!(refused.json()["error"]["param"], "n");
}

#[tokio::test]
async fn speech_is_charged_by_character_or_by_what_its_events_report() {
    let world = World::new().await;
    let text = "Ships stay off the rocks. ü";
    let sound = world.request("POST", "/audio/speech");
    let sound = sound
        .header("authorization", format!("Bearer {}", world.key))
        .header("content-type", "application/json")
        .body(json!({"model": "tts-1", "input": text, "voice": "alloy"}).to_string())
        .send()
        .await
        .unwrap();
    assert_eq!(sound.status(), 200);
    let id = sound.headers()["x-request-id"].to_str().unwrap().to_owned();
    assert!(!sound.bytes().await.unwrap().is_empty());
    let entries = world
        .ledger
        .find(id.trim_start_matches("req_").parse().unwrap())
        .await
        .unwrap();
    let pico = text.chars().count() as i128 * 15_000_000;
    assert_eq!(
        (entries[0].cost.pico(), entries[0].state),
        (pico, EntryState::Reported)
    );
    let events = json!({"model": "gpt-4o-mini-tts", "input": text, "voice": "alloy", "stream_format": "sse"});
    let answer = world.post("/audio/speech", &events).await;
    let entry = world.entries(&answer).await.remove(0);
    assert_eq!(entry.state, EntryState::Reported, "{}", answer.body);
    assert!(entry.cost.pico() > 0);
}

#[tokio::test]
async fn a_field_that_is_not_known_is_counted_or_refused_by_setting() {
    let strict = World::with(&[("KEYWARD_REQUESTS__UNKNOWN_FIELDS", "refuse")]).await;
    let body = response(&json!({"brand_new": 1}));
    let refused = strict.post("/responses", &body).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (400, "unknown_parameter")
    );
    assert!(refused.body.contains("brand_new"));
    let open = World::new().await;
    assert_eq!(open.post("/responses", &body).await.status, 200);
    let counted = "keyward_unknown_fields_total{endpoint=\"responses\"} 1";
    assert!(open.metrics().contains(counted), "{}", open.metrics());
}
