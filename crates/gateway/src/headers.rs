//! Which headers pass, in each direction. Both are lists of what is allowed; all else stays behind.
//!
//! Invariants: nothing that authenticates a caller reaches the upstream; nothing that names the upstream's organisation, project,
//! cookies or limits reaches a caller.
//! Does not know: routes.

use std::time::Duration;

use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use openai_client::Upstream;
use resilience::Allowance;

use crate::status::SHOULD_RETRY;

/// keyward's own request id, with which `GET /v1/keyward/calls/{id}` finds the call.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The id that the upstream gave to the attempt.
pub(crate) const UPSTREAM_REQUEST_ID: HeaderName =
    HeaderName::from_static("x-keyward-upstream-request-id");
/// What the cache did: `hit`, `miss` or `off`.
pub(crate) const CACHE: HeaderName = HeaderName::from_static("x-keyward-cache");
/// The upstream that answered.
pub(crate) const ROUTE: HeaderName = HeaderName::from_static("x-keyward-route");
/// Milliseconds that keyward itself added.
pub(crate) const OVERHEAD_MS: HeaderName = HeaderName::from_static("x-keyward-overhead-ms");
/// The exact cost in USD, on whole bodies.
pub(crate) const COST_USD: HeaderName = HeaderName::from_static("x-keyward-cost-usd");
/// The most tokens out that keyward set for each choice, where the caller set no maximum.
pub(crate) const OUTPUT_CAP: HeaderName = HeaderName::from_static("x-keyward-output-cap");
/// Names the end user, where the settings say so.
pub(crate) const END_USER: HeaderName = HeaderName::from_static("x-keyward-end-user");
/// Says that the built-in simulator answered.
pub(crate) const SIMULATOR: HeaderName = HeaderName::from_static("x-keyward-simulator");

const LIMIT_REQUESTS: HeaderName = HeaderName::from_static("x-ratelimit-limit-requests");
const REMAINING_REQUESTS: HeaderName = HeaderName::from_static("x-ratelimit-remaining-requests");
const RESET_REQUESTS: HeaderName = HeaderName::from_static("x-ratelimit-reset-requests");
/// Asks the upstream for a version of a feature; part of what a call is.
pub(crate) const OPENAI_BETA: HeaderName = HeaderName::from_static("openai-beta");
const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");

/// What a caller's request passes on.
const TO_UPSTREAM: [HeaderName; 3] = [ACCEPT, CONTENT_TYPE, OPENAI_BETA];

/// What an upstream's answer passes back.
const TO_CALLER: [HeaderName; 6] = [
    CONTENT_TYPE,
    HeaderName::from_static("openai-processing-ms"),
    HeaderName::from_static("openai-version"),
    RETRY_AFTER,
    RETRY_AFTER_MS,
    SHOULD_RETRY,
];

/// Room for what a call is sent with: these and the client's own.
const UPSTREAM_HEADERS: usize = 6;
/// Room for what an answer is sent with: these and ours.
const CALLER_HEADERS: usize = 14;

/// The headers of an attempt. The client adds authorization, host and length itself.
pub(crate) fn to_upstream(caller: &HeaderMap) -> HeaderMap {
    pick(caller, &TO_UPSTREAM, UPSTREAM_HEADERS)
}

/// The headers of an answer that come from the upstream; one in which its key stands stays behind.
pub(crate) fn to_caller(answer: &HeaderMap, upstream: &Upstream) -> HeaderMap {
    let mut headers = pick(answer, &TO_CALLER, CALLER_HEADERS);
    if let Some(id) = answer.get(&REQUEST_ID) {
        headers.insert(UPSTREAM_REQUEST_ID, id.clone());
    }
    let echoes = |value: &HeaderValue| upstream.key_stands_in(value.as_bytes());
    if headers.values().any(echoes) {
        headers.clear();
    }
    headers
}

fn pick(from: &HeaderMap, names: &[HeaderName], capacity: usize) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(capacity);
    for name in names {
        if let Some(value) = from.get(name) {
            headers.insert(name.clone(), value.clone());
        }
    }
    headers
}

