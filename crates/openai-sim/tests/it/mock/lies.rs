//! Lies on the wire.
//!
//! Invariants: an honest simulator answers the same calls the same on every run, so that what differs is the lie.
//! Does not know: which lie changes which answer.

use openai_sim::{Lie, Script, Sim, SimOptions, Twist};
use serde_json::{Value, json};

use super::{client, embedding, post, question, read, start, with};

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
    let mut told = Vec::new();
    for (path, body) in calls {
        let url = sim.base_url() + path;
        let request = match body {
            Some(body) => client().post(url).body(body.to_string()),
            None => client().get(url),
        };
        let mut answer = read(request.send().await.unwrap()).await;
        // The server's own clock, which no lie is about.
        answer.headers.remove("date");
        told.push(format!(
            "{} {:?} {}",
            answer.status, answer.headers, answer.text
        ));
    }
    told
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
