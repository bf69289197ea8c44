//! Lies on the wire.
//!
//! Invariants: an honest simulator answers the same calls the same on every run, so that what differs is the lie.
//! Does not know: which lie changes which answer.

use openai_sim::{Lie, Script, Sim, SimOptions, Twist};
use serde_json::{Value, json};

use super::{Answer, client, embedding, get, post, post_form, question, read, start, with};

const CHAT: &str = "/chat/completions";

/// Ordinary calls of every kind, errors too.
async fn answers(sim: &Sim) -> Vec<String> {
    let refused = Script::status(429)
        .header("retry-after", "1")
        .rate_limit(60, 0, "1s");
    sim.script(refused.on("/models/gpt-4o"));
    sim.script(Script::status(500).on("/models/gpt-4o"));
    let parameters = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    let tools = json!([{"type": "function", "function": {"name": "get_weather", "parameters": parameters}}]);
    let asked = question("What is the weather in Rome?");
    let streamed = json!({"stream": true, "stream_options": {"include_usage": true}});
    let texts =
        json!({"model": "text-embedding-3-small", "input": ["one", "two"], "dimensions": 8});
    let calls: Vec<(&str, Option<Value>)> = vec![
        ("/models", None),
        ("/models/gpt-4o", None),
        ("/models/gpt-4o", None),
        ("/models/gpt-0", None),
        (CHAT, Some(json!({"model": "gpt-4o"}))),
        (CHAT, Some(with(asked.clone(), json!({"n": 2})))),
        (
            CHAT,
            Some(with(asked.clone(), json!({"tools": tools.clone()}))),
        ),
        (CHAT, Some(with(asked.clone(), streamed.clone()))),
        (
            CHAT,
            Some(with(with(asked, streamed), json!({"tools": tools}))),
        ),
        ("/embeddings", Some(texts.clone())),
        (
            "/embeddings",
            Some(with(texts, json!({"encoding_format": "base64"}))),
        ),
    ];
    let mut calls = calls;
    calls.extend(further_calls());
    let mut told = Vec::new();
    for (path, body) in calls {
        let url = sim.base_url() + path;
        let request = match body {
            Some(body) => client().post(url).body(body.to_string()),
            None => client().get(url),
        };
        told.push(written(read(request.send().await.unwrap()).await));
    }
    told.extend(stored(sim).await);
    told
}

fn written(mut answer: Answer) -> String {
    // The server's own clock, which no lie is about.
    answer.headers.remove("date");
    format!("{} {:?} {}", answer.status, answer.headers, answer.text)
}

/// A file and a batch of it.
async fn stored(sim: &Sim) -> Vec<String> {
    let line = json!({"custom_id": "a", "method": "POST", "url": "/v1/responses", "body": {"model": "gpt-4o", "input": "Hello"}});
    let line = line.to_string();
    let parts: [(&str, Option<&str>, &[u8]); 2] = [
        ("purpose", None, b"batch"),
        ("file", Some("a.jsonl"), line.as_bytes()),
    ];
    let file = post_form(sim, "/files", &parts).await.json();
    let asked = json!({"input_file_id": file["id"], "endpoint": "/v1/responses", "completion_window": "24h"});
    let batch = post(sim, "/batches", &asked).await.json();
    let mut told = Vec::new();
    for (route, thing) in [("/files", &file), ("/batches", &batch)] {
        let path = format!("{route}/{}", thing["id"].as_str().unwrap());
        told.push(written(get(sim, &path).await));
    }
    told
}

/// Calls beside chats and embeddings.
fn further_calls() -> Vec<(&'static str, Option<Value>)> {
    let parameters = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    let tools = json!([{"type": "function", "name": "get_weather", "parameters": parameters}]);
    let asked = json!({"model": "gpt-4o", "input": "What is the weather in Rome?"});
    let streamed = json!({"stream": true});
    let completed = json!({"model": "gpt-3.5-turbo-instruct", "prompt": "Doors open. What opens?"});
    let drawn = json!({"model": "gpt-image-1.5", "prompt": "a dot"});
    vec![
        ("/responses", Some(asked.clone())),
        ("/responses", Some(with(asked.clone(), streamed.clone()))),
        (
            "/responses",
            Some(with(asked, json!({"stream": true, "tools": tools}))),
        ),
        ("/completions", Some(completed.clone())),
        ("/completions", Some(with(completed, streamed))),
        ("/images/generations", Some(drawn)),
        ("/moderations", Some(json!({"input": "hello"}))),
    ]
}

#[tokio::test]
async fn every_lie_of_the_catalogue_changes_an_answer() {
    let honest = answers(&start().await).await;
    assert_eq!(answers(&start().await).await, honest);
    for (name, lie, _) in Lie::catalogue() {
        let sim = start().await;
        sim.lie(lie);
        assert_ne!(answers(&sim).await, honest, "{name} is empty");
    }
}

