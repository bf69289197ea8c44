//! What is served by keyward itself: metered calls, and what it answers from its own knowledge.
//!
//! Source: OpenAI API reference, November 2026.

use super::{Leaves, Makes, Meter, Route, Serve, row};
use crate::operation::Operation;

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
