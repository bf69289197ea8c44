//! Lies of the catalogue about what is around single answers: the order of streams, headers, statuses, errors.
//!
//! Invariants: one deviation each.
//! Does not know: fields of good answers.

use super::Lie;
use super::catalogue::{CHAT, Named, twisted};
use super::twist::Twist;

pub(super) fn streams() -> Vec<Named> {
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

pub(super) fn heads() -> Vec<Named> {
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

pub(super) fn errors() -> Vec<Named> {
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
