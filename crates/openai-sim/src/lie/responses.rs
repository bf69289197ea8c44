//! Lies of the catalogue about responses, whole and streamed, and about the routes beside them.
//!
//! Invariants: one deviation each.
//! Does not know: chats, embeddings, headers.

use serde_json::json;

use super::catalogue::{Named, on, twisted};
use super::twist::Twist;

const RESPONSES: &str = "/responses";
const COMPLETIONS: &str = "/completions";
const IMAGES: &str = "/images/generations";

pub(super) fn usage() -> Vec<Named> {
    vec![
        (
            "response-usage-missing",
            on(RESPONSES).leave_out("usage"),
            "a server that does not count responses",
        ),
        (
            "response-usage-null",
            on(RESPONSES).null("usage"),
            "a response that ends without its counts",
        ),
        (
            "response-usage-renamed",
            on(RESPONSES).rename("input_tokens", "prompt_tokens"),
            "the counts in the words of chats",
        ),
        (
            "response-usage-details-missing",
            on(RESPONSES).leave_out("output_tokens_details"),
            "llama.cpp before it counted reasoning",
        ),
        (
            "response-usage-zero",
            twisted(RESPONSES, Twist::UsageZero),
            "a server that counts nothing of a response",
        ),
        (
            "response-usage-negative",
            twisted(RESPONSES, Twist::UsageNegative),
            "counts of a response below zero",
        ),
        (
            "response-usage-total-wrong",
            twisted(RESPONSES, Twist::UsageTotalWrong),
            "a total of a response that is not the sum",
        ),
        (
            "response-cached-above-input",
            twisted(RESPONSES, Twist::UsageCachedAbovePrompt),
            "more cached than was sent to a response",
        ),
    ]
}

pub(super) fn bodies() -> Vec<Named> {
    vec![
        (
            "response-object-word-wrong",
            on(RESPONSES).say("object", "chat.completion"),
            "another word for what a response is",
        ),
        (
            "response-status-wrong",
            on(RESPONSES).say("status", "in_progress"),
            "a response that ends and is still in progress",
        ),
        (
            "response-field-added",
            on(RESPONSES).add("timings", json!({"predicted_ms": 1.5})),
            "a response that tells more than the API has",
        ),
        (
            "response-output-as-object",
            on(RESPONSES).as_object("output"),
            "one item where a list is due",
        ),
        (
            "response-arguments-as-object",
            on(RESPONSES).as_object("arguments"),
            "arguments of a call as JSON instead of as text",
        ),
        (
            "response-call-id-renamed",
            on(RESPONSES).rename("call_id", "tool_call_id"),
            "a call's id in the words of chats",
        ),
        (
            "response-delta-as-array",
            on(RESPONSES).as_array("delta"),
            "a list where a piece of text is due",
        ),
    ]
}

pub(super) fn streams() -> Vec<Named> {
    let stream = |name, twist, stands_for| (name, twisted(RESPONSES, twist), stands_for);
    vec![
        stream(
            "response-sequence-skips",
            Twist::SequenceSkips,
            "an event that was lost",
        ),
        stream(
            "response-event-name-wrong",
            Twist::EventNameWrong,
            "a name that is not the type",
        ),
        stream(
            "response-event-names-missing",
            Twist::EventNameMissing,
            "a proxy that keeps the data lines only",
        ),
        stream(
            "response-begin-missing",
            Twist::BeginMissing,
            "a response that was never created",
        ),
        stream(
            "response-end-missing",
            Twist::EndMissing,
            "a response that never ends",
        ),
        stream(
            "response-end-twice",
            Twist::EndTwice,
            "a response that ends twice, and costs twice",
        ),
        stream(
            "response-delta-after-done",
            Twist::DeltaAfterDone,
            "text after its end",
        ),
        stream(
            "response-delta-early",
            Twist::DeltaEarly,
            "text of an item that is not there yet",
        ),
    ]
}

pub(super) fn contents() -> Vec<Named> {
    let stream = |name, twist, stands_for| (name, twisted(RESPONSES, twist), stands_for);
    vec![
        stream(
            "response-item-done-missing",
            Twist::ItemDoneMissing,
            "an item that is never done",
        ),
        stream(
            "response-text-differs",
            Twist::DoneDiffers,
            "a whole that is not the sum of its pieces",
        ),
        stream(
            "response-done-added",
            Twist::DoneAdded,
            "[DONE] in a stream of another API",
        ),
        stream(
            "response-usage-early",
            Twist::UsageEarly,
            "counts before anything was said",
        ),
        stream(
            "response-ids-differ",
            Twist::IdsDiffer,
            "an id of the response for every event",
        ),
        stream(
            "response-created-differs",
            Twist::CreatedDiffers,
            "a time of the response for every event",
        ),
    ]
}

/// Of the routes beside responses.
pub(super) fn further() -> Vec<Named> {
    vec![
        (
            "completion-text-renamed",
            on(COMPLETIONS).rename("text", "content"),
            "a completion in the words of chats",
        ),
        (
            "completion-usage-missing",
            on(COMPLETIONS).leave_out("usage"),
            "a server that does not count completions",
        ),
        (
            "image-usage-as-text",
            on(IMAGES).as_text("output_tokens"),
            "a count of an image in quotes",
        ),
        (
            "image-data-as-object",
            on(IMAGES).as_object("data"),
            "one image where a list is due",
        ),
        (
            "moderation-flag-as-text",
            on("/moderations").as_text("flagged"),
            "a truth value in quotes",
        ),
        (
            "batch-counts-missing",
            on("/batches/{id}").rename("request_counts", "counts"),
            "a batch that counts in other words",
        ),
        (
            "file-bytes-as-text",
            on("/files/{id}").as_text("bytes"),
            "a length in quotes",
        ),
    ]
}
