//! What is served by keyward itself: metered calls, and what it answers from its own knowledge.
//!
//! Invariants: a path that two rows match stands in the narrower one first.
//! Does not know: how a path is matched or served.
//! Source: OpenAI API reference, November 2026.

use super::row;
use crate::operation::Operation;
use crate::routes::{Leaves, Makes, Meter, Route, Serve};

pub(super) const ROWS: &[Route] = &[
    row(
        ("POST", "/chat/completions"),
        "chat.completions",
        (Meter::Tokens, Leaves::GeneratedText, Makes::Nothing),
        Serve::Metered(Operation::Chat),
    ),
    row(
        ("POST", "/embeddings"),
        "embeddings",
        (Meter::Tokens, Leaves::Vectors, Makes::Nothing),
        Serve::Metered(Operation::Embeddings),
    ),
    row(
        ("POST", "/responses"),
        "responses",
        (Meter::Tokens, Leaves::GeneratedText, Makes::Nothing),
        Serve::Metered(Operation::Responses),
    ),
    row(
        ("POST", "/completions"),
        "completions",
        (Meter::Tokens, Leaves::GeneratedText, Makes::Nothing),
        Serve::Metered(Operation::Completions),
    ),
    row(
        ("POST", "/images/generations"),
        "images.generations",
        (Meter::Tokens, Leaves::GeneratedText, Makes::Nothing),
        Serve::Metered(Operation::Images),
    ),
    row(
        ("POST", "/audio/speech"),
        "audio.speech",
        (Meter::Characters, Leaves::GeneratedText, Makes::Nothing),
        Serve::Metered(Operation::Speech),
    ),
    row(
        ("GET", "/models"),
        "models",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Models,
    ),
    row(
        ("GET", "/models/{id}"),
        "models",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Model,
    ),
    row(
        ("GET", "/keyward/calls/{id}"),
        "",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Call,
    ),
    row(
        ("GET", "/healthz"),
        "",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Health,
    ),
    row(
        ("GET", "/readyz"),
        "",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Ready,
    ),
];
