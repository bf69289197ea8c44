//! The headers of answers: those of OpenAI's API, and keyward's when they are asked for.
//!
//! Invariants: every answer has a request id; only answers that cost something tell rate limits.
//! Does not know: bodies, scripts.
//! Source: OpenAI API reference, "Debugging requests" and "Rate limits in headers".

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::hash::{hexadecimal, uuid};
use crate::plan::Charge;

const REQUESTS_PER_MINUTE: u64 = 10_000;
const TOKENS_PER_MINUTE: u64 = 2_000_000;

pub(crate) const JSON: &str = "application/json";
/// Errors name the character set, other answers do not.
pub(crate) const ERROR_JSON: &str = "application/json; charset=utf-8";
/// What a proxy says its own errors are.
pub(crate) const PAGE: &str = "text/html";
pub(crate) const EVENTS: &str = "text/event-stream; charset=utf-8";

/// What the headers tell of an answer.
pub(crate) struct Told<'a> {
    pub(crate) seed: u64,
    pub(crate) content_type: &'static str,
    pub(crate) charge: Option<&'a Charge>,
    /// Whether keyward's own headers are wanted.
    pub(crate) keyward: bool,
    /// Whether the cost is known when the headers leave.
    pub(crate) whole: bool,
    pub(crate) cache_hit: bool,
}

pub(crate) fn write(told: &Told<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    put(&mut headers, "content-type", told.content_type.to_owned());
    let id = if told.keyward {
        uuid(told.seed)
    } else {
        format!("req_{}", hexadecimal(told.seed))
    };
    put(&mut headers, "x-request-id", id);
    put(
        &mut headers,
        "access-control-expose-headers",
        "X-Request-ID".to_owned(),
    );
    put(&mut headers, "openai-version", "2020-10-01".to_owned());
    let Some(charge) = told.charge else {
        return headers;
    };
    put(
        &mut headers,
        "openai-processing-ms",
        (5 + charge.output).to_string(),
    );
    put(
        &mut headers,
        "openai-organization",
        "simulated-organization".to_owned(),
    );
    put(&mut headers, "openai-project", "proj_simulated".to_owned());
    limits(&mut headers, charge.input);
    if told.keyward {
        put(
            &mut headers,
            "x-keyward-cache",
            if told.cache_hit { "hit" } else { "miss" }.to_owned(),
        );
        if told.whole {
            put(
                &mut headers,
                "x-keyward-cost-usd",
                decimal_usd(if told.cache_hit { 0 } else { charge.pico_usd }),
            );
        }
    }
    headers
}

fn limits(headers: &mut HeaderMap, input_tokens: u64) {
    let spent = input_tokens.min(TOKENS_PER_MINUTE);
    // Milliseconds until the spent tokens are back; as OpenAI, rounded up and never zero.
    let reset_ms = (spent * 60_000).div_ceil(TOKENS_PER_MINUTE).max(1);
    put(
        headers,
        "x-ratelimit-limit-requests",
        REQUESTS_PER_MINUTE.to_string(),
    );
    put(
        headers,
        "x-ratelimit-limit-tokens",
        TOKENS_PER_MINUTE.to_string(),
    );
    put(
        headers,
        "x-ratelimit-remaining-requests",
        (REQUESTS_PER_MINUTE - 1).to_string(),
    );
    put(
        headers,
        "x-ratelimit-remaining-tokens",
        (TOKENS_PER_MINUTE - spent).to_string(),
    );
    put(headers, "x-ratelimit-reset-requests", "6ms".to_owned());
    put(headers, "x-ratelimit-reset-tokens", format!("{reset_ms}ms"));
}

fn put(headers: &mut HeaderMap, name: &'static str, value: String) {
    // What is written here is plain ASCII, so the conversion does not fail.
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

/// Pico-USD as an exact decimal number of dollars without trailing zeros.
fn decimal_usd(pico_usd: u64) -> String {
    const PICO: u64 = 1_000_000_000_000;
    let decimal = format!("{}.{:012}", pico_usd / PICO, pico_usd % PICO);
    decimal
        .trim_end_matches('0')
        .trim_end_matches('.')
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::decimal_usd;

    #[test]
    fn money_is_exact() {
        for (pico_usd, expected) in [
            (0, "0"),
            (1, "0.000000000001"),
            (1_600_000, "0.0000016"),
            (2_000_000_000_000, "2"),
            (10_500_000_000_000, "10.5"),
        ] {
            assert_eq!(decimal_usd(pico_usd), expected);
        }
    }
}
