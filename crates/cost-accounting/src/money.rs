//! Money, exact to the pico-dollar.
//!
//! Invariants: an integer of 1e-12 USD; decimal text in and out without rounding; arithmetic is checked.
//! Does not know: prices, tokens, floats.

use std::fmt;
use std::iter::Sum;
use std::str::FromStr;

use crate::decimal::{self, DecimalError};

/// Digits after the point of a US dollar in pico-USD.
const PICO_PLACES: u32 = 12;

/// Pico-USD, 1e-12 USD. Never a float.
///
/// One token at 0.000001 USD per million tokens costs 1 pico-USD, so every price this crate accepts gives a whole number of them.
/// Negative sums exist: an adjustment that lowers an earlier charge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PicoUsd(i128);

impl PicoUsd {
    /// Nothing.
    pub const ZERO: PicoUsd = PicoUsd(0);

    /// Takes an integer of pico-USD.
    #[must_use]
    pub const fn from_pico(pico: i128) -> PicoUsd {
        PicoUsd(pico)
    }

    /// The integer of pico-USD.
    #[must_use]
    pub const fn pico(self) -> i128 {
        self.0
    }

    /// Reads US dollars from exact decimal text such as `"0.0000016"`.
    ///
    /// Errors: [`DecimalError`] for an exponent, a separator, a currency sign, or more than twelve digits after the point.
    pub fn from_usd(text: &str) -> Result<PicoUsd, DecimalError> {
        decimal::read(text, PICO_PLACES).map(PicoUsd)
    }

    /// The sum, or `None` past 1.7e26 USD.
    #[must_use]
    pub fn checked_add(self, other: PicoUsd) -> Option<PicoUsd> {
        self.0.checked_add(other.0).map(PicoUsd)
    }

    /// The difference, or `None` past 1.7e26 USD.
    #[must_use]
    pub fn checked_sub(self, other: PicoUsd) -> Option<PicoUsd> {
        self.0.checked_sub(other.0).map(PicoUsd)
    }

    /// The sum times a whole number (e.g. choices), or `None` past 1.7e26 USD.
    #[must_use]
    pub fn checked_mul(self, times: u64) -> Option<PicoUsd> {
        self.0.checked_mul(i128::from(times)).map(PicoUsd)
    }
}

impl fmt::Display for PicoUsd {
    /// Exact decimal US dollars, without exponent, trailing zeros or a currency sign: `0.0000016`, `4`, `0`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        decimal::write(formatter, self.0, PICO_PLACES)
    }
}

impl FromStr for PicoUsd {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<PicoUsd, DecimalError> {
        PicoUsd::from_usd(text)
    }
}

impl Sum for PicoUsd {
    /// Adds up; stops at the largest sum (1.7e26 USD) instead of wrapping, which no real ledger reaches.
    fn sum<I: Iterator<Item = PicoUsd>>(sums: I) -> PicoUsd {
        sums.fold(PicoUsd::ZERO, |total, sum| {
            PicoUsd(total.0.saturating_add(sum.0))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::PicoUsd;

    fn check(text: &str, pico: i128) {
        let money = PicoUsd::from_usd(text).unwrap();
        assert_eq!(money, PicoUsd::from_pico(pico));
        assert_eq!(money.to_string(), text);
    }

    #[test]
    fn dollars_are_written_as_they_are_read() {
        check("0", 0);
        check("0.0000016", 1_600_000);
        check("0.000000000001", 1);
        check("-0.5", -500_000_000_000);
        check("12345", 12_345_000_000_000_000);
        check("170141183460469231731687303.715884105727", i128::MAX);
        check("-170141183460469231731687303.715884105728", i128::MIN);
    }

    #[test]
    fn width_pads_for_tables() {
        assert_eq!(
            format!(
                "{:>8}|{:<6}|",
                PicoUsd::from_pico(-500_000_000_000),
                PicoUsd::ZERO
            ),
            "    -0.5|0     |"
        );
    }

    #[test]
    fn arithmetic_does_not_wrap() {
        let most = PicoUsd::from_pico(i128::MAX);
        let one = PicoUsd::from_pico(1);
        assert_eq!(most.checked_add(one), None);
        assert_eq!(PicoUsd::from_pico(i128::MIN).checked_sub(one), None);
        assert_eq!(most.checked_mul(2), None);
        assert_eq!([most, one].into_iter().sum::<PicoUsd>(), most);
        assert_eq!(
            [one, one, one].into_iter().sum::<PicoUsd>(),
            PicoUsd::from_pico(3)
        );
    }
}
