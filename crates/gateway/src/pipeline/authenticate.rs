//! Step 1: virtual key → caller.
//!
//! Invariants: whatever was presented is kept out of the logs by the guard that the caller of this module holds; it is copied nowhere else.
//! Does not know: bodies.

use http::HeaderMap;
use http::header::AUTHORIZATION;
use privacy::LiveSecret;

use crate::request::Caller;
use crate::shared::Shared;
use crate::status::Refusal;

/// Verifies the bearer key and its right to `endpoint`; `None` where any key will do.
pub(crate) fn authenticate(
    shared: &Shared,
    headers: &HeaderMap,
    endpoint: Option<&str>,
) -> Result<Caller, Refusal> {
    let presented = bearer(headers).ok_or(Refusal::KeyMissing)?;
    let key = shared
        .keyring
        .verify(presented, (shared.wall)())
        .map_err(Refusal::KeyDenied)?;
    if let Some(endpoint) = endpoint {
        key.may_call(endpoint).map_err(Refusal::KeyDenied)?;
    }
    Ok(Caller { key })
}

/// Keeps what was presented out of the logs and of our own answers until the guard is dropped.
pub(crate) fn keep_out(shared: &Shared, headers: &HeaderMap) -> Option<LiveSecret> {
    Some(shared.scrubber.keep_out_while(bearer(headers)?))
}

/// Where other clients present their key: Azure's, and some that speak to several providers.
const OTHER_HEADERS: [&str; 2] = ["api-key", "x-api-key"];

/// The key in `Authorization: Bearer KEY`, or in one of the other headers; `None` where there is none or it is no text.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    if !headers.contains_key(AUTHORIZATION) {
        let value = OTHER_HEADERS.iter().find_map(|name| headers.get(*name))?;
        return value
            .to_str()
            .ok()
            .map(str::trim)
            .filter(|key| !key.is_empty());
    }
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    let key = key.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !key.is_empty()).then_some(key)
}
