//! Laws of scrubbing, over whole exchanges.
//!
//! Invariants: every exchange that is scrubbed here is scrubbed twice, written and read.
//! Does not know: how traffic is recorded or played.

use super::scrub::in_json;
use super::{Cassette, Chunk, Ending, Recorded};
use proptest::prelude::{Just, Strategy, any, prop, prop_oneof, proptest};
use serde_json::{Value, json};

/// Words that are no names of fields, and the rest of a text.
pub(super) fn text() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        "[A-Z]?[aeioubcdfmnrt]{4,9}y",
        "[0-9]{4,8}",
        "[a-zé]{1,3}",
        "[ .,:;\"\\\\\n/{}-]{1,2}",
        Just("größer".to_owned())
    ];
    prop::collection::vec(word, 1..7).prop_map(|words| words.join(" "))
}

pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !character.is_alphanumeric())
        .filter(|word| word.chars().count() >= 4)
}

/// Cuts a text after any character.
pub(super) fn cut(text: &str, places: &[prop::sample::Index]) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    let mut ends: Vec<usize> = places
        .iter()
        .map(|place| place.index(letters.len() + 1))
        .collect();
    ends.extend([0, letters.len()]);
    ends.sort_unstable();
    ends.windows(2)
        .map(|ends| letters[ends[0]..ends[1]].iter().collect())
        .collect()
}

pub(super) fn exchange(
    path: &str,
    request: Value,
    content_type: &str,
    body: &[u8],
    places: &[prop::sample::Index],
) -> Recorded {
    let mut ends: Vec<usize> = places
        .iter()
        .map(|place| place.index(body.len() + 1))
        .collect();
    ends.extend([0, body.len()]);
    ends.sort_unstable();
    let chunks = ends.windows(2).filter(|ends| ends[0] < ends[1]);
    Recorded {
        method: "POST".to_owned(),
        path: path.to_owned(),
        request: Some(request),
        status: Some(200),
        headers: vec![
            ("content-type".to_owned(), content_type.to_owned()),
            ("x-request-id".to_owned(), "req_0a1b2c3d".to_owned()),
        ],
        headers_after_ms: 1,
        chunks: chunks
            .map(|ends| Chunk {
                after_ms: ends[1] as u64,
                bytes: body[ends[0]..ends[1]].to_vec().into(),
            })
            .collect(),
        ending: Ending::Whole,
    }
}

pub(super) fn scrubbed(exchange: &Recorded, secrets: &[&str]) -> Recorded {
    let mut cassette = Cassette {
        exchanges: vec![exchange.clone()],
        ..Cassette::default()
    };
    cassette.scrub(secrets);
    let once = cassette.clone();
    cassette.scrub(secrets);
    assert_eq!(cassette, once);
    assert_eq!(Cassette::read(&once.write()).as_ref(), Ok(&once));
    cassette.exchanges.remove(0)
}

fn events(chunks: &[Value]) -> String {
    let events: String = chunks
        .iter()
        .map(|chunk| format!("data: {chunk}\n\n"))
        .collect();
    events + "data: [DONE]\n\n"
}

fn deltas(body: &[u8], pointer: &str) -> String {
    let body = std::str::from_utf8(body).unwrap();
    let data = body
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .filter(|data| *data != "[DONE]");
    data.filter_map(|data| {
        serde_json::from_str::<Value>(data)
            .unwrap()
            .pointer(pointer)?
            .as_str()
            .map(str::to_owned)
    })
    .collect()
}

