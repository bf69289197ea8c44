//! Step 1: virtual key → caller.
//!
//! Invariants: the presented key is in the scrubber's live set for as long as its request lasts; it is never copied elsewhere.
//! Does not know: bodies.

use std::sync::Arc;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use privacy::LiveSecret;

use crate::request::Caller;
use crate::shared::Shared;
use crate::status::Refusal;

/// A caller, and what keeps its key out of the logs while the request lasts.
pub(crate) struct Authenticated {
    pub(crate) caller: Caller,
    pub(crate) live: LiveSecret,
}

/// Verifies the bearer key and its right to `endpoint`; `None` where any key will do.
pub(crate) fn authenticate(
    shared: &Shared,
    headers: &HeaderMap,
    endpoint: Option<&str>,
) -> Result<Authenticated, Refusal> {
    let presented = bearer(headers).ok_or(Refusal::KeyMissing)?;
    let live = shared.scrubber.keep_out_while(presented);
    let key = shared
        .keyring
        .verify(presented, (shared.wall)())
        .map_err(Refusal::KeyDenied)?;
    if let Some(endpoint) = endpoint {
        key.may_call(endpoint).map_err(Refusal::KeyDenied)?;
    }
    Ok(Authenticated {
        caller: Caller {
            key: Arc::clone(&key),
        },
        live,
    })
}

/// The key in `Authorization: Bearer KEY`; `None` where there is none or it is no text.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    let key = key.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !key.is_empty()).then_some(key)
}
