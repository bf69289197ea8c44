//! Names, codes and places in a sequence: values that no sum depends on, so that any value is taken.
//!
//! Invariants: reading never fails on valid JSON; a name is borrowed where it is a string without escapes.
//! Does not know: which field it reads.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::Seconds;

/// A string or number as text; anything else, and empty text, is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Name<'text>(pub(crate) Option<Cow<'text, str>>);

/// The same, owned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Loose(pub(crate) Option<String>);

/// A whole number from 0; anything else is absent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Ordinal(pub(crate) Option<u64>);

/// A length of time in seconds, as a number or as text; anything else is absent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Lasting(pub(crate) Option<Seconds>);

enum Scalar<'text> {
    Text(Cow<'text, str>),
    Whole(u64),
    Negative(i64),
    Fraction(f64),
    Other,
}

impl<'de: 'text, 'text> Deserialize<'de> for Name<'text> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = match deserializer.deserialize_any(ScalarVisitor)? {
            Scalar::Text(text) => Some(text).filter(|text| !text.is_empty()),
            Scalar::Whole(number) => Some(number.to_string().into()),
            Scalar::Negative(number) => Some(number.to_string().into()),
            Scalar::Fraction(number) => Some(number.to_string().into()),
            Scalar::Other => None,
        };
        Ok(Self(name))
    }
}

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Name::deserialize(deserializer).map(|name| Self(name.0.map(Cow::into_owned)))
    }
}

impl<'de> Deserialize<'de> for Ordinal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let scalar = deserializer.deserialize_any(ScalarVisitor)?;
        Ok(Self(match scalar {
            Scalar::Whole(number) => Some(number),
            _ => None,
        }))
    }
}

impl<'de> Deserialize<'de> for Lasting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seconds = match deserializer.deserialize_any(ScalarVisitor)? {
            Scalar::Whole(seconds) => Some(seconds as f64),
            Scalar::Fraction(seconds) => Some(seconds),
            Scalar::Text(text) => text.parse().ok(),
            Scalar::Negative(_) | Scalar::Other => None,
        };
        Ok(Self(seconds.and_then(Seconds::new)))
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Whole(number))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Negative(number))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Fraction(number))
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Other)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Scalar<'de>, A::Error> {
        while values.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Scalar<'de>, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, name: Option<&str>, ordinal: Option<u64>) {
        assert_eq!(
            serde_json::from_str::<Name<'_>>(text).unwrap().0.as_deref(),
            name,
            "{text}"
        );
        assert_eq!(
            serde_json::from_str::<Loose>(text).unwrap().0.as_deref(),
            name,
            "{text}"
        );
        assert_eq!(
            serde_json::from_str::<Ordinal>(text).unwrap().0,
            ordinal,
            "{text}"
        );
    }

    #[test]
    fn every_value_is_taken() {
        check("\"a\"", Some("a"), None);
        check("\"\\u0061\"", Some("a"), None);
        check("\"7\"", Some("7"), None);
        check("\"\"", None, None);
        check("400", Some("400"), Some(400));
        check("-1", Some("-1"), None);
        check("0.5", Some("0.5"), None);
        check("null", None, None);
        check("true", None, None);
        check("[1,[2]]", None, None);
        check("{\"a\":{}}", None, None);
    }

    #[test]
    fn a_length_of_time_is_read_from_a_number_or_text() {
        for (text, milliseconds) in [
            ("9", Some(9000)),
            ("8.47", Some(8470)),
            ("\"8.470000267028809\"", Some(8470)),
            ("\"long\"", None),
            ("\"-1\"", None),
            ("\"NaN\"", None),
            ("-1", None),
            ("null", None),
            ("[9]", None),
        ] {
            let Lasting(seconds) = serde_json::from_str(text).unwrap();
            assert_eq!(seconds.map(Seconds::milliseconds), milliseconds, "{text}");
        }
    }

    #[test]
    fn a_name_without_escapes_is_borrowed() {
        let name: Name<'_> = serde_json::from_str("\"item_1\"").unwrap();
        assert!(matches!(name.0, Some(Cow::Borrowed("item_1"))));
    }
}
