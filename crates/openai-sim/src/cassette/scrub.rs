//! Takes out of a cassette what is private: keys, ids, what people and models said.
//!
//! Invariants: statuses, times, usage, models, names of fields and tools, finish reasons and the form of every body
//! stay; scrubbing twice is scrubbing once; requests are scrubbed alike in a cassette and at a replay.
//! Does not know: how traffic is recorded or played.

use bytes::Bytes;
use serde_json::Value;

use super::edits::Edits;
use super::policy::{Place, allowed};
use super::{Cassette, Chunk, Recorded, body, filler, policy, prose};

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

/// A path as it would stand in a scrubbed cassette.
pub(crate) fn path_like_recorded(path: &str) -> String {
    policy::path(path, filler::id)
}

/// A request's body as it would stand in a scrubbed cassette, if it has one.
pub(crate) fn request_like_recorded(path: &str, request: Option<&Value>) -> Option<Value> {
    scrub_request(path, request, &[])
}

fn scrub(exchange: &mut Recorded, secrets: &[String]) {
    exchange.path = policy::path(&without(&exchange.path, secrets), filler::id);
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
pub(super) fn in_json(secret: &str) -> String {
    let quoted = Value::from(secret).to_string();
    quoted.trim_matches('"').to_owned()
}
