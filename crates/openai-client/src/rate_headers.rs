//! What an upstream's headers say about its limits and about trying again.
//!
//! Invariants: no wait is longer than [`RETRY_AFTER_MAX`]; what can't be read is absent; no clock is asked.
//! Does not know: whether a repeat is safe.
//! Source: OpenAI API, rate limits; RFC 9110, section 10.2.3; the retry headers that OpenAI's own clients obey.

use std::time::Duration;

use http::{HeaderMap, header};
use jiff::{SignedDuration, Timestamp, fmt::rfc2822};

/// The longest wait that is reported: one day. A longer one comes to the same: not now.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Limits and advice from one answer's headers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RateHeaders {
    /// Requests a minute (or day), of the whole upstream key.
    pub requests: Limit,
    /// Tokens a minute, of the whole upstream key.
    pub tokens: Limit,
    /// How long to wait before trying again.
    pub retry_after: Option<Duration>,
    /// What the upstream says about trying again; it outranks a rule made from the status.
    pub should_retry: Option<bool>,
}

/// One limit as the headers tell it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limit {
    /// How much is allowed; -1, which some servers send, is absent.
    pub limit: Option<u64>,
    /// How much of it is left.
    pub remaining: Option<u64>,
    /// How long until it is whole again.
    pub reset: Option<Duration>,
}

impl RateHeaders {
    /// Reads the headers of an answer.
    ///
    /// Shape: `retry-after-ms` outranks `retry-after`, which is seconds (also with a fraction) or a date. A date counts from the
    /// answer's own `date` header, so that no clock is needed and the two clocks need not agree; without that header it is absent.
    pub fn read(headers: &HeaderMap) -> Self {
        Self {
            requests: Limit {
                limit: number(headers, "x-ratelimit-limit-requests"),
                remaining: number(headers, "x-ratelimit-remaining-requests"),
                reset: text(headers, "x-ratelimit-reset-requests").and_then(duration),
            },
            tokens: Limit {
                limit: number(headers, "x-ratelimit-limit-tokens"),
                remaining: number(headers, "x-ratelimit-remaining-tokens"),
                reset: text(headers, "x-ratelimit-reset-tokens").and_then(duration),
            },
            retry_after: retry_after(headers),
            should_retry: text(headers, "x-should-retry")
                .and_then(|text| text.to_ascii_lowercase().parse().ok()),
        }
    }
}

fn text<'headers>(headers: &'headers HeaderMap, name: &'static str) -> Option<&'headers str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

fn number(headers: &HeaderMap, name: &'static str) -> Option<u64> {
    text(headers, name)?.parse().ok()
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    if let Some(wait) = text(headers, "retry-after-ms").and_then(|text| seconds(text, 1000.0)) {
        return Some(wait);
    }
    let wait = text(headers, header::RETRY_AFTER.as_str())?;
    seconds(wait, 1.0).or_else(|| {
        let answered = date(text(headers, header::DATE.as_str())?)?;
        let wait = date(wait)?.duration_since(answered);
        Some(
            Duration::try_from(wait)
                .unwrap_or(Duration::ZERO)
                .min(RETRY_AFTER_MAX),
        )
    })
}

/// A number in units of which `per_second` make a second. Infinite and huge ones are the longest wait; negative ones are none.
fn seconds(text: &str, per_second: f64) -> Option<Duration> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| *seconds >= 0.0)? / per_second;
    Some(
        Duration::try_from_secs_f64(seconds)
            .unwrap_or(RETRY_AFTER_MAX)
            .min(RETRY_AFTER_MAX),
    )
}

fn date(text: &str) -> Option<Timestamp> {
    rfc2822::parse(text).ok().map(|date| date.timestamp())
}

/// A duration such as `120ms`, `6m0s` or `1h2m3.5s`; a bare number is seconds.
fn duration(text: &str) -> Option<Duration> {
    if let Some(bare) = seconds(text, 1.0) {
        return Some(bare);
    }
    let signed: SignedDuration = text.parse().ok()?;
    Duration::try_from(signed)
        .ok()
        .map(|duration| duration.min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect()
    }

    fn check_wait(pairs: &[(&'static str, &str)], expected: Option<f64>) {
        let wait = RateHeaders::read(&headers(pairs)).retry_after;
        assert_eq!(wait, expected.map(Duration::from_secs_f64), "{pairs:?}");
    }

    #[test]
    fn a_wait_is_read_in_every_form_and_never_exceeds_the_maximum() {
        let day = Some(86_400.0);
        check_wait(&[], None);
        check_wait(&[("retry-after", "3")], Some(3.0));
        check_wait(&[("retry-after", "0.25")], Some(0.25));
        check_wait(
            &[("retry-after", "3"), ("retry-after-ms", "1500.5")],
            Some(1.5005),
        );
        check_wait(
            &[("retry-after", "3"), ("retry-after-ms", "soon")],
            Some(3.0),
        );
        for (text, expected) in [
            ("inf", day),
            ("1e300", day),
            ("999999999999", day),
            ("-1", None),
            ("NaN", None),
            ("soon", None),
        ] {
            check_wait(&[("retry-after", text)], expected);
        }
        let date = ("date", "Sun, 22 Nov 2026 10:00:00 GMT");
        check_wait(
            &[("retry-after", "Sun, 22 Nov 2026 10:01:30 GMT"), date],
            Some(90.0),
        );
        check_wait(
            &[("retry-after", "Sun, 22 Nov 2026 09:00:00 GMT"), date],
            Some(0.0),
        );
        check_wait(
            &[("retry-after", "Sun, 22 Nov 2099 09:00:00 GMT"), date],
            day,
        );
        check_wait(&[("retry-after", "Sun, 22 Nov 2026 10:01:30 GMT")], None);
    }

    #[test]
    fn limits_are_read_with_their_odd_durations() {
        for (reset, expected) in [
            ("120ms", 0.12),
            ("6m0s", 360.0),
            ("1h2m3.5s", 3723.5),
            ("0s", 0.0),
            ("17", 17.0),
            ("1.5s", 1.5),
        ] {
            let read = RateHeaders::read(&headers(&[
                ("x-ratelimit-limit-tokens", "30000"),
                ("x-ratelimit-remaining-tokens", "29000"),
                ("x-ratelimit-reset-tokens", reset),
                ("x-ratelimit-limit-requests", "-1"),
                ("x-ratelimit-reset-requests", "later"),
            ]));
            let tokens = Limit {
                limit: Some(30_000),
                remaining: Some(29_000),
                reset: Some(Duration::from_secs_f64(expected)),
            };
            assert_eq!(
                (read.tokens, read.requests),
                (tokens, Limit::default()),
                "{reset}"
            );
        }
    }

    #[test]
    fn advice_on_trying_again_is_read_both_ways() {
        for (text, expected) in [
            ("true", Some(true)),
            ("False", Some(false)),
            ("perhaps", None),
        ] {
            assert_eq!(
                RateHeaders::read(&headers(&[("x-should-retry", text)])).should_retry,
                expected
            );
        }
    }
}
