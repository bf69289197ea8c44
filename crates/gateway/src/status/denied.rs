//! What a caller is told whose virtual key may not do what it asks.
//!
//! Invariants: no message holds a key; each says what to do.
//! Does not know: how a key is verified.

use access::Denied;
use http::StatusCode;

use super::{Form, caller};

pub(super) fn form(denied: &Denied) -> Form {
    use StatusCode as Status;
    match denied {
        Denied::Malformed | Denied::Unknown => caller(Status::UNAUTHORIZED, "invalid_api_key"),
        Denied::Expired { .. } => caller(Status::UNAUTHORIZED, "expired_api_key"),
        Denied::Revoked { .. } => caller(Status::UNAUTHORIZED, "revoked_api_key"),
        Denied::EndpointNotAllowed { .. } => caller(Status::FORBIDDEN, "endpoint_not_allowed"),
        Denied::ModelNotAllowed { .. } => caller(Status::FORBIDDEN, "model_not_allowed"),
    }
}

pub(super) fn message(denied: &Denied) -> String {
    match denied {
        Denied::Malformed => "The key presented is not whole: it is mistyped or cut. Copy it again; a virtual key begins with `kw-`.".to_owned(),
        Denied::Unknown => "The key presented is not known here. Use a virtual key of this keyward (`keyward keys list` shows their ids), not an OpenAI key.".to_owned(),
        Denied::Expired { at } => format!("The key presented expired at {at}. Ask for a new one."),
        Denied::Revoked { at } => format!("The key presented was revoked at {at}. Ask for a new one."),
        Denied::EndpointNotAllowed { endpoint, allowed } => format!("This key may not call `{endpoint}`. It may call: {}.", allowed.join(", ")),
        Denied::ModelNotAllowed { model, allowed } => format!("This key may not use model `{model}`. It may use: {}.", allowed.join(", ")),
    }
}
