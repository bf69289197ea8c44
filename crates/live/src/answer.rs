//! One answer as a client saw it: status, headers, body, and when its pieces came.
//!
//! Invariants: a body is whole, or there is no answer.
//! Does not know: who answered.

use std::time::Duration;

use contracts::{Event, EventData};
use serde_json::Value;

use crate::check::{Stop, ensure, fail, given};

/// How much of a body is shown as evidence.
const EVIDENCE_LETTERS_MAX: usize = 300;

/// An answer, whole.
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// From sending to the first piece of the body, and to its end.
    pub(crate) first: Duration,
    pub(crate) took: Duration,
}

impl Answer {
    /// A header's text; empty where there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    /// The body as JSON; null where it is none.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The body's events.
    pub(crate) fn events(&self) -> Vec<Event> {
        contracts::events(&self.body)
    }

    /// The JSON of the events, in order.
    pub(crate) fn chunks(&self) -> Vec<Value> {
        let data = self.events().into_iter().map(|event| event.data);
        data.filter_map(|data| match data {
            EventData::Json(value) => Some(value),
            EventData::Text(_) => None,
        })
        .collect()
    }

    /// Status and the beginning of the body, on one line.
    pub(crate) fn evidence(&self) -> String {
        let body = String::from_utf8_lossy(&self.body).replace(['\n', '\r'], " ");
        let short: String = body.chars().take(EVIDENCE_LETTERS_MAX).collect();
        format!("status {}, {short}", self.status)
    }

    /// Goes on with a good answer; skips where the model does not know the feature that was asked for.
    pub(crate) fn good(self) -> Result<Self, Stop> {
        let error = &self.json()["error"];
        let says = |field: &str, words: &[&str]| {
            let text = error[field].as_str().unwrap_or_default().to_lowercase();
            words.iter().any(|word| text.contains(word))
        };
        let unknown = says("code", &["unsupported"])
            || says("type", &["not_supported"])
            || says("message", &["not supported", "unsupported"]);
        let refused = self.status == 501 || (self.status == 400 && unknown);
        given(
            !refused,
            format!("the upstream does not support it: {}", self.evidence()),
        )?;
        ensure(self.status == 200, || self.evidence())?;
        Ok(self)
    }

    /// Goes on with a refusal: a 4xx, or a 5xx that says what is wrong with the request.
    pub(crate) fn refused(self, what: &str) -> Result<Self, Stop> {
        given(self.status != 200, format!("the upstream accepts {what}"))?;
        // Throttled or too late: the request was not even looked at.
        let looked_at = self.status >= 400 && ![408, 429, 503, 504].contains(&self.status);
        ensure(looked_at, || self.evidence())?;
        ensure(self.json()["error"]["message"].is_string(), || {
            format!("no error message: {}", self.evidence())
        })?;
        Ok(self)
    }

    /// Usage of a whole body, or of the one chunk that has it.
    pub(crate) fn usage(&self) -> Option<Value> {
        let usage = |value: &Value| Some(value["usage"].clone()).filter(Value::is_object);
        if self.is_stream() {
            return self.chunks().iter().find_map(usage);
        }
        usage(&self.json())
    }

    /// Whether it came as events.
    pub(crate) fn is_stream(&self) -> bool {
        self.header("content-type").starts_with("text/event-stream")
    }
}

/// The text at a place of an answer.
pub(crate) fn text_at<'a>(value: &'a Value, place: &str) -> Result<&'a str, Stop> {
    let found = value.pointer(place).and_then(Value::as_str);
    found.ok_or_else(|| fail(format!("no text at {place} of {value}")))
}

/// The list at a place of an answer.
pub(crate) fn list_at<'a>(value: &'a Value, place: &str) -> Result<&'a [Value], Stop> {
    let found = value.pointer(place).and_then(Value::as_array);
    found
        .map(Vec::as_slice)
        .ok_or_else(|| fail(format!("no list at {place} of the answer")))
}

#[cfg(test)]
mod tests {
    use super::Answer;
    use crate::check::Outcome;
    use std::time::Duration;

    #[test]
    fn a_throttled_call_is_no_refusal_of_what_was_asked() {
        let word = |status: u16| {
            let answer = Answer {
                status,
                headers: Vec::new(),
                body: br#"{"error": {"message": "no"}}"#.to_vec(),
                first: Duration::ZERO,
                took: Duration::ZERO,
            };
            Outcome::from(answer.refused("anything").map(|_| Vec::new())).word()
        };
        assert_eq!(
            [200, 400, 404, 429, 503].map(word),
            ["SKIP", "PASS", "PASS", "FAIL", "FAIL"]
        );
    }
}
