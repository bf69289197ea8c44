//! Amounts of money as a person writes them in a settings file: `100.0`, `0.01`, `none`.
//!
//! Invariants: digits and at most one point; no sign, no exponent, no rounding; what passes fits pico-USD in 64 bits.
//! Does not know: arithmetic; whoever uses an amount reads its text exactly.

/// The word for "no amount".
pub(crate) const NONE: &str = "none";
/// A pico-USD is the twelfth decimal.
const DECIMALS_MAX: usize = 12;
/// In whole USD: 64 bits of pico-USD end above nine million.
const WHOLE_USD_MAX: u64 = 9_000_000;

/// Whether the text is an amount, or the word for none.
pub(crate) fn is_amount(text: &str) -> bool {
    if text == NONE {
        return true;
    }
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    digits(whole)
        && digits(decimals)
        && decimals.len() <= DECIMALS_MAX
        && whole
            .parse::<u64>()
            .is_ok_and(|whole| whole < WHOLE_USD_MAX)
}

#[cfg(test)]
mod tests {
    use super::is_amount;

    #[test]
    fn plain_decimals_are_amounts_and_nothing_else() {
        for text in ["0", "100.0", "0.01", "0.000000000001", "8999999.5", "none"] {
            assert!(is_amount(text), "{text}");
        }
        for text in [
            "",
            ".",
            "1.",
            ".5",
            "-1",
            "+1",
            "1e3",
            "1,5",
            "0x1",
            "9000000",
            "0.0000000000001",
            " 1",
            "None",
            "99999999999999999999999",
        ] {
            assert!(!is_amount(text), "{text}");
        }
    }
}
