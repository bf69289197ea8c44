//! OpenAI's error body, and the refusals that the simulator itself gives.
//!
//! Invariants: a refusal never repeats a whole key; every body has `message`, `type`, `param` and `code`.
//! Does not know: scripts, bills.
//! Source: OpenAI error codes guide; the error object of the API reference.

use http::StatusCode;
use serde_json::{Value, json};

/// An answer that is an error.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) message: String,
    pub(crate) kind: &'static str,
    pub(crate) param: Option<&'static str>,
    pub(crate) code: Option<&'static str>,
}

const INVALID_REQUEST: &str = "invalid_request_error";

impl Refusal {
    pub(crate) fn invalid(
        message: impl Into<String>,
        param: Option<&'static str>,
        code: Option<&'static str>,
    ) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            message: message.into(),
            kind: INVALID_REQUEST,
            param,
            code,
        }
    }

    fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    pub(crate) fn missing(parameter: &'static str) -> Self {
        let message = format!("Missing required parameter: '{parameter}'.");
        Self::invalid(message, Some(parameter), Some("missing_required_parameter"))
    }

    pub(crate) fn wrong_type(parameter: &'static str, wanted: &str, got: &Value) -> Self {
        let got = match got {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "an array",
            Value::Object(_) => "an object",
        };
        let message =
            format!("Invalid type for '{parameter}': expected {wanted}, but got {got} instead.");
        Self::invalid(message, Some(parameter), Some("invalid_type"))
    }

    pub(crate) fn unparsable_body() -> Self {
        Self::invalid(
            "The body of the request could not be parsed as a JSON object. Check its syntax and its content type.",
            None,
            None,
        )
    }

    pub(crate) fn unparsable_form() -> Self {
        Self::invalid(
            "The body of the request could not be parsed as multipart/form-data. Check its content type and boundary.",
            None,
            None,
        )
    }

    pub(crate) fn body_too_large(bytes_max: usize) -> Self {
        let message = format!("The body of the request is larger than {bytes_max} bytes.");
        Self::invalid(message, None, None).with_status(StatusCode::PAYLOAD_TOO_LARGE)
    }

    pub(crate) fn no_key() -> Self {
        let message = "You didn't provide an API key. Send it in an Authorization header, as in `Authorization: Bearer YOUR_KEY`.";
        Self::invalid(message, None, None).with_status(StatusCode::UNAUTHORIZED)
    }

    /// Names the key by its ends only, and only if that leaves most of it out.
    pub(crate) fn wrong_key(presented: &str) -> Self {
        let letters: Vec<char> = presented.chars().collect();
        let shown = if letters.len() >= 24 {
            let ends = (
                letters[..4].iter().collect::<String>(),
                letters[letters.len() - 4..].iter().collect::<String>(),
            );
            format!("{}{}{}", ends.0, "*".repeat(12), ends.1)
        } else {
            "*".repeat(letters.len().min(24))
        };
        let message = format!(
            "Incorrect API key provided: {shown}. Keys are made and listed on your account's API keys page."
        );
        Self::invalid(message, None, Some("invalid_api_key")).with_status(StatusCode::UNAUTHORIZED)
    }

    pub(crate) fn unknown_model(model: &str) -> Self {
        let message =
            format!("The model `{model}` does not exist or you do not have access to it.");
        Self::invalid(message, None, Some("model_not_found")).with_status(StatusCode::NOT_FOUND)
    }

    pub(crate) fn not_for(model: &str, route: &str) -> Self {
        let message = format!("The model `{model}` can't be used with the {route} endpoint.");
        Self::invalid(message, Some("model"), None).with_status(StatusCode::NOT_FOUND)
    }

    /// A thing that earlier calls left behind, or not: `Response`, `File`.
    pub(crate) fn not_found(what: &str, id: &str) -> Self {
        let message = format!("{what} with id '{id}' not found.");
        Self::invalid(message, None, None).with_status(StatusCode::NOT_FOUND)
    }

    pub(crate) fn no_previous(id: &str) -> Self {
        let message = format!("Previous response with id '{id}' not found.");
        Self::invalid(
            message,
            Some("previous_response_id"),
            Some("previous_response_not_found"),
        )
    }

    pub(crate) fn unknown_url(method: &str, path: &str) -> Self {
        let message = format!("Invalid URL ({method} {path})");
        Self::invalid(message, None, Some("unknown_url")).with_status(StatusCode::NOT_FOUND)
    }

    pub(crate) fn wrong_method(method: &str, path: &str) -> Self {
        let message = format!("Not allowed to {method} on {path}.");
        Self::invalid(message, None, Some("method_not_supported"))
            .with_status(StatusCode::METHOD_NOT_ALLOWED)
    }

    pub(crate) fn context_too_long(tokens_max: u64, tokens: u64, parameter: &'static str) -> Self {
        let message = format!(
            "This model's maximum context length is {tokens_max} tokens. However, your {parameter} resulted in {tokens} tokens. \
             Please reduce their length."
        );
        Self::invalid(message, Some(parameter), Some("context_length_exceeded"))
    }

    pub(crate) fn unsupported(parameter: &'static str, remedy: &str) -> Self {
        let message = format!(
            "Unsupported parameter: '{parameter}' is not supported with this model.{remedy}"
        );
        Self::invalid(message, Some(parameter), Some("unsupported_parameter"))
    }

    pub(crate) fn not_in_cassette(message: String) -> Self {
        Self::invalid(message, None, Some("not_in_cassette"))
            .with_status(StatusCode::NOT_IMPLEMENTED)
    }

    pub(crate) fn body(&self) -> Value {
        error_body(
            &self.message,
            self.kind,
            &json!(self.param),
            &json!(self.code),
        )
    }
}

/// OpenAI's error object.
pub(crate) fn error_body(message: &str, kind: &str, param: &Value, code: &Value) -> Value {
    json!({"error": {"message": message, "type": kind, "param": param, "code": code}})
}

/// What the API says with `status` when a script says no more: message, type, code.
pub(crate) fn usual_words(
    status: StatusCode,
) -> (&'static str, &'static str, Option<&'static str>) {
    match status.as_u16() {
        401 => (
            "Incorrect API key provided.",
            INVALID_REQUEST,
            Some("invalid_api_key"),
        ),
        403 => (
            "You are not allowed to do this.",
            INVALID_REQUEST,
            Some("permission_denied"),
        ),
        404 => (
            "The model does not exist or you do not have access to it.",
            INVALID_REQUEST,
            Some("model_not_found"),
        ),
        429 => (
            "Rate limit reached. Please try again later.",
            "requests",
            Some("rate_limit_exceeded"),
        ),
        503 => (
            "The engine is currently overloaded, please try again later.",
            "service_unavailable_error",
            Some("server_is_overloaded"),
        ),
        500..=599 => (
            "The server had an error while processing your request.",
            "server_error",
            None,
        ),
        _ => ("The request was refused.", INVALID_REQUEST, None),
    }
}

#[cfg(test)]
mod tests {
    use super::Refusal;

    #[test]
    fn a_wrong_key_is_never_repeated_whole() {
        for length in [8, 23, 24, 51, 160] {
            let key: String = "abcdefghij".chars().cycle().take(length).collect();
            let message = Refusal::wrong_key(&key).message;
            assert!(!message.contains(&key), "{message}");
            assert!(!message.contains("abcdef"), "{message}");
        }
    }
}
