//! Reads the members of one JSON object without building a tree, and edits it by splices.
//!
//! Invariants: names are compared decoded; a name that stands twice is refused, because two readers could take different ones;
//! every value is a slice of the input, so an edit leaves all other bytes as they came.
//! Does not know: which members matter, HTTP, money.
//! Source: RFC 8259, sections 4 and 7.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The most members one object may have.
pub(crate) const MEMBERS_MAX: usize = 256;

/// One JSON object: its members in order, values as they stand in the input.
#[derive(Debug)]
pub(crate) struct Object<'input> {
    members: Vec<(Cow<'input, str>, &'input RawValue)>,
}

impl<'input> Object<'input> {
    /// Reads `text`, which must be exactly one object.
    ///
    /// Errors: what is wrong and where, in serde_json's words; never a piece of the input.
    pub(crate) fn read(text: &'input [u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(text)
    }

    /// The value of `name`; a member that is `null` counts as absent.
    pub(crate) fn get(&self, name: &str) -> Option<&'input RawValue> {
        self.members
            .iter()
            .find(|(member, _)| member == name)
            .map(|(_, value)| *value)
            .filter(|value| value.get() != "null")
    }

    /// All members, in the order of the input.
    pub(crate) fn members(&self) -> impl Iterator<Item = (&str, &'input RawValue)> {
        self.members
            .iter()
            .map(|(name, value)| (name.as_ref(), *value))
    }

    /// The value of `name` even where it is `null`.
    pub(crate) fn get_even_null(&self, name: &str) -> Option<&'input RawValue> {
        self.members
            .iter()
            .find(|(member, _)| member == name)
            .map(|(_, value)| *value)
    }

    /// True for `{}`.
    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor)
    }
}

#[derive(Deserialize)]
struct Name<'name>(#[serde(borrow)] Cow<'name, str>);

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
        let mut members: Vec<(Cow<'de, str>, &'de RawValue)> = Vec::with_capacity(12);
        while let Some(Name(name)) = map.next_key()? {
            if members.iter().any(|(known, _)| *known == name) {
                return Err(de::Error::custom(
                    "a member name stands twice in one object",
                ));
            }
            if members.len() == MEMBERS_MAX {
                return Err(de::Error::custom(format_args!(
                    "more than {MEMBERS_MAX} members in one object"
                )));
            }
            members.push((name, map.next_value()?));
        }
        Ok(Object { members })
    }
}

/// Where `part` stands in `whole`; `part` must be a slice of it.
pub(crate) fn range_in(whole: &[u8], part: &[u8]) -> Range<usize> {
    let start = (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize);
    debug_assert!(
        start + part.len() <= whole.len(),
        "the part is not a slice of the whole"
    );
    start..start + part.len()
}

/// `text` with `range` replaced by `by`.
pub(crate) fn splice(text: &[u8], range: Range<usize>, by: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(text.len() - range.len() + by.len());
    out.put_slice(&text[..range.start]);
    out.put_slice(by);
    out.put_slice(&text[range.end..]);
    out.freeze()
}

/// `text`, which is one object, with `member` (such as `"a":1`) added at its end; `None` where `text` has no closing brace.
pub(crate) fn add_member(text: &[u8], is_empty: bool, member: &str) -> Option<Bytes> {
    let close = memchr::memrchr(b'}', text)?;
    let comma = if is_empty { "" } else { "," };
    Some(splice(
        text,
        close..close,
        format!("{comma}{member}").as_bytes(),
    ))
}

/// The range of the member whose value is `value`, its name and one comma included, so that cutting it leaves a valid object.
///
/// Shape: `value` is a slice of `text`, as [`Object::get_even_null`] gives it.
pub(crate) fn member_range(text: &[u8], value: &[u8]) -> Option<Range<usize>> {
    let value = range_in(text, value);
    let colon = memchr::memrchr(b':', &text[..value.start])?;
    let name_end = memchr::memrchr(b'"', &text[..colon])?;
    let name_start = opening_quote(text, name_end)?;
    let before = text[..name_start]
        .iter()
        .rposition(|byte| !byte.is_ascii_whitespace())?;
    if text[before] == b',' {
        return Some(before..value.end);
    }
    let after = value.end
        + text[value.end..]
            .iter()
            .position(|byte| !byte.is_ascii_whitespace())?;
    let end = if text[after] == b',' {
        after + 1
    } else {
        value.end
    };
    Some(name_start..end)
}

