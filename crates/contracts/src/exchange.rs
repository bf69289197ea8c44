//! One observed exchange, stripped to what has a shape.
//!
//! Invariants: holds no request header, so no key; what a body is is read from its bytes, not believed from its headers.
//! Does not know: contracts, connections, time.

use serde_json::Value;

use crate::events::{Event, EventData, events, is_events};

/// A request and its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Exchange {
    /// As in `POST`.
    pub method: String,
    /// Without prefix and query, names as a template: `/chat/completions`, `/models/{model}`.
    pub route: String,
    /// The status of the answer.
    pub status: u16,
    /// The headers of the answer, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body of the request, where it is JSON.
    pub request: Option<Value>,
    /// The body of the answer.
    pub answer: Payload,
}

/// The body of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Payload {
    /// One JSON value.
    Json(Value),
    /// Server-sent events.
    Events(Vec<Event>),
    /// Anything else.
    Other {
        /// As the header says it; empty if there is none.
        content_type: String,
        /// How long it is.
        bytes: usize,
    },
    /// Nothing.
    Empty,
}

impl Exchange {
    /// The first value of a header; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// Whether the answer is a refusal by its status.
    pub fn is_refused(&self) -> bool {
        self.status >= 400
    }

    /// A field of the request; null if there is none.
    pub(crate) fn asked(&self, name: &str) -> &Value {
        self.request
            .as_ref()
            .map_or(&Value::Null, |request| &request[name])
    }

    /// The JSON values of the answer: the one that it is, or those of its events.
    pub(crate) fn values(&self) -> Vec<&Value> {
        match &self.answer {
            Payload::Json(value) => vec![value],
            Payload::Events(events) => events.iter().filter_map(Event::json).collect(),
            Payload::Other { .. } | Payload::Empty => Vec::new(),
        }
    }
}

impl Payload {
    /// Reads a whole body. JSON and events are known by themselves, so that a wrong `content_type` is a difference of
    /// the headers alone.
    pub fn read(content_type: &str, body: &[u8]) -> Self {
        if body.is_empty() {
            return Self::Empty;
        }
        if let Ok(value) = serde_json::from_slice(body) {
            return Self::Json(value);
        }
        if content_type.starts_with("text/event-stream") || is_events(body) {
            return Self::Events(events(body));
        }
        Self::Other {
            content_type: content_type.to_owned(),
            bytes: body.len(),
        }
    }
}

impl Event {
    /// Its data, if it is JSON.
    pub fn json(&self) -> Option<&Value> {
        match &self.data {
            EventData::Json(value) => Some(value),
            EventData::Text(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Payload;
    use serde_json::json;

    #[test]
    fn a_body_is_what_its_bytes_are() {
        let json = Payload::Json(json!({"a": 1}));
        assert_eq!(Payload::read("text/plain", b"{\"a\":1}"), json);
        assert_eq!(Payload::read("text/plain", b""), Payload::Empty);
        let stream = Payload::read("application/json", b"data: [DONE]\n\n");
        assert!(matches!(stream, Payload::Events(events) if events.len() == 1));
        let page = Payload::Other {
            content_type: "text/html".to_owned(),
            bytes: 6,
        };
        assert_eq!(Payload::read("text/html", b"<html>"), page);
    }
}
