//! Takes out of a cassette what is private: keys, ids, what people and models said.
//!
//! Invariants: statuses, times, usage, models, names of fields and tools, finish reasons and the form of every body
//! stay; scrubbing twice is scrubbing once; requests are scrubbed alike in a cassette and at a replay.
//! Does not know: how traffic is recorded or played.

use bytes::Bytes;
use serde_json::Value;

use super::edits::Edits;
use super::policy::{Place, allowed};
use super::{Cassette, Chunk, Recorded, body, filler, prose};

/// Headers that mean something; those that end in `-` stand for all that begin so.
const HEADERS: [&str; 7] = [
    "content-type",
    "openai-",
    "retry-after",
    "retry-after-ms",
    "x-ratelimit-",
    "x-request-id",
    "x-should-retry",
];

/// Whether a cassette has a header, by its name in lower case.
pub(crate) fn keeps_header(name: &str) -> bool {
    HEADERS
        .iter()
        .any(|known| name == *known || (known.ends_with('-') && name.starts_with(known)))
}

impl Cassette {
    /// Takes out what is private: `secrets` wherever they stand, and everything that anybody said.
    ///
    /// Shape: words, ids and long numbers become others of the same length and kind; equal ones stay equal. JSON that a
    /// text holds stays JSON with the same names; values that a schema of the request lists stay. Runs of up to three
    /// letters or digits stay, too, as do statuses, times, usage, models, tools' names and finish reasons. Vectors
    /// become their length.
    ///
    /// It is for traffic whose texts are your own: a common word can be guessed from what stands in for it.
    pub fn scrub(&mut self, secrets: &[&str]) {
        let mut secrets: Vec<String> = secrets
            .iter()
            .filter(|secret| !secret.is_empty())
            .flat_map(|secret| [(*secret).to_owned(), in_json(secret)])
            .collect();
        // Longer ones first: one may be part of another.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        for text in [
            &mut self.upstream,
            &mut self.recorded,
            &mut self.chat_model,
            &mut self.embed_model,
        ] {
            *text = without(text, &secrets);
        }
        self.exchanges
            .iter_mut()
            .for_each(|exchange| scrub(exchange, &secrets));
    }
}

/// A request as it would stand in a scrubbed cassette: its path, and its body if it has one.
pub(crate) fn request_like_recorded(path: &str, request: Option<&Value>) -> Option<Value> {
    scrub_request(path, request, &[])
}

fn scrub(exchange: &mut Recorded, secrets: &[String]) {
    exchange.path = without(&exchange.path, secrets);
    exchange.request = scrub_request(&exchange.path, exchange.request.as_ref(), secrets);
    exchange.headers.retain(|(name, _)| keeps_header(name));
    for (name, value) in &mut exchange.headers {
        *value = without(value, secrets);
        match name.as_str() {
            "x-request-id" => *value = filler::id(value),
            "openai-organization" | "openai-project" => {
                *value = prose::edits(value, &allowed(None)).apply(value);
            }
            _ => {}
        }
    }
    scrub_answer(exchange, secrets);
}

fn scrub_request(path: &str, request: Option<&Value>, secrets: &[String]) -> Option<Value> {
    let text = without(&request?.to_string(), secrets);
    let kept = allowed(request);
    let place = Place {
        answer: false,
        path,
    };
    let scrubbed = body::edits(&text, false, place, &kept).apply(&text);
    // A secret that was a number of JSON may leave something else; then nothing of the request is kept.
    Some(serde_json::from_str(&scrubbed).unwrap_or_default())
}

fn scrub_answer(exchange: &mut Recorded, secrets: &[String]) {
    let body = exchange.body();
    let text_bytes = match std::str::from_utf8(&body) {
        Ok(text) => text.len(),
        Err(error) => error.valid_up_to(),
    };
    let (text, rest) = body.split_at(text_bytes);
    let text = without(std::str::from_utf8(text).unwrap_or_default(), secrets);
    let place = Place {
        answer: true,
        path: &exchange.path,
    };
    let kept = allowed(exchange.request.as_ref());
    let edits = body::edits(&text, exchange.is_stream(), place, &kept);
    let mut scrubbed = edits.apply(&text).into_bytes();
    // No letter, which would lengthen the word before it.
    scrubbed.extend(rest.iter().map(|_| b'?'));
    exchange.chunks = edits.rechunk(&exchange.chunks, scrubbed);
}

impl Edits {
    /// Cuts an edited body where the old one was cut. A chunk of which nothing is left is gone.
    pub(super) fn rechunk(&self, old: &[Chunk], edited: Vec<u8>) -> Vec<Chunk> {
        let mut edited = Bytes::from(edited);
        let (mut old_end, mut start) = (0, 0);
        let mut chunks = Vec::with_capacity(old.len());
        for (index, chunk) in old.iter().enumerate() {
            old_end += chunk.bytes.len();
            let last = index + 1 == old.len();
            let end = if last {
                start + edited.len()
            } else {
                self.moved(old_end)
            };
            let bytes = edited.split_to((end - start).min(edited.len()));
            start += bytes.len();
            if !bytes.is_empty() {
                chunks.push(Chunk {
                    after_ms: chunk.after_ms,
                    bytes,
                });
            }
        }
        chunks
    }
}

fn without(text: &str, secrets: &[String]) -> String {
    secrets.iter().fold(text.to_owned(), |text, secret| {
        text.replace(secret, &filler::secret(secret))
    })
}

/// How a secret stands inside a text of JSON.
fn in_json(secret: &str) -> String {
    let quoted = Value::from(secret).to_string();
    quoted.trim_matches('"').to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::{Cassette, Chunk, Ending, Recorded};
    use proptest::prelude::{Just, Strategy, any, prop, prop_oneof, proptest};
    use serde_json::{Value, json};

    /// Words that are no names of fields, and the rest of a text.
    fn text() -> impl Strategy<Value = String> {
        let word = prop_oneof![
            "[A-Z]?[aeioubcdfmnrt]{4,9}y",
            "[0-9]{4,8}",
            "[a-zé]{1,3}",
            "[ .,:;\"\\\\\n/{}-]{1,2}",
            Just("größer".to_owned())
        ];
        prop::collection::vec(word, 1..7).prop_map(|words| words.join(" "))
    }

    fn words(text: &str) -> impl Iterator<Item = &str> {
        text.split(|character: char| !character.is_alphanumeric())
            .filter(|word| word.chars().count() >= 4)
    }

    /// Cuts a text after any character.
    fn cut(text: &str, places: &[prop::sample::Index]) -> Vec<String> {
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

    fn exchange(
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

    fn scrubbed(exchange: &Recorded, secrets: &[&str]) -> Recorded {
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
            assert!(masked || !text.contains(&secret) && !text.contains(&super::in_json(&secret)), "{secret} in {text}");
        }

        #[test]
        fn any_body_can_be_scrubbed(body in prop::collection::vec(any::<u8>(), 0..60), stream in any::<bool>(), chunks in prop::collection::vec(any::<prop::sample::Index>(), 0..4)) {
            let content_type = if stream { "text/event-stream" } else { "application/json" };
            let old = exchange("/chat/completions", json!("no json"), content_type, &body, &chunks);
            assert_eq!(scrubbed(&old, &[]).body().len(), body.len());
        }
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
        assert_eq!(answer["created"], super::super::policy::CREATED);
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
}
