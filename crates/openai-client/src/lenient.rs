//! Readers of single JSON values that accept what real servers send, and nothing that would hide a charge.
//!
//! Invariants: a count that cannot be read is an error, never 0; text is borrowed where it has no escapes; no error message holds a
//! piece of the input.
//! Does not know: which field it reads.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

pub(crate) use member::{Lax, Member};
pub(crate) use scalar::{Lasting, Loose, Name, Ordinal};

mod member;
mod scalar;

/// The largest token count that is believed: 10^15. Sums of a few of them stay far inside every integer we use.
pub(crate) const COUNT_MAX: u64 = 1_000_000_000_000_000;

/// A string, borrowed where it has no escapes.
///
/// A type of its own, because serde borrows a `Cow` in a field but not a `Cow` in an `Option`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Text<'text>(#[serde(borrow)] pub(crate) Cow<'text, str>);

impl<'text> Text<'text> {
    /// The text; an empty one counts as absent, as some gateways send `"model": ""`.
    pub(crate) fn filled(text: Option<Self>) -> Option<Cow<'text, str>> {
        text.map(|text| text.0).filter(|text| !text.is_empty())
    }
}

/// A token count: a whole number of at most [`COUNT_MAX`], also written as `12.0`; `null` is 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Count(pub(crate) u64);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CountVisitor)
    }
}

struct CountVisitor;

impl Visitor<'_> for CountVisitor {
    type Value = Count;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a token count")
    }

    fn visit_u64<E: de::Error>(self, count: u64) -> Result<Count, E> {
        if count > COUNT_MAX {
            Err(E::custom("a token count is too large"))
        } else {
            Ok(Count(count))
        }
    }

    fn visit_i64<E: de::Error>(self, count: i64) -> Result<Count, E> {
        let count = u64::try_from(count).map_err(|_| E::custom("a token count is negative"))?;
        self.visit_u64(count)
    }

    fn visit_f64<E: de::Error>(self, count: f64) -> Result<Count, E> {
        if !(0.0..=COUNT_MAX as f64).contains(&count) || count.fract() != 0.0 {
            return Err(E::custom("a token count is not a whole number"));
        }
        self.visit_u64(count as u64)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Count, E> {
        Ok(Count(0))
    }
}

/// A length of time in seconds, whole or not, of at most [`COUNT_MAX`] milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seconds {
    milliseconds: u64,
}

impl Seconds {
    /// `None` where it is negative, not a number, or too long.
    fn new(seconds: f64) -> Option<Self> {
        if !(0.0..=COUNT_MAX as f64 / 1e3).contains(&seconds) {
            return None;
        }
        // To the microsecond first: 12.345 has no exact binary form and would gain a millisecond.
        let microseconds = (seconds * 1e6).round() as u64;
        let milliseconds = microseconds.div_ceil(1000);
        Some(Self { milliseconds })
    }

    /// Rounded up.
    pub(crate) fn milliseconds(self) -> u64 {
        self.milliseconds
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seconds = f64::deserialize(deserializer)?;
        Self::new(seconds).ok_or_else(|| de::Error::custom("a length of time is out of range"))
    }
}

/// The UTF-8 bytes of all strings in a value, decoded; names of members are not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TextBytes(pub(crate) usize);

impl<'de> Deserialize<'de> for TextBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextBytesVisitor)
    }
}

struct TextBytesVisitor;

impl<'de> Visitor<'de> for TextBytesVisitor {
    type Value = TextBytes;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<TextBytes, E> {
        Ok(TextBytes(text.len()))
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<TextBytes, E> {
        Ok(TextBytes(0))
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<TextBytes, E> {
        Ok(TextBytes(0))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<TextBytes, E> {
        Ok(TextBytes(0))
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<TextBytes, E> {
        Ok(TextBytes(0))
    }

    fn visit_unit<E: de::Error>(self) -> Result<TextBytes, E> {
        Ok(TextBytes(0))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<TextBytes, A::Error> {
        let mut bytes = 0;
        while let Some(TextBytes(more)) = values.next_element()? {
            bytes += more;
        }
        Ok(TextBytes(bytes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<TextBytes, A::Error> {
        let mut bytes = 0;
        while let Some((IgnoredAny, TextBytes(more))) = members.next_entry()? {
            bytes += more;
        }
        Ok(TextBytes(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_read_or_refused_never_guessed() {
        for (text, count) in [
            ("0", 0),
            ("17", 17),
            ("12.0", 12),
            ("1e3", 1000),
            ("null", 0),
            ("1000000000000000", COUNT_MAX),
        ] {
            assert_eq!(
                serde_json::from_str::<Count>(text).unwrap().0,
                count,
                "{text}"
            );
        }
        for text in [
            "-1",
            "1.5",
            "\"12\"",
            "true",
            "[]",
            "{}",
            "1000000000000001",
            "1e300",
            "-0.5",
            "99999999999999999999",
        ] {
            assert!(serde_json::from_str::<Count>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_length_of_time_is_rounded_up_to_the_millisecond() {
        for (text, milliseconds) in [
            ("0", 0),
            ("9", 9000),
            ("12.345", 12_345),
            ("0.0011", 2),
            ("1e3", 1_000_000),
        ] {
            let seconds = serde_json::from_str::<Seconds>(text).unwrap();
            assert_eq!(seconds.milliseconds(), milliseconds, "{text}");
        }
        for text in ["-1", "\"9\"", "null", "1e300", "[]"] {
            assert!(serde_json::from_str::<Seconds>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn text_bytes_are_those_of_the_decoded_strings() {
        for (text, bytes) in [
            ("\"abc\"", 3),
            ("\"\\u00e9\\n\"", 3),
            ("null", 0),
            ("[\"a\",{\"n\":\"bc\",\"m\":1.5}]", 3),
            ("-3", 0),
        ] {
            assert_eq!(
                serde_json::from_str::<TextBytes>(text).unwrap().0,
                bytes,
                "{text}"
            );
        }
    }

    #[test]
    fn text_without_escapes_is_borrowed() {
        let text = serde_json::from_str::<Option<Text<'_>>>("\"gpt\"")
            .unwrap()
            .unwrap();
        assert!(matches!(text.0, Cow::Borrowed("gpt")));
    }
}
