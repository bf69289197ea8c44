//! Members whose value is an object.
//!
//! Invariants: an array is never read as an object, its values by position, which a derived reader alone would do.
//! Does not know: what stands in the object.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// An object, or `null`; anything else is an error. For what a charge depends on.
#[derive(Debug)]
pub(crate) struct Member<T>(pub(crate) Option<T>);

/// An object; anything else is absent. For what other versions of the API may use otherwise.
#[derive(Debug)]
pub(crate) struct Lax<T>(pub(crate) Option<T>);

impl<T> Default for Member<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Default for Lax<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Member<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = deserializer.deserialize_any(ObjectVisitor(PhantomData))?;
        match value {
            Value::Object(object) => Ok(Self(Some(object))),
            Value::Null => Ok(Self(None)),
            Value::Other => Err(de::Error::custom("an object is expected")),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Lax<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = deserializer.deserialize_any(ObjectVisitor(PhantomData))?;
        Ok(Self(match value {
            Value::Object(object) => Some(object),
            Value::Null | Value::Other => None,
        }))
    }
}

enum Value<T> {
    Object(T),
    Null,
    Other,
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Value<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Value<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(members)).map(Value::Object)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value<T>, E> {
        Ok(Value::Null)
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<Value<T>, E> {
        Ok(Value::Other)
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Value<T>, E> {
        Ok(Value::Other)
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Value<T>, E> {
        Ok(Value::Other)
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Value<T>, E> {
        Ok(Value::Other)
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Value<T>, E> {
        Ok(Value::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Value<T>, A::Error> {
        while values.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, Deserialize)]
    #[serde(default)]
    struct Pair {
        left: u64,
    }

    #[test]
    fn only_an_object_is_an_object() {
        let left = |text: &str| {
            let lax: Lax<Pair> = serde_json::from_str(text).unwrap();
            let member = serde_json::from_str::<Member<Pair>>(text);
            (
                lax.0.map(|pair| pair.left),
                member.ok().map(|member| member.0.map(|pair| pair.left)),
            )
        };
        assert_eq!(left("{\"left\":7,\"x\":[]}"), (Some(7), Some(Some(7))));
        assert_eq!(left("{}"), (Some(0), Some(Some(0))));
        assert_eq!(left("null"), (None, Some(None)));
        for other in ["[7]", "7", "-7", "0.5", "true", "\"7\""] {
            assert_eq!(left(other), (None, None), "{other}");
        }
    }

    #[test]
    fn what_stands_twice_is_refused_in_both() {
        let twice = "{\"left\":7,\"left\":8}";
        assert!(serde_json::from_str::<Lax<Pair>>(twice).is_err());
        assert!(serde_json::from_str::<Member<Pair>>(twice).is_err());
    }
}