/// The quote that opens the string which closes at `close`: the nearest one before it that no odd run of backslashes escapes.
fn opening_quote(text: &[u8], close: usize) -> Option<usize> {
    let mut end = close;
    loop {
        let quote = memchr::memrchr(b'"', &text[..end])?;
        let escapes = text[..quote]
            .iter()
            .rev()
            .take_while(|byte| **byte == b'\\')
            .count();
        if escapes % 2 == 0 {
            return Some(quote);
        }
        end = quote;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_cut(text: &str, name: &str, left: &str) {
        let object = Object::read(text.as_bytes()).unwrap();
        let value = object.get_even_null(name).unwrap();
        let range = member_range(text.as_bytes(), value.get().as_bytes()).unwrap();
        let cut = splice(text.as_bytes(), range, b"");
        assert_eq!(std::str::from_utf8(&cut).unwrap(), left);
        assert!(Object::read(&cut).unwrap().get_even_null(name).is_none());
    }

    #[test]
    fn a_member_is_cut_with_one_comma_wherever_it_stands() {
        check_cut(r#"{"usage":null}"#, "usage", "{}");
        check_cut(r#"{"a":1,"usage":null}"#, "usage", r#"{"a":1}"#);
        check_cut(r#"{"usage":null,"a":1}"#, "usage", r#"{"a":1}"#);
        check_cut(
            r#"{ "a" : 1 , "usage" : null , "b" : 2 }"#,
            "usage",
            r#"{ "a" : 1  , "b" : 2 }"#,
        );
        check_cut(
            r#"{"q\"":":","us\u0061ge":{"x":"}"},"b":2}"#,
            "usage",
            r#"{"q\"":":","b":2}"#,
        );
    }

    #[test]
    fn a_name_that_stands_twice_is_refused_however_it_is_spelled() {
        for text in [
            r#"{"model":"a","model":"b"}"#,
            r#"{"model":"a","mod\u0065l":"b"}"#,
        ] {
            let error = Object::read(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains("stands twice"), "{error}");
        }
    }

    #[test]
    fn lone_surrogates_garbage_and_too_many_members_are_refused() {
        assert!(Object::read(br#"{"\ud800":1}"#).is_err());
        assert!(Object::read(br#"{"a":1} x"#).is_err());
        assert!(Object::read(b"[1]").is_err());
        assert!(Object::read(b"{\"a\":\"\xff\"}").is_err());
        let many = (0..=MEMBERS_MAX)
            .map(|number| format!("\"m{number}\":1"))
            .collect::<Vec<_>>()
            .join(",");
        assert!(
            Object::read(format!("{{{many}}}").as_bytes())
                .unwrap_err()
                .to_string()
                .contains("more than 256")
        );
    }

    #[test]
    fn members_are_added_to_empty_and_filled_objects() {
        assert_eq!(add_member(b"{}", true, "\"a\":1").unwrap(), "{\"a\":1}");
        assert_eq!(
            add_member(b"{\"b\":2 } ", false, "\"a\":1").unwrap(),
            "{\"b\":2 ,\"a\":1} "
        );
        assert!(add_member(b"", true, "\"a\":1").is_none());
    }

    proptest::proptest! {
        #[test]
        fn cutting_a_member_leaves_the_others_as_they_were(names in proptest::collection::btree_set("[a-z\"\\\\:{},é]{1,6}", 1..6), picked in 0usize..6) {
            let members: Vec<String> = names.iter().map(|name| format!("{}: [\"{}\",{{}}]", serde_json::to_string(name).unwrap(), "x,:}")).collect();
            let text = format!("{{{}}}", members.join(", "));
            let object = Object::read(text.as_bytes()).unwrap();
            let name = names.iter().nth(picked % names.len()).unwrap();
            let range = member_range(text.as_bytes(), object.get_even_null(name).unwrap().get().as_bytes()).unwrap();
            let cut = splice(text.as_bytes(), range, b"");
            let left = Object::read(&cut).unwrap();
            proptest::prop_assert!(left.get_even_null(name).is_none());
            proptest::prop_assert_eq!(left.members().count(), names.len() - 1);
        }
    }
}
