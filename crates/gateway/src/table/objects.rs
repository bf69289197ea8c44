//! What is passed: free by itself, and about objects that have an owner.
//!
//! Invariants: a path that two rows match stands in the narrower one first.
//! Does not know: how a path is matched or served.
//! Source: OpenAI API reference, November 2026.

use super::row;
use crate::routes::{Leaves, Makes, Meter, Route, Serve};

pub(super) const ROWS: &[Route] = &[
    row(
        ("POST", "/moderations"),
        "moderations",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Passed,
    ),
    row(
        ("POST", "/responses/input_tokens"),
        "responses",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Passed,
    ),
    row(
        ("GET", "/responses/{object}"),
        "responses",
        (Meter::Free, Leaves::GeneratedText, Makes::Nothing),
        Serve::Passed,
    ),
    row(
        ("DELETE", "/responses/{object}"),
        "responses",
        (Meter::Free, Leaves::ServiceFacts, Makes::Gone),
        Serve::Passed,
    ),
    row(
        ("POST", "/responses/{object}/cancel"),
        "responses",
        (Meter::Free, Leaves::GeneratedText, Makes::Nothing),
        Serve::Passed,
    ),
    row(
        ("GET", "/responses/{object}/input_items"),
        "responses",
        (Meter::Free, Leaves::OwnContent, Makes::Nothing),
        Serve::Passed,
    ),
    row(
        ("POST", "/conversations"),
        "conversations",
        (
            Meter::Free,
            Leaves::OwnContent,
            Makes::Object("conversation"),
        ),
        Serve::Passed,
    ),
    row(
        ("GET", "/conversations/{object}"),
        "conversations",
        (Meter::Free, Leaves::OwnContent, Makes::Nothing),
        Serve::Passed,
    ),
    row(
        ("POST", "/conversations/{object}"),
        "conversations",
        (Meter::Free, Leaves::OwnContent, Makes::Nothing),
        Serve::Passed,
    ),
    row(
        ("DELETE", "/conversations/{object}"),
        "conversations",
        (Meter::Free, Leaves::ServiceFacts, Makes::Gone),
        Serve::Passed,
    ),
    row(
        ("POST", "/conversations/{object}/items"),
        "conversations",
        (Meter::Free, Leaves::OwnContent, Makes::Nothing),
        Serve::Passed,
    ),
    row(
        ("GET", "/conversations/{object}/items"),
        "conversations",
        (Meter::Free, Leaves::OwnContent, Makes::Nothing),
        Serve::Passed,
    ),
    row(
        ("GET", "/conversations/{object}/items/{part}"),
        "conversations",
        (Meter::Free, Leaves::OwnContent, Makes::Nothing),
        Serve::Passed,
    ),
    row(
        ("DELETE", "/conversations/{object}/items/{part}"),
        "conversations",
        (Meter::Free, Leaves::OwnContent, Makes::Nothing),
        Serve::Passed,
    ),
    row(
        ("POST", "/files"),
        "files",
        (Meter::Free, Leaves::ServiceFacts, Makes::Object("file")),
        Serve::Passed,
    ),
    row(
        ("GET", "/files"),
        "files",
        (Meter::Free, Leaves::ServiceFacts, Makes::List),
        Serve::Passed,
    ),
    row(
        ("GET", "/files/{object}"),
        "files",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Passed,
    ),
    row(
        ("DELETE", "/files/{object}"),
        "files",
        (Meter::Free, Leaves::ServiceFacts, Makes::Gone),
        Serve::Passed,
    ),
    row(
        ("GET", "/files/{object}/content"),
        "files",
        (Meter::Free, Leaves::OwnContent, Makes::Nothing),
        Serve::Passed,
    ),
    row(
        ("POST", "/uploads"),
        "uploads",
        (Meter::Free, Leaves::ServiceFacts, Makes::Object("upload")),
        Serve::Passed,
    ),
    row(
        ("POST", "/uploads/{object}/parts"),
        "uploads",
        (Meter::Free, Leaves::ServiceFacts, Makes::Object("part")),
        Serve::Passed,
    ),
    row(
        ("POST", "/uploads/{object}/complete"),
        "uploads",
        (Meter::Free, Leaves::ServiceFacts, Makes::Object("upload")),
        Serve::Passed,
    ),
    row(
        ("POST", "/uploads/{object}/cancel"),
        "uploads",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Passed,
    ),
    row(
        ("POST", "/vector_stores"),
        "vector_stores",
        (
            Meter::Free,
            Leaves::ServiceFacts,
            Makes::Object("vector_store"),
        ),
        Serve::Passed,
    ),
    row(
        ("GET", "/vector_stores"),
        "vector_stores",
        (Meter::Free, Leaves::ServiceFacts, Makes::List),
        Serve::Passed,
    ),
    row(
        ("GET", "/vector_stores/{object}"),
        "vector_stores",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Passed,
    ),
    row(
        ("POST", "/vector_stores/{object}"),
        "vector_stores",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Passed,
    ),
    row(
        ("DELETE", "/vector_stores/{object}"),
        "vector_stores",
        (Meter::Free, Leaves::ServiceFacts, Makes::Gone),
        Serve::Passed,
    ),
    row(
        ("POST", "/vector_stores/{object}/search"),
        "vector_stores",
        (Meter::Free, Leaves::OwnContent, Makes::Nothing),
        Serve::Passed,
    ),
    row(
        ("POST", "/vector_stores/{object}/files"),
        "vector_stores",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Passed,
    ),
    row(
        ("GET", "/vector_stores/{object}/files"),
        "vector_stores",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Passed,
    ),
    row(
        ("GET", "/vector_stores/{object}/files/{object}"),
        "vector_stores",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Passed,
    ),
    row(
        ("POST", "/vector_stores/{object}/files/{object}"),
        "vector_stores",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Passed,
    ),
    row(
        ("DELETE", "/vector_stores/{object}/files/{object}"),
        "vector_stores",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Passed,
    ),
    row(
        ("GET", "/vector_stores/{object}/files/{object}/content"),
        "vector_stores",
        (Meter::Free, Leaves::OwnContent, Makes::Nothing),
        Serve::Passed,
    ),
    row(
        ("POST", "/vector_stores/{object}/file_batches"),
        "vector_stores",
        (
            Meter::Free,
            Leaves::ServiceFacts,
            Makes::Object("file_batch"),
        ),
        Serve::Passed,
    ),
    row(
        ("GET", "/vector_stores/{object}/file_batches/{object}"),
        "vector_stores",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Passed,
    ),
    row(
        (
            "POST",
            "/vector_stores/{object}/file_batches/{object}/cancel",
        ),
        "vector_stores",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Passed,
    ),
    row(
        ("GET", "/vector_stores/{object}/file_batches/{object}/files"),
        "vector_stores",
        (Meter::Free, Leaves::ServiceFacts, Makes::Nothing),
        Serve::Passed,
    ),
];
