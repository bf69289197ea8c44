//! The error body of an upstream, read whatever its shape.
//!
//! Invariants: reading never fails; a message has at most [`MESSAGE_BYTES_MAX`] bytes.
//! Does not know: status, headers, keys. A message is the upstream's text and may quote the prompt: show it to the caller, don't log it.
//! Source: OpenAI API, error object; drifts of vLLM, llama.cpp, FastAPI and plain-text servers.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor, value::MapAccessDeserializer};

use crate::lenient::Loose;

/// The most bytes of a message that are kept.
pub const MESSAGE_BYTES_MAX: usize = 2048;

/// The codes that say that there is no money left, where a repeat is never right.
const QUOTA_CODES: [&str; 5] = [
    "insufficient_quota",
    "credit_balance_exhausted",
    "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded",
    "organization_usage_limit_exceeded",
];

/// What an upstream says about a failure.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErrorBody {
    /// For a person.
    pub message: Option<String>,
    /// `type`, such as `invalid_request_error`.
    pub kind: Option<String>,
    /// The parameter at fault.
    pub param: Option<String>,
    /// The code; a number is given as text.
    pub code: Option<String>,
}

impl ErrorBody {
    /// Reads `body`: `{"error": {…}}`, `{"error": "…"}`, the same fields without `error`, `{"detail": "…"}`, or plain text.
    ///
    /// What can't be read is empty; a page of HTML gives no message.
    pub fn parse(body: &[u8]) -> Self {
        let parsed = serde_json::from_slice::<RawAnswer>(body).map(RawAnswer::into_body);
        parsed.unwrap_or_else(|_| Self {
            message: plain(body),
            ..Self::default()
        })
    }

    /// Whether money or a spending limit is exhausted: no repeat can cure it, though the status is 429 as for throttling.
    pub fn is_out_of_quota(&self) -> bool {
        let listed = |text: &Option<String>| {
            text.as_deref()
                .is_some_and(|text| QUOTA_CODES.contains(&text))
        };
        listed(&self.code) || listed(&self.kind)
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawAnswer {
    error: Option<RawError>,
    message: Loose,
    #[serde(rename = "type")]
    kind: Loose,
    param: Loose,
    code: Loose,
    detail: Loose,
}

impl RawAnswer {
    fn into_body(self) -> ErrorBody {
        if let Some(error) = self.error {
            return error.into_body();
        }
        let message = Loose(self.message.0.or(self.detail.0));
        RawError {
            message,
            kind: self.kind,
            param: self.param,
            code: self.code,
        }
        .into_body()
    }
}

/// The value of `error`: an object, or a bare text.
#[derive(Debug, Default)]
pub(crate) struct RawError {
    message: Loose,
    kind: Loose,
    param: Loose,
    code: Loose,
}

impl RawError {
    /// An error whose fields stand among those of an event; its type there is the event's.
    pub(crate) fn new(message: Loose, code: Loose, param: Loose) -> Self {
        Self {
            message,
            kind: Loose::default(),
            param,
            code,
        }
    }

    pub(crate) fn into_body(self) -> ErrorBody {
        ErrorBody {
            message: self.message.0.map(shorten),
            kind: self.kind.0,
            param: self.param.0,
            code: self.code.0,
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawErrorObject {
    message: Loose,
    #[serde(rename = "type")]
    kind: Loose,
    param: Loose,
    code: Loose,
}

impl<'de> Deserialize<'de> for RawError {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawErrorVisitor)
    }
}

struct RawErrorVisitor;

impl<'de> Visitor<'de> for RawErrorVisitor {
    type Value = RawError;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an error object or text")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<RawError, E> {
        Ok(RawError {
            message: Loose(Some(text.to_owned())),
            ..RawError::default()
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<RawError, A::Error> {
        let object = RawErrorObject::deserialize(MapAccessDeserializer::new(members))?;
        Ok(RawError {
            message: object.message,
            kind: object.kind,
            param: object.param,
            code: object.code,
        })
    }
}

fn plain(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(&body[..body.len().min(MESSAGE_BYTES_MAX)]);
    let text = text.trim();
    let worth_showing = !text.is_empty() && !text.starts_with(['<', '{', '[']);
    worth_showing.then(|| shorten(text.to_owned()))
}

fn shorten(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(MESSAGE_BYTES_MAX));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        body: &str,
        message: Option<&str>,
        kind: Option<&str>,
        param: Option<&str>,
        code: Option<&str>,
    ) {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let expected = ErrorBody {
            message: owned(message),
            kind: owned(kind),
            param: owned(param),
            code: owned(code),
        };
        assert_eq!(ErrorBody::parse(body.as_bytes()), expected, "{body}");
    }

    #[test]
    fn every_known_shape_is_read() {
        check(
            r#"{"error":{"message":"No such model","type":"invalid_request_error","param":"model","code":"model_not_found"}}"#,
            Some("No such model"),
            Some("invalid_request_error"),
            Some("model"),
            Some("model_not_found"),
        );
        check(
            r#"{"error":{"message":"m","type":null,"param":null,"code":null,"misalignment":{"a":1}}}"#,
            Some("m"),
            None,
            None,
            None,
        );
        check(
            r#"{"error":{"code":400,"message":"too long","type":"exceed"}}"#,
            Some("too long"),
            Some("exceed"),
            None,
            Some("400"),
        );
        check(
            r#"{"error":"model is loading"}"#,
            Some("model is loading"),
            None,
            None,
            None,
        );
        check(
            r#"{"object":"error","message":"m","type":"BadRequest","param":null,"code":400}"#,
            Some("m"),
            Some("BadRequest"),
            None,
            Some("400"),
        );
        check(
            r#"{"detail":"Not Found"}"#,
            Some("Not Found"),
            None,
            None,
            None,
        );
        check(
            r#"{"detail":[{"loc":["body"],"msg":"m"}]}"#,
            None,
            None,
            None,
            None,
        );
        check(
            "404 page not found\n",
            Some("404 page not found"),
            None,
            None,
            None,
        );
        check(
            "<html><body>Bad gateway</body></html>",
            None,
            None,
            None,
            None,
        );
        check(r#"{"error":{"message":"cut"#, None, None, None, None);
        check(r#"{"error":null}"#, None, None, None, None);
        check("", None, None, None, None);
    }

    #[test]
    fn a_message_is_cut_at_a_character_border() {
        let long = "\u{1f600}".repeat(MESSAGE_BYTES_MAX);
        for body in [
            format!("{{\"error\":{{\"message\":\"x{long}\"}}}}"),
            format!("x{long}"),
        ] {
            let message = ErrorBody::parse(body.as_bytes()).message.unwrap();
            assert!(
                (MESSAGE_BYTES_MAX - 8..=MESSAGE_BYTES_MAX).contains(&message.len()),
                "{}",
                message.len()
            );
        }
    }

    #[test]
    fn no_money_is_told_from_too_fast() {
        for code in QUOTA_CODES {
            assert!(
                ErrorBody {
                    code: Some(code.to_owned()),
                    ..ErrorBody::default()
                }
                .is_out_of_quota()
            );
        }
        assert!(ErrorBody::parse(br#"{"error":{"type":"insufficient_quota"}}"#).is_out_of_quota());
        assert!(
            !ErrorBody::parse(br#"{"error":{"type":"requests","code":"rate_limit_exceeded"}}"#)
                .is_out_of_quota()
        );
    }
}
