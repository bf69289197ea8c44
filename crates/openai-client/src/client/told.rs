//! What the headers of an answer tell a Rust caller: the request's id, and from keyward its cost and whether it came from the cache.
//!
//! Invariants: money is exact; a cost that can't be held exactly is absent, not rounded.
//! Does not know: how a cost is made up.

use std::fmt;

use http::HeaderMap;
use serde::Deserialize;

/// The exact cost of one call, as keyward tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cost {
    /// In pico-USD, 1e-12 USD.
    pub pico_usd: i128,
}

const PICO_DIGITS: usize = 12;

impl Cost {
    /// Reads a decimal number of USD without exponent, such as `0.0000016`; `None` where it is none, or finer than a pico-USD.
    pub fn from_usd(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || fraction.len() > PICO_DIGITS {
            return None;
        }
        format!("{whole}{fraction:0<PICO_DIGITS$}")
            .parse()
            .ok()
            .map(|pico_usd| Self { pico_usd })
    }
}

impl fmt::Display for Cost {
    /// USD as an exact decimal without trailing zeros.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.pico_usd < 0 { "-" } else { "" };
        let one = 10_u128.pow(12);
        let (whole, pico) = (
            self.pico_usd.unsigned_abs() / one,
            self.pico_usd.unsigned_abs() % one,
        );
        let fraction = format!(".{pico:0PICO_DIGITS$}");
        write!(
            formatter,
            "{sign}{whole}{}",
            fraction.trim_end_matches('0').trim_end_matches('.')
        )
    }
}

/// What the headers tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) request_id: Option<String>,
    pub(super) cost: Option<Cost>,
    pub(super) cached: bool,
}

/// What keyward adds to the event that tells the usage of a stream.
#[derive(Debug, Deserialize, Default)]
#[serde(default)]
pub(super) struct RawKeyward {
    cost_usd: Option<String>,
}

impl Told {
    /// Takes the cost from an event, if it is there.
    pub(super) fn take_cost(&mut self, keyward: Option<RawKeyward>) {
        let cost = keyward.and_then(|keyward| Cost::from_usd(&keyward.cost_usd?));
        self.cost = cost.or(self.cost);
    }

    pub(super) fn read(headers: &HeaderMap) -> Self {
        let text = |name: &str| {
            headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .map(str::trim)
        };
        Self {
            request_id: text("x-request-id").map(str::to_owned),
            cost: text("x-keyward-cost-usd").and_then(Cost::from_usd),
            cached: text("x-keyward-cache").is_some_and(|text| text.eq_ignore_ascii_case("hit")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_is_exact_both_ways() {
        for (text, pico_usd) in [
            ("0", 0),
            ("0.0000016", 1_600_000),
            ("0.000000000001", 1),
            ("100.0", 100_000_000_000_000),
            (
                "12345678901234567890.5",
                12_345_678_901_234_567_890_500_000_000_000,
            ),
        ] {
            let cost = Cost::from_usd(text).unwrap();
            assert_eq!(cost.pico_usd, pico_usd, "{text}");
            assert_eq!(Cost::from_usd(&cost.to_string()), Some(cost), "{text}");
        }
        assert_eq!(
            Cost {
                pico_usd: 1_600_000
            }
            .to_string(),
            "0.0000016"
        );
        assert_eq!(
            Cost {
                pico_usd: -1_500_000_000_000
            }
            .to_string(),
            "-1.5"
        );
        assert_eq!(
            Cost {
                pico_usd: 100_000_000_000_000
            }
            .to_string(),
            "100"
        );
        for text in [
            "",
            ".",
            "1.",
            ".5",
            "-1",
            "+1",
            "1e-6",
            "0.0000000000001",
            "1,5",
            "9".repeat(40).as_str(),
        ] {
            assert_eq!(Cost::from_usd(text), None, "{text}");
        }
    }
}