proptest! {
    #[test]
    fn words_that_a_stream_cuts_are_gone_and_its_chunks_stay(
        prompt in text(), answer in text(), pieces in prop::collection::vec(any::<prop::sample::Index>(), 0..9),
        chunks in prop::collection::vec(any::<prop::sample::Index>(), 0..9)
    ) {
        let request = json!({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": prompt}], "stream": true});
        let events = events(&cut(&answer, &pieces).iter().map(|piece| json!({"choices": [{"index": 0, "delta": {"content": piece}}]})).collect::<Vec<_>>());
        let old = exchange("/chat/completions", request, "text/event-stream", events.as_bytes(), &chunks);
        let new = scrubbed(&old, &[]);
        let said = deltas(&new.body(), "/choices/0/delta/content");
        assert_eq!(said.len(), answer.len());
        for word in words(&answer).chain(words(&prompt)) {
            let kept = word.chars().all(|letter| "789".contains(letter));
            assert!(kept || !said.contains(word) && !new.request.as_ref().unwrap().to_string().contains(word), "{word} in {said}");
        }
        let lengths = |exchange: &Recorded| -> Vec<(u64, usize)> { exchange.chunks.iter().map(|chunk| (chunk.after_ms, chunk.bytes.len())).collect() };
        assert_eq!(lengths(&new), lengths(&old));
    }

    #[test]
    fn json_over_several_deltas_stays_json(value in text(), pieces in prop::collection::vec(any::<prop::sample::Index>(), 0..9)) {
        let arguments = json!({"place": value, "days": 3, "inner": [{"place": value}]});
        let events = events(&cut(&arguments.to_string(), &pieces).iter().map(|piece| {
            json!({"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}}]})
        }).collect::<Vec<_>>());
        let new = scrubbed(&exchange("/chat/completions", json!({}), "text/event-stream", events.as_bytes(), &[]), &[]);
        let told: Value = serde_json::from_str(&deltas(&new.body(), "/choices/0/delta/tool_calls/0/function/arguments")).unwrap();
        assert_eq!((&told["days"], &told["inner"][0]["place"]), (&json!(3), &told["place"]));
        assert_eq!(told["place"].as_str().unwrap().chars().count(), value.chars().count());
    }

    #[test]
    fn no_secret_survives_anywhere(secret in "[!-~]{8,24}", before in text()) {
        let said = format!("{before}{secret} and {secret}");
        let body = json!({"id": secret, "model": secret, secret.as_str(): 1, "error": {"message": said}}).to_string();
        let mut old = exchange("/models/x", json!({"model": secret, "messages": [said]}), "application/json", body.as_bytes(), &[]);
        old.path = format!("/models/{secret}");
        old.headers.push(("openai-model".to_owned(), secret.clone()));
        let new = scrubbed(&old, &[&secret]);
        let masked = secret.chars().filter(char::is_ascii_alphanumeric).all(|character| "xX9".contains(character));
        let text = Cassette { exchanges: vec![new], ..Cassette::default() }.write();
        assert!(masked || !text.contains(&secret) && !text.contains(&in_json(&secret)), "{secret} in {text}");
    }

    #[test]
    fn any_body_can_be_scrubbed(body in prop::collection::vec(any::<u8>(), 0..60), stream in any::<bool>(), chunks in prop::collection::vec(any::<prop::sample::Index>(), 0..4)) {
        let content_type = if stream { "text/event-stream" } else { "application/json" };
        let old = exchange("/chat/completions", json!("no json"), content_type, &body, &chunks);
        assert_eq!(scrubbed(&old, &[]).body().len(), body.len());
    }
}

#[test]
fn chunks_that_differ_in_their_creation_still_do() {
    let body = "data: {\"created\":1795555555}\n\ndata: {\"created\":1795555557}\n\n";
    let stream = exchange(
        "/chat/completions",
        json!({}),
        "text/event-stream",
        body.as_bytes(),
        &[],
    );
    let new = String::from_utf8(scrubbed(&stream, &[]).body().to_vec()).unwrap();
    let first = super::policy::CREATED;
    assert!(
        new.contains(&first.to_string()) && new.contains(&(first + 2).to_string()),
        "{new}"
    );
}

#[test]
fn what_matters_stays_and_what_was_said_goes() {
    let request = json!({
        "model": "gpt-4o-mini", "user": "ada.lovelace", "stop": ["enough"], "temperature": 0.25,
        "messages": [
            {"role": "user", "name": "Augusta", "content": [{"type": "text", "text": "private words"}]},
            {"role": "tool", "tool_call_id": "call_A1b2C3d4", "content": "{\"result\": \"private\"}"},
        ],
    });
    let body = json!({
        "id": "chatcmpl-A1b2C3d4E5", "created": 1_795_555_555u64, "model": "gpt-4o-mini", "object": "chat.completion",
        "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {
            "role": "assistant", "content": null, "reasoning_content": "private thoughts",
            "tool_calls": [{"id": "call_A1b2C3d4", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}],
        }}],
        "usage": {"prompt_tokens": 12345, "total_tokens": 12345},
        "timings": {"predicted_ms": 1234.5678},
    }).to_string();
    let new = scrubbed(
        &exchange(
            "/chat/completions",
            request,
            "application/json",
            body.as_bytes(),
            &[],
        ),
        &[],
    );
    let request = new.request.as_ref().unwrap();
    let answer: Value = serde_json::from_slice(&new.body()).unwrap();
    assert_eq!(
        (&request["model"], &request["temperature"]),
        (&json!("gpt-4o-mini"), &json!(0.25))
    );
    assert_eq!(request["messages"][0]["content"][0]["type"], "text");
    assert_eq!(
        request["messages"][1]["tool_call_id"],
        answer["choices"][0]["message"]["tool_calls"][0]["id"]
    );
    assert!(answer["id"].as_str().unwrap().starts_with("chatcmpl-"));
    assert_eq!(answer["created"], super::policy::CREATED);
    assert_eq!(
        answer["usage"],
        json!({"prompt_tokens": 12345, "total_tokens": 12345})
    );
    assert_eq!(answer["timings"]["predicted_ms"], 1234.5678);
    assert_eq!(
        answer["choices"][0]["message"]["tool_calls"][0]["function"]["name"],
        "get_weather"
    );
    let text = format!("{request}{answer}");
    for gone in [
        "ada", "lovelace", "Augusta", "enough", "private", "words", "thoughts", "A1b2C3d4",
    ] {
        assert!(!text.contains(gone) || gone == "ada", "{gone} in {text}");
    }
}
