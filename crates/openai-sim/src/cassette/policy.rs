//! Which values of a body are structure, and which say something.
//!
//! Invariants: a text that is not known to be structure says something; of numbers only those that stand for text do.
//! Does not know: how a value is replaced.
//! Source: OpenAI API reference; the answers of llama.cpp's server as seen.

use std::collections::BTreeSet;

use serde_json::Value;

use super::literals::{Kind, Literal};

/// What all answers say they were created at. Units: Unix seconds.
pub(super) const CREATED: u64 = 1_790_000_000;

/// Who wrote a body, and for which route.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) answer: bool,
    /// Without the prefix, as in `/embeddings`.
    pub(super) path: &'a str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Treatment {
    Keep,
    /// Prose, or JSON with prose in it.
    Says,
    Id,
    /// A number that stands for a text, as the id of a token does.
    Digits,
    Created,
    /// A number of a vector, or a vector in base64.
    Vector,
    /// A byte of the token beside it.
    Byte,
}

/// Fields whose text is a word of the API, or the caller's name for a part of the request's structure.
const WORDS: [&str; 34] = [
    "code",
    "completion_window",
    "const",
    "detail",
    "effort",
    "encoding_format",
    "endpoint",
    "enum",
    "finish_reason",
    "format",
    "include",
    "mode",
    "modalities",
    "model",
    "object",
    "owned_by",
    "output_format",
    "param",
    "pattern",
    "phase",
    "purpose",
    "quality",
    "reason",
    "$ref",
    "reasoning_effort",
    "required",
    "role",
    "service_tier",
    "status",
    "stream_format",
    "tool_choice",
    "truncation",
    "type",
    "verbosity",
];

const IDS: [&str; 22] = [
    "batch_id",
    "call_id",
    "container_id",
    "conversation",
    "error_file_id",
    "file_id",
    "file_ids",
    "first_id",
    "id",
    "input_file_id",
    "item_id",
    "last_id",
    "output_file_id",
    "part_ids",
    "previous_response_id",
    "request_id",
    "system_fingerprint",
    "response_id",
    "tool_call_id",
    "upload_id",
    "vector_store_id",
    "vector_store_ids",
];

/// Whose `name` is the caller's for a part of the request's structure; elsewhere it is a person's.
const NAMED: [&str; 9] = [
    "custom",
    "format",
    "function",
    "input",
    "item",
    "json_schema",
    "output",
    "tool_choice",
    "tools",
];
/// What holds an item of a response. The code of an item is a program's text, that of an error a word.
const ITEMS: [&str; 2] = ["item", "output"];

/// Routes whose paths have ids in them, and the parts of such paths that are none.
const STORED: [&str; 6] = [
    "batches",
    "conversations",
    "files",
    "responses",
    "uploads",
    "vector_stores",
];
const PARTS: [&str; 10] = [
    "cancel",
    "compact",
    "complete",
    "content",
    "files",
    "input_items",
    "input_tokens",
    "items",
    "parts",
    "search",
];

/// What becomes of a value.
pub(super) fn treat(literal: &Literal, place: Place<'_>) -> Treatment {
    let mut names = literal.names();
    let (name, parent) = (
        names.next().unwrap_or_default(),
        names.next().unwrap_or_default(),
    );
    match literal.kind {
        Kind::Number => number(literal, name, parent, place),
        Kind::Text if place.answer && name == "embedding" => Treatment::Vector,
        // The owner of a server knows its models; nothing here was said by anybody.
        Kind::Text if place.answer && place.path.starts_with("/models") => Treatment::Keep,
        Kind::Text if literal.names().any(|name| name == "metadata") => Treatment::Says,
        Kind::Text if name == "code" && ITEMS.contains(&parent) => Treatment::Says,
        Kind::Text if name == "name" && NAMED.contains(&parent) => Treatment::Keep,
        Kind::Text if WORDS.contains(&name) => Treatment::Keep,
        Kind::Text if IDS.contains(&name) => Treatment::Id,
        Kind::Text => Treatment::Says,
    }
}

fn number(literal: &Literal, name: &str, parent: &str, place: Place<'_>) -> Treatment {
    let in_logprobs = || literal.names().any(|name| name == "logprobs");
    match name {
        "created" if place.answer => Treatment::Created,
        _ if place.answer && name.ends_with("_at") => Treatment::Created,
        "embedding" if place.answer && parent == "data" => Treatment::Vector,
        "bytes" if in_logprobs() => Treatment::Byte,
        "id" if in_logprobs() => Treatment::Digits,
        // Ids of tokens instead of text.
        "input" | "prompt" if !place.answer => Treatment::Digits,
        _ => Treatment::Keep,
    }
}

/// A path, as in `/responses/resp_…/cancel?after=msg_…`, with `id` of what in it is an id.
pub(super) fn path(path: &str, id: fn(&str) -> String) -> String {
    let (way, query) = match path.split_once('?') {
        Some((way, query)) => (way, Some(query)),
        None => (path, None),
    };
    let mut parts = way.split('/');
    // A path begins with a slash.
    let root = (parts.next(), parts.next());
    let Some(first) = root.1.filter(|first| STORED.contains(first)) else {
        return path.to_owned();
    };
    let mut written = format!("/{first}");
    for part in parts {
        written.push('/');
        match PARTS.contains(&part) {
            true => written.push_str(part),
            false => written.push_str(&id(part)),
        }
    }
    let one = |pair: &str| match pair.split_once('=') {
        Some((name @ ("after" | "before"), value)) => format!("{name}={}", id(value)),
        _ => pair.to_owned(),
    };
    if let Some(query) = query {
        let pairs: Vec<String> = query.split('&').map(one).collect();
        written = format!("{written}?{}", pairs.join("&"));
    }
    written
}

/// The values that the schemas of a request allow by name: an answer that is one of them keeps it.
pub(super) fn allowed(request: Option<&Value>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    request
        .into_iter()
        .for_each(|request| collect(request, &mut found));
    found
}

fn collect(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(fields) => {
            for (name, field) in fields {
                match (name.as_str(), field) {
                    ("enum", Value::Array(words)) => {
                        let words = words.iter().filter_map(Value::as_str);
                        found.extend(words.map(str::to_owned));
                    }
                    ("const", Value::String(word)) => drop(found.insert(word.clone())),
                    _ => collect(field, found),
                }
            }
        }
        _ => {}
    }
}
