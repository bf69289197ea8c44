//! Dollars as the suite counts them: exact, and by an arithmetic of its own, since it checks keyward's.
//!
//! Invariants: an integer of pico-dollars; reading what was shown gives the same amount back.
//! Does not know: prices, tokens.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Mul};
use std::str::FromStr;

/// Pico-dollars in a dollar, and their digits.
const PICO: i128 = 1_000_000_000_000;
const PICO_DIGITS: usize = 12;

/// An amount that is never negative: 1e-12 USD.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Usd(i128);

impl Usd {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// So many pico-dollars.
    pub const fn from_pico(pico: i128) -> Self {
        Self(pico)
    }

    /// The pico-dollars.
    pub const fn pico(self) -> i128 {
        self.0
    }
}

/// Text that is no amount: decimal USD without sign or exponent, at most twelve digits after the point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoAmount(String);

impl fmt::Display for NoAmount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}` is no amount in USD, as in 0.05", self.0)
    }
}

impl std::error::Error for NoAmount {}

impl FromStr for Usd {
    type Err = NoAmount;

    fn from_str(text: &str) -> Result<Self, NoAmount> {
        let wrong = || NoAmount(text.to_owned());
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let digits =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(part) || part.len() > PICO_DIGITS {
            return Err(wrong());
        }
        let whole: i128 = whole.parse().map_err(|_| wrong())?;
        let part: i128 = format!("{part:0<PICO_DIGITS$}")
            .parse()
            .map_err(|_| wrong())?;
        let pico = whole
            .checked_mul(PICO)
            .and_then(|whole| whole.checked_add(part));
        pico.map(Self).ok_or_else(wrong)
    }
}

impl fmt::Display for Usd {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / PICO, self.0 % PICO);
        let text = format!("{whole}.{part:012}");
        formatter.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl Add for Usd {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl AddAssign for Usd {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl Mul<u64> for Usd {
    type Output = Self;
    fn mul(self, times: u64) -> Self {
        Self(self.0 * i128::from(times))
    }
}

impl Sum for Usd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::Usd;
    use proptest::prelude::proptest;

    #[test]
    fn amounts_read_as_people_write_them() {
        let check =
            |text: &str, pico: i128| assert_eq!(text.parse(), Ok(Usd::from_pico(pico)), "{text}");
        check("0.05", 50_000_000_000);
        check("3", 3_000_000_000_000);
        check("0.000000000001", 1);
        for wrong in ["", ".5", "5.", "-1", "1e-3", "0.0000000000001", "1,5", " 1"] {
            assert!(wrong.parse::<Usd>().is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(pico in 0_i128..1_000_000_000_000_000_000) {
            let amount = Usd::from_pico(pico);
            assert_eq!(amount.to_string().parse(), Ok(amount));
        }
    }
}
