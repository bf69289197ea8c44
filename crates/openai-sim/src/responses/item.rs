//! One item of a response's output, as it begins and as it ends.
//!
//! Invariants: begun and ended have the same id and type; the pieces join to what the ended one says.
//! Does not know: its place in the output, events.
//! Source: the types of openai 3.54.0 (Python), ResponseOutputItem.

use serde_json::{Value, json};

use crate::chat::logprobs;
use crate::tokens;

pub(super) enum Item {
    Reasoning {
        id: String,
        /// The tokens of the summary, if one is told.
        summary: Option<Vec<String>>,
        encrypted: Option<String>,
    },
    Search {
        id: String,
        query: String,
    },
    Message {
        id: String,
        said: Said,
        pieces: Vec<String>,
        /// How many alternatives each token lists.
        logprobs: Option<u64>,
    },
    Call {
        id: String,
        call_id: String,
        name: String,
        /// The tokens of the arguments.
        pieces: Vec<String>,
    },
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    Text,
    Refusal,
}

impl Item {
    pub(super) fn id(&self) -> &str {
        match self {
            Self::Reasoning { id, .. }
            | Self::Search { id, .. }
            | Self::Message { id, .. }
            | Self::Call { id, .. } => id,
        }
    }

    /// Its output tokens. The summary of reasoning and searches are in no count.
    pub(super) fn tokens(&self) -> u64 {
        match self {
            Self::Reasoning { .. } | Self::Search { .. } => 0,
            Self::Message { pieces, .. } => pieces.len() as u64,
            Self::Call { name, pieces, .. } => tokens::count(name) + pieces.len() as u64,
        }
    }

    pub(super) fn begun(&self) -> Value {
        match self {
            Self::Reasoning { id, encrypted, .. } => reasoning(id, &[], encrypted.as_deref()),
            Self::Search { id, query } => search(id, query, "in_progress"),
            Self::Message { id, .. } => message(id, &json!([]), "in_progress"),
            Self::Call {
                id, call_id, name, ..
            } => call(id, call_id, name, "", "in_progress"),
        }
    }

    /// `status` is that of the whole response as far as an item can have it.
    pub(super) fn ended(&self, status: &str) -> Value {
        match self {
            Self::Reasoning {
                id,
                summary,
                encrypted,
            } => {
                let told: Vec<Value> = summary
                    .iter()
                    .map(|pieces| json!({"type": "summary_text", "text": pieces.concat()}))
                    .collect();
                reasoning(id, &told, encrypted.as_deref())
            }
            Self::Search { id, query } => search(id, query, "completed"),
            Self::Message { id, .. } => message(id, &json!([self.part(true)]), status),
            Self::Call {
                id,
                call_id,
                name,
                pieces,
            } => call(id, call_id, name, &pieces.concat(), status),
        }
    }

    /// The one part of a message's content, empty or with all that it says.
    pub(super) fn part(&self, whole: bool) -> Value {
        let Self::Message {
            said,
            pieces,
            logprobs,
            ..
        } = self
        else {
            return Value::Null;
        };
        let pieces: &[String] = if whole { pieces } else { &[] };
        match said {
            Said::Refusal => json!({"type": "refusal", "refusal": pieces.concat()}),
            Said::Text => json!({
                "type": "output_text",
                "annotations": [],
                "logprobs": scores(pieces, *logprobs),
                "text": pieces.concat(),
            }),
        }
    }
}

/// The logprobs of some tokens; none if they were not asked for.
pub(super) fn scores(pieces: &[String], alternatives: Option<u64>) -> Value {
    alternatives.map_or_else(
        || json!([]),
        |alternatives| logprobs::of(pieces, alternatives)["content"].take(),
    )
}

fn reasoning(id: &str, summary: &[Value], encrypted: Option<&str>) -> Value {
    let mut item = json!({"id": id, "type": "reasoning", "summary": summary});
    if let Some(encrypted) = encrypted {
        item["encrypted_content"] = json!(encrypted);
    }
    item
}

fn search(id: &str, query: &str, status: &str) -> Value {
    let action = json!({"type": "search", "query": query, "queries": [query]});
    json!({"id": id, "type": "web_search_call", "status": status, "action": action})
}

fn message(id: &str, content: &Value, status: &str) -> Value {
    json!({"id": id, "type": "message", "status": status, "role": "assistant", "content": content})
}

fn call(id: &str, call_id: &str, name: &str, arguments: &str, status: &str) -> Value {
    json!({
        "id": id,
        "type": "function_call",
        "status": status,
        "arguments": arguments,
        "call_id": call_id,
        "name": name,
    })
}