/// The limits of the caller's key, in OpenAI's form.
pub(crate) fn write_allowance(headers: &mut HeaderMap, allowance: &Allowance) {
    headers.insert(LIMIT_REQUESTS, HeaderValue::from(allowance.limit));
    headers.insert(REMAINING_REQUESTS, HeaderValue::from(allowance.remaining));
    write_text(
        headers,
        RESET_REQUESTS,
        &duration_text(allowance.reset_after),
    );
}

/// A header whose value is text of ours; text that is no header value is left out.
pub(crate) fn write_text(headers: &mut HeaderMap, name: HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(name, value);
    }
}

/// A duration as OpenAI writes it: `120ms`, `1.5s`, `6m0s`, `1h2m3s`.
fn duration_text(duration: Duration) -> String {
    let millis = duration.as_millis();
    let (hours, minutes) = (millis / 3_600_000, millis / 60_000 % 60);
    let seconds = format!("{}.{:03}", millis / 1000 % 60, millis % 1000);
    let seconds = seconds.trim_end_matches('0').trim_end_matches('.');
    match (hours, minutes) {
        (0, 0) if millis < 1000 => format!("{millis}ms"),
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}m{seconds}s"),
        _ => format!("{hours}h{minutes}m{seconds}s"),
    }
}

/// What a caller says of caches in `Cache-Control`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CacheWish {
    /// Do not answer from the cache.
    pub(crate) no_cache: bool,
    /// Do not keep the answer, nor answer from the cache.
    pub(crate) no_store: bool,
}

impl CacheWish {
    /// Reads `Cache-Control`.
    pub(crate) fn read(headers: &HeaderMap) -> Self {
        let mut wish = Self::default();
        for value in headers.get_all(CACHE_CONTROL) {
            for word in value.to_str().unwrap_or_default().split(',') {
                wish.no_cache |= word.trim().eq_ignore_ascii_case("no-cache");
                wish.no_store |= word.trim().eq_ignore_ascii_case("no-store");
            }
        }
        wish
    }
}

/// True for a status whose body may be passed on as it is once it is scrubbed.
pub(crate) fn is_callers_business(status: StatusCode) -> bool {
    !status.is_redirection()
        && status != StatusCode::UNAUTHORIZED
        && status != StatusCode::FORBIDDEN
        && status != StatusCode::PROXY_AUTHENTICATION_REQUIRED
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_openai_writes_them() {
        for (millis, text) in [
            (0, "0ms"),
            (120, "120ms"),
            (1000, "1s"),
            (1500, "1.5s"),
            (360_000, "6m0s"),
            (3_723_004, "1h2m3.004s"),
            (60_010, "1m0.01s"),
        ] {
            assert_eq!(duration_text(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn what_authenticates_a_caller_stays_here_and_what_names_the_upstream_stays_there() {
        let mut caller = HeaderMap::new();
        for name in [
            "authorization",
            "api-key",
            "x-api-key",
            "cookie",
            "openai-organization",
            "openai-project",
            "connection",
            "transfer-encoding",
            "host",
            "x-forwarded-for",
        ] {
            caller.insert(
                HeaderName::from_static(name),
                HeaderValue::from_static("mark"),
            );
        }
        assert!(to_upstream(&caller).is_empty());
        let mut upstream = HeaderMap::new();
        for name in [
            "set-cookie",
            "openai-organization",
            "openai-project",
            "x-ratelimit-limit-requests",
            "connection",
            "transfer-encoding",
            "content-length",
        ] {
            upstream.insert(
                HeaderName::from_static(name),
                HeaderValue::from_static("mark"),
            );
        }
        assert!(pick(&upstream, &TO_CALLER, CALLER_HEADERS).is_empty());
    }

    #[test]
    fn cache_control_is_read_in_any_spelling() {
        let mut headers = HeaderMap::new();
        headers.append(
            CACHE_CONTROL,
            HeaderValue::from_static("max-age=0, No-Cache"),
        );
        assert_eq!(
            CacheWish::read(&headers),
            CacheWish {
                no_cache: true,
                no_store: false
            }
        );
        headers.append(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        assert_eq!(
            CacheWish::read(&headers),
            CacheWish {
                no_cache: true,
                no_store: true
            }
        );
    }
}
