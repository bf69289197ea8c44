//! Reads and writes exact decimal text over integers: `"0.15"` with six places is `150_000`.
//!
//! Invariants: nothing is rounded; what does not fit the places or the integer is refused; text that was written is
//! read back as the same integer.
//! Does not know: currencies, prices, floats.

/// Why a text is not an exact decimal of the wanted places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecimalError {
    /// Not digits with at most one point, e.g. empty, `1e-6`, `1,000` or `$2`.
    #[error("not a plain decimal number such as \"0.15\"")]
    Malformed,
    /// More digits after the point than the unit has.
    #[error("finer than {places} digits after the point")]
    TooFine {
        /// Digits after the point that the unit has.
        places: u32,
    },
    /// Larger than the integer behind the unit.
    #[error("too large to be counted exactly")]
    TooLarge,
}

/// Reads `[-]digits[.digits]` as an integer of `10^-places`.
///
/// Shape: digits on both sides of a point, if there is one; no plus sign, exponent, separators or spaces. Zeros past
/// `places` carry nothing and are allowed.
/// Errors: [`DecimalError`].
pub(crate) fn read(text: &str, places: u32) -> Result<i128, DecimalError> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = match digits.split_once('.') {
        Some((_, "")) => return Err(DecimalError::Malformed),
        Some(parts) => parts,
        None => (digits, ""),
    };
    let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !plain(whole) || !plain(fraction) {
        return Err(DecimalError::Malformed);
    }
    let fraction = fraction.trim_end_matches('0');
    let padding = usize::try_from(places)
        .ok()
        .and_then(|places| places.checked_sub(fraction.len()))
        .ok_or(DecimalError::TooFine { places })?;
    let sign = if negative { -1 } else { 1 };
    // Built up with the sign from the first digit, so that the lowest integer, which has no positive twin, is read too.
    let mut value: i128 = 0;
    for byte in whole
        .bytes()
        .chain(fraction.bytes())
        .chain(std::iter::repeat_n(b'0', padding))
    {
        let digit = sign * i128::from(byte - b'0');
        value = value
            .checked_mul(10)
            .and_then(|tens| tens.checked_add(digit))
            .ok_or(DecimalError::TooLarge)?;
    }
    Ok(value)
}

/// Writes an integer of `10^-places` without exponent, trailing zeros or a bare point.
pub(crate) fn write(
    formatter: &mut std::fmt::Formatter<'_>,
    value: i128,
    places: u32,
) -> std::fmt::Result {
    let unit = 10_u128.pow(places);
    let magnitude = value.unsigned_abs();
    let mut text = (magnitude / unit).to_string();
    let fraction = magnitude % unit;
    if fraction != 0 {
        let width = usize::try_from(places).unwrap_or(usize::MAX);
        text.push('.');
        text.push_str(format!("{fraction:0width$}").trim_end_matches('0'));
    }
    formatter.pad_integral(value >= 0, "", &text)
}

#[cfg(test)]
mod tests {
    use super::{DecimalError, read};

    fn check(text: &str, places: u32, expected: Result<i128, DecimalError>) {
        assert_eq!(
            read(text, places),
            expected,
            "{text:?} with {places} places"
        );
    }

    #[test]
    fn digits_are_read_exactly() {
        check("0", 6, Ok(0));
        check("0.15", 6, Ok(150_000));
        check("4", 6, Ok(4_000_000));
        check("-2.5", 1, Ok(-25));
        check("007.10", 1, Ok(71));
        check("1.000000000", 2, Ok(100));
    }

    #[test]
    fn whatever_is_not_a_plain_decimal_is_refused() {
        for text in [
            "", "-", ".", ".5", "5.", "1e-6", "1,000", "$2", " 1", "1 ", "+1", "1.2.3", "--1", "٣",
            "NaN", "0x1", "1_000",
        ] {
            check(text, 6, Err(DecimalError::Malformed));
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_not_rounded() {
        check("0.0000001", 6, Err(DecimalError::TooFine { places: 6 }));
        check(
            "999999999999999999999999999999999999999",
            6,
            Err(DecimalError::TooLarge),
        );
        check("-170141183460469231731687303715884105728", 0, Ok(i128::MIN));
        check(
            "170141183460469231731687303715884105728",
            0,
            Err(DecimalError::TooLarge),
        );
    }
}
