//! The lies that a drill tells, each by its name.
//!
//! Invariants: names are distinct; every lie changes what is answered to at least one ordinary call.
//! Does not know: who is to notice.
//! Source: deviations of compatible servers and proxies as seen, and mistakes that clients were seen to make.

use serde_json::json;

use super::Lie;
use super::twist::Twist;

/// A name, the lie, and what it stands for.
pub(super) type Named = (&'static str, Lie, &'static str);

const CHAT: &str = "/chat/completions";
const EMBEDDINGS: &str = "/embeddings";
const MODELS: &str = "/models";

impl Lie {
    /// Lies worth being noticed, one deviation each: its name, the lie, what it stands for in the world.
    pub fn catalogue() -> Vec<Named> {
        let kinds = [
            fields(),
            values(),
            words(),
            lists(),
            usage(),
            streams(),
            heads(),
            errors(),
        ];
        kinds.into_iter().flatten().collect()
    }
}

fn on(path: &str) -> Lie {
    Lie::new().on(path)
}

fn twisted(path: &str, twist: Twist) -> Lie {
    on(path).twist(twist)
}

fn fields() -> Vec<Named> {
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

fn values() -> Vec<Named> {
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

fn words() -> Vec<Named> {
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

fn lists() -> Vec<Named> {
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

fn usage() -> Vec<Named> {
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

fn streams() -> Vec<Named> {
    let stream = |name, twist, stands_for| (name, twisted(CHAT, twist), stands_for);
    vec![
        stream("ids-differ", Twist::IdsDiffer, "an id for every chunk"),
        stream(
            "created-differs",
            Twist::CreatedDiffers,
            "a time for every chunk",
        ),
        stream(
            "usage-before-finish",
            Twist::UsageBeforeFinish,
            "usage that comes before the end",
        ),
        stream(
            "role-missing",
            Twist::RoleMissing,
            "no chunk that says the role",
        ),
        stream(
            "role-last",
            Twist::RoleLast,
            "the role after everything else",
        ),
        stream("finish-twice", Twist::FinishTwice, "two ends of one choice"),
        stream(
            "finish-missing",
            Twist::FinishMissing,
            "no finish reason at all",
        ),
        stream(
            "content-after-finish",
            Twist::ContentAfterFinish,
            "text after its end",
        ),
        stream("done-missing", Twist::DoneMissing, "no [DONE]"),
        stream("done-twice", Twist::DoneTwice, "[DONE] twice"),
        stream("done-not-last", Twist::DoneNotLast, "a chunk after [DONE]"),
        stream(
            "events-run-together",
            Twist::EventsRunTogether,
            "two events without an empty line between them",
        ),
    ]
}

fn heads() -> Vec<Named> {
    vec![
        (
            "request-id-missing",
            Lie::new().drop_header("x-request-id"),
            "an answer that support can't find again",
        ),
        (
            "content-type-missing",
            Lie::new().drop_header("content-type"),
            "an answer that does not say what it is",
        ),
        (
            "content-type-text",
            Lie::new().set_header("content-type", "text/plain"),
            "JSON and events called text",
        ),
        (
            "processing-time-missing",
            Lie::new().drop_header("openai-processing-ms"),
            "an answer that does not say how long it took",
        ),
        (
            "processing-time-as-words",
            Lie::new().set_header("openai-processing-ms", "12ms"),
            "a time with its unit where a number is due",
        ),
        (
            "limits-missing",
            Lie::new()
                .drop_header("x-ratelimit-remaining-requests")
                .drop_header("x-ratelimit-remaining-tokens"),
            "an answer that does not say what is left",
        ),
        (
            "limit-reset-as-time",
            Lie::new().set_header("x-ratelimit-reset-tokens", "2026-11-22T12:00:00Z"),
            "a point in time where a duration is due",
        ),
        (
            "retry-after-missing",
            Lie::new().drop_header("retry-after"),
            "a refusal that does not say how long to wait",
        ),
        (
            "retry-after-as-words",
            Lie::new().set_header("retry-after", "soon"),
            "a wait that is no number",
        ),
    ]
}

fn errors() -> Vec<Named> {
    let error = |name, twist, stands_for| (name, Lie::new().twist(twist), stands_for);
    vec![
        (
            "error-with-status-200",
            Lie::new()
                .status(400, 200)
                .status(404, 200)
                .status(429, 200)
                .status(500, 200),
            "an error that looks like an answer",
        ),
        (
            "bad-request-as-500",
            Lie::new().status(400, 500),
            "the caller's mistake blamed on the server",
        ),
        (
            "throttled-as-503",
            Lie::new().status(429, 503),
            "another status for being asked too often",
        ),
        error("error-as-text", Twist::ErrorText, "an error that is a text"),
        error(
            "error-as-detail",
            Twist::ErrorDetail,
            "an error as FastAPI writes it",
        ),
        error(
            "error-code-number",
            Twist::ErrorCodeNumber,
            "a code that is the status",
        ),
        error(
            "error-type-missing",
            Twist::ErrorTypeMissing,
            "an error of no type",
        ),
        error(
            "error-as-page",
            Twist::ErrorHtml,
            "a proxy's page instead of an error",
        ),
        (
            "error-message-null",
            Lie::new().null("error.message"),
            "an error that says nothing",
        ),
    ]
}
