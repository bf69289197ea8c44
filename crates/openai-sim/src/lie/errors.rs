//! Errors in the shapes of other servers.
//!
//! Invariants: what is no error stays as it is; the message stays.
//! Does not know: why there is an error.
//! Source: error bodies of FastAPI, llama.cpp and of proxies, as seen.

use http::StatusCode;
use serde_json::{Value, json};

use super::twist::Twist;

/// What a proxy in front of an API says.
pub(super) const PAGE: &str =
    "<html><head><title>Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>";

pub(super) fn twist(value: &mut Value, twist: Twist, status: StatusCode) {
    let Some(error) = value.get_mut("error").filter(|error| error.is_object()) else {
        return;
    };
    let message = error.get("message").cloned().unwrap_or_default();
    match twist {
        Twist::ErrorText => *error = message,
        Twist::ErrorDetail => *value = json!({"detail": message}),
        Twist::ErrorCodeNumber => error["code"] = json!(status.as_u16()),
        Twist::ErrorTypeMissing => {
            if let Some(fields) = error.as_object_mut() {
                fields.remove("type");
            }
        }
        _ => {}
    }
}
