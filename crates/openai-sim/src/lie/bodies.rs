//! Lies of the catalogue about single answers: fields, values, lists, counts.
//!
//! Invariants: one deviation each.
//! Does not know: streams, headers, errors.

use serde_json::json;

use super::catalogue::{CHAT, Named, on, twisted};
use super::twist::Twist;

const EMBEDDINGS: &str = "/embeddings";
const MODELS: &str = "/models";

pub(super) fn fields() -> Vec<Named> {
    vec![
        (
            "vector-renamed",
            on(EMBEDDINGS).rename("embedding", "vector"),
            "a client written against another name of the vector",
        ),
        (
            "finish-reason-renamed",
            on(CHAT).rename("finish_reason", "stop_reason"),
            "another vendor's word for why it stopped",
        ),
        (
            "content-left-out",
            on(CHAT).leave_out("choices[].message.content"),
            "a server that leaves out what is empty",
        ),
        (
            "model-left-out",
            on(CHAT).leave_out(".model"),
            "a server that does not say which model answered",
        ),
        (
            "owner-left-out",
            on(MODELS).leave_out("data[].owned_by"),
            "a list of models with less in it",
        ),
        (
            "field-added",
            on(CHAT).add("timings", json!({"predicted_ms": 1.5})),
            "a server that tells more than the API has",
        ),
        (
            "field-added-inside",
            on(CHAT).add("choices[].confidence", json!(0.5)),
            "a new field in every choice",
        ),
        (
            "embedding-field-added",
            on(EMBEDDINGS).add("data[].tokens", json!(3)),
            "a new field beside every vector",
        ),
    ]
}

pub(super) fn values() -> Vec<Named> {
    vec![
        (
            "choices-null",
            on(CHAT).null("choices"),
            "null where a list is due",
        ),
        (
            "message-null",
            on(CHAT).null("choices[].message"),
            "null where an object is due",
        ),
        (
            "created-as-text",
            on(CHAT).as_text(".created"),
            "a number in quotes",
        ),
        (
            "index-as-text",
            on(EMBEDDINGS).as_text("data[].index"),
            "a position in quotes",
        ),
        (
            "id-as-number",
            on(CHAT).as_number(".id"),
            "a number where a text is due",
        ),
        (
            "content-as-array",
            on(CHAT).as_array("choices[].message.content"),
            "content as a list of parts where a text is due",
        ),
        (
            "message-as-array",
            on(CHAT).as_array("choices[].message"),
            "a list where an object is due",
        ),
        (
            "choices-as-object",
            on(CHAT).as_object("choices"),
            "an object where a list is due",
        ),
        (
            "arguments-as-object",
            on(CHAT).as_object("arguments"),
            "arguments of a tool call as JSON instead of as text",
        ),
    ]
}

pub(super) fn words() -> Vec<Named> {
    vec![
        (
            "object-word-wrong",
            on(CHAT).say(".object", "chat"),
            "another word for what the answer is",
        ),
        (
            "vector-object-word-wrong",
            on(EMBEDDINGS).say("data[].object", "vector"),
            "another word for what an item is",
        ),
        (
            "finish-reason-unknown",
            on(CHAT).say("finish_reason", "eos"),
            "a finish reason that the API does not have",
        ),
        (
            "role-unknown",
            on(CHAT).say("role", "bot"),
            "a role that the API does not have",
        ),
    ]
}

pub(super) fn lists() -> Vec<Named> {
    vec![
        (
            "choices-from-one",
            twisted(CHAT, Twist::IndexFromOne),
            "choices counted from 1",
        ),
        (
            "vectors-out-of-order",
            twisted(EMBEDDINGS, Twist::DataReversed),
            "vectors in the order in which they were ready",
        ),
        (
            "vector-short",
            twisted(EMBEDDINGS, Twist::VectorShort),
            "a vector with fewer numbers than were asked for",
        ),
        (
            "vector-bytes-odd",
            twisted(EMBEDDINGS, Twist::VectorBytesOdd),
            "base64 that holds no whole number of floats",
        ),
    ]
}

pub(super) fn usage() -> Vec<Named> {
    vec![
        (
            "usage-missing",
            on(CHAT).leave_out("usage"),
            "a server that does not count",
        ),
        (
            "embeddings-usage-missing",
            on(EMBEDDINGS).leave_out("usage"),
            "a server that does not count embeddings",
        ),
        (
            "usage-renamed",
            on(CHAT).rename("prompt_tokens", "input_tokens"),
            "the counts in the words of another API",
        ),
        (
            "usage-as-text",
            on(CHAT).as_text("prompt_tokens"),
            "a count in quotes",
        ),
        (
            "usage-details-null",
            on(CHAT).null("prompt_tokens_details"),
            "null instead of the details of the prompt",
        ),
        (
            "usage-zero",
            twisted(CHAT, Twist::UsageZero),
            "a server that counts nothing",
        ),
        (
            "usage-negative",
            twisted(CHAT, Twist::UsageNegative),
            "counts below zero",
        ),
        (
            "usage-total-wrong",
            twisted(CHAT, Twist::UsageTotalWrong),
            "a total that is not the sum",
        ),
        (
            "embeddings-total-wrong",
            twisted(EMBEDDINGS, Twist::UsageTotalWrong),
            "a total of embeddings that is not the prompt's",
        ),
        (
            "usage-cached-above-prompt",
            twisted(CHAT, Twist::UsageCachedAbovePrompt),
            "more cached than was sent",
        ),
    ]
}
