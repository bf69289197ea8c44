//! Writes members into a body, one splice for all of them.
//!
//! Invariants: a member that has a value is never changed; all other bytes stay as they came.
//! Does not know: what the members mean.

use std::borrow::Cow;
use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};

use crate::object::{Object, range_in};

/// A member to write: its name, which needs no escapes, and its value as JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Edit {
    pub(crate) name: &'static str,
    pub(crate) value: Cow<'static, str>,
}

impl Edit {
    /// `body` with the members that it lacks: where one is `null`, its value is replaced; else it is added at the end.
    ///
    /// Shape: `None` where `body` is not one JSON object.
    pub(crate) fn apply(edits: &[Edit], body: &Bytes) -> Option<Bytes> {
        let object = Object::read(body).ok()?;
        let mut replaced: Vec<(Range<usize>, &str)> = Vec::new();
        let mut added = String::new();
        for edit in edits {
            match object.get_even_null(edit.name) {
                Some(value) if value.get() == "null" => {
                    replaced.push((range_in(body, value.get().as_bytes()), &edit.value));
                }
                Some(_) => {}
                None => {
                    let comma = if object.is_empty() && added.is_empty() {
                        ""
                    } else {
                        ","
                    };
                    added.push_str(&format!("{comma}\"{}\":{}", edit.name, edit.value));
                }
            }
        }
        let close = memchr::memrchr(b'}', body)?;
        replaced.push((close..close, &added));
        replaced.sort_by_key(|(range, _)| range.start);
        let extra: usize = replaced.iter().map(|(_, text)| text.len()).sum();
        let mut out = BytesMut::with_capacity(body.len() + extra);
        let mut from = 0;
        for (range, text) in replaced {
            out.put_slice(&body[from..range.start]);
            out.put_slice(text.as_bytes());
            from = range.end;
        }
        out.put_slice(&body[from..]);
        Some(out.freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &'static str, expected: &str) {
        let edits = [("service_tier", "\"default\""), ("max_tokens", "7")].map(|(name, value)| {
            let value = value.into();
            Edit { name, value }
        });
        let edited = Edit::apply(&edits, &Bytes::from_static(body.as_bytes())).unwrap();
        assert_eq!(edited, expected.as_bytes());
        assert_eq!(
            Edit::apply(&edits, &edited).unwrap(),
            edited,
            "a second time"
        );
    }

    #[test]
    fn members_are_added_or_take_the_place_of_null_and_nothing_else_changes() {
        check("{}", r#"{"service_tier":"default","max_tokens":7}"#);
        check(
            "{ \"a\" : [1, {\"service_tier\":null}] }\n",
            "{ \"a\" : [1, {\"service_tier\":null}] ,\"service_tier\":\"default\",\"max_tokens\":7}\n",
        );
        check(
            r#"{"max_tokens": null,"b":"}","service_tier":"flex"}"#,
            r#"{"max_tokens": 7,"b":"}","service_tier":"flex"}"#,
        );
        check(
            r#"{"service_tier":null ,"max_tokens":0}"#,
            r#"{"service_tier":"default" ,"max_tokens":0}"#,
        );
    }

    #[test]
    fn what_is_no_object_is_not_edited() {
        for body in ["", "[]", "{\"a\":1", "null"] {
            assert_eq!(
                Edit::apply(&[], &Bytes::from_static(body.as_bytes())),
                None,
                "{body}"
            );
        }
    }
}