#[tokio::test]
async fn a_stream_is_twisted_in_its_order_and_its_end() {
    let streamed = with(
        question("Doors open. What opens?"),
        json!({"stream": true, "stream_options": {"include_usage": true}}),
    );
    let kinds = |events: Vec<&str>| -> String {
        let kind = |data: &str| {
            let chunk: Value = serde_json::from_str(data).unwrap_or_default();
            let choice = &chunk["choices"][0];
            match () {
                () if data == "[DONE]" => 'D',
                () if chunk["usage"].is_object() => 'u',
                () if choice["finish_reason"].is_string() => 'f',
                () if choice["delta"]["role"].is_string() => 'r',
                () => 'c',
            }
        };
        let mut kinds: Vec<char> = events.into_iter().map(kind).collect();
        // However long the answer is: one piece stands for all that follow each other.
        kinds.dedup_by(|next, one| *next == 'c' && *one == 'c');
        kinds.into_iter().collect()
    };
    for (twist, expected) in [
        (None, "rcfuD"),
        (Some(Twist::UsageBeforeFinish), "rcufD"),
        (Some(Twist::RoleMissing), "cfuD"),
        (Some(Twist::RoleLast), "cfurD"),
        (Some(Twist::FinishTwice), "rcffuD"),
        (Some(Twist::FinishMissing), "rcuD"),
        (Some(Twist::ContentAfterFinish), "rcfcuD"),
        (Some(Twist::DoneMissing), "rcfu"),
        (Some(Twist::DoneTwice), "rcfuDD"),
        (Some(Twist::DoneNotLast), "rcfuDr"),
    ] {
        let sim = start().await;
        let lie = Lie::new().on(CHAT);
        sim.lie(twist.map_or(lie.clone(), |twist| lie.twist(twist)));
        let answer = post(&sim, CHAT, &streamed).await;
        assert_eq!(kinds(answer.events()), expected, "{twist:?}");
        sim.idle().await;
        assert!(sim.bill().total().output_tokens > 0);
    }
}

/// The first letters of the last words of the events' types, with `!` where the name is another.
fn told_of_response(text: &str) -> String {
    let mut told = String::new();
    let mut name = None;
    for line in text.lines() {
        if let Some(event) = line.strip_prefix("event: ") {
            name = Some(event.to_owned());
        }
        let Some(data) = line.strip_prefix("data: ") else {
            continue;
        };
        let event: Value = serde_json::from_str(data).unwrap_or_default();
        let kind = event["type"].as_str().unwrap_or("response.[DONE]");
        let word = kind.rsplit('.').next().unwrap();
        if !(word == "delta" && told.ends_with(word)) {
            told += " ";
            told += word;
        }
        if name.take().as_deref() != Some(kind) {
            told += "!";
        }
    }
    told.trim_start().to_owned()
}

#[tokio::test]
async fn the_stream_of_a_response_is_twisted_and_stays_numbered() {
    let streamed = json!({"model": "gpt-4o", "input": "Doors open. What opens?", "stream": true});
    let whole = "created in_progress added added delta done done done completed";
    for (twist, expected) in [
        (None, whole.to_owned()),
        (Some(Twist::BeginMissing), whole.replace("created ", "")),
        (Some(Twist::EndMissing), whole.replace(" completed", "")),
        (Some(Twist::EndTwice), format!("{whole} completed")),
        (
            Some(Twist::DeltaAfterDone),
            whole.replacen("done", "done delta", 1),
        ),
        (
            Some(Twist::DeltaEarly),
            whole.replacen("added", "delta added", 1),
        ),
        (Some(Twist::ItemDoneMissing), whole.replacen("done ", "", 1)),
        (
            Some(Twist::EventNameWrong),
            whole.replacen("created", "created!", 1),
        ),
        (Some(Twist::DoneAdded), format!("{whole} [DONE]!")),
    ] {
        let sim = start().await;
        let lie = Lie::new().on("/responses");
        sim.lie(twist.map_or(lie.clone(), |twist| lie.twist(twist)));
        let answer = post(&sim, "/responses", &streamed).await;
        assert_eq!(told_of_response(&answer.text), expected, "{twist:?}");
        for (number, event) in answer.chunks().iter().enumerate() {
            assert_eq!(event["sequence_number"], number);
        }
        sim.idle().await;
        assert!(sim.bill().total().output_tokens > 0);
    }
}

#[tokio::test]
async fn events_that_run_together_lack_one_empty_line() {
    let (honest, lying) = (start().await, start().await);
    lying.lie(Lie::new().twist(Twist::EventsRunTogether));
    let streamed = with(question("Doors open."), json!({"stream": true}));
    let ends = |text: &str| text.matches("\n\n").count();
    let honest = post(&honest, CHAT, &streamed).await.text;
    let told = post(&lying, CHAT, &streamed).await.text;
    assert_eq!(
        (ends(&told), told.len()),
        (ends(&honest) - 1, honest.len() - 1)
    );
}

#[tokio::test]
async fn lies_are_told_together_and_a_twisted_stream_is_billed_as_an_honest_one() {
    let mut bills = Vec::new();
    let streamed = with(question("Doors open."), json!({"stream": true}));
    for twist in [None, Some(Twist::RoleMissing), Some(Twist::FinishTwice)] {
        let sim = Sim::start(SimOptions::default()).await.unwrap();
        twist
            .into_iter()
            .for_each(|twist| sim.lie(Lie::new().twist(twist)));
        sim.lie(Lie::new().drop_header("x-request-id"));
        let answer = post(&sim, CHAT, &streamed).await;
        assert_eq!(answer.header("x-request-id"), "");
        sim.idle().await;
        bills.push(sim.bill());
    }
    assert!(bills.iter().all(|bill| *bill == bills[0]));
    let sim = start().await;
    sim.lie(Lie::new().on(CHAT).null("usage"));
    assert!(post(&sim, "/embeddings", &embedding("a")).await.json()["usage"].is_object());
}
