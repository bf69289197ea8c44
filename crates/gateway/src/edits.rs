//! Changes to a JSON body, gathered while it is read and made in one copy.
//!
//! Invariants: a member that has a value of the caller's is never changed unless a rule names it; all other bytes stay as they came.
//! Does not know: what the members mean.

use std::borrow::Cow;
use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};

use crate::object::{Object, range_in};

/// Changes to one body. All places are those of the body as it came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Edits {
    replaced: Vec<(Range<usize>, Cow<'static, str>)>,
    /// Members to stand at the end of the object, a comma before each but perhaps the first.
    added: String,
}

impl Edits {
    /// `range` of the body becomes `text`. Ranges must not overlap.
    pub(crate) fn replace(&mut self, range: Range<usize>, text: impl Into<Cow<'static, str>>) {
        self.replaced.push((range, text.into()));
    }

    /// Gives a member that is absent or `null` this value, which is JSON; one that has a value keeps it. The name needs no escapes.
    ///
    /// Shape: `object` was read from `body`.
    pub(crate) fn set(
        &mut self,
        (body, object): (&[u8], &Object<'_>),
        name: &str,
        value: impl Into<Cow<'static, str>>,
    ) {
        match object.get_even_null(name).map(|value| value.get()) {
            Some(null @ "null") => self.replace(range_in(body, null.as_bytes()), value),
            Some(_) => {}
            None => {
                if !object.is_empty() || !self.added.is_empty() {
                    self.added.push(',');
                }
                self.added.push('"');
                self.added.push_str(name);
                self.added.push_str("\":");
                self.added.push_str(&value.into());
            }
        }
    }

    /// `body` with the changes made; `None` where something is to be added and `body` has no closing brace.
    pub(crate) fn apply(mut self, body: &Bytes) -> Option<Bytes> {
        if !self.added.is_empty() {
            let close = memchr::memrchr(b'}', body)?;
            self.replaced.push((close..close, self.added.into()));
        }
        if self.replaced.is_empty() {
            return Some(body.clone());
        }
        self.replaced.sort_by_key(|(range, _)| range.start);
        let extra: usize = self.replaced.iter().map(|(_, text)| text.len()).sum();
        let mut out = BytesMut::with_capacity(body.len() + extra);
        let mut from = 0;
        for (range, text) in &self.replaced {
            out.put_slice(body.get(from..range.start)?);
            out.put_slice(text.as_bytes());
            from = range.end;
        }
        out.put_slice(body.get(from..)?);
        Some(out.freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sets two members.
    fn edited(body: &Bytes) -> Bytes {
        let object = Object::read(body).unwrap();
        let mut edits = Edits::default();
        edits.set((body, &object), "service_tier", "\"default\"");
        edits.set((body, &object), "max_tokens", "7");
        edits.apply(body).unwrap()
    }

    fn check(body: &'static str, expected: &str) {
        let once = edited(&Bytes::from_static(body.as_bytes()));
        assert_eq!(once, expected.as_bytes());
        assert_eq!(edited(&once), once, "a second time");
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
    fn without_a_change_the_body_is_the_same_bytes() {
        let body = Bytes::from_static(b"{ \"a\":1}");
        let same = Edits::default().apply(&body).unwrap();
        assert_eq!(same.as_ptr(), body.as_ptr());
    }

    #[test]
    fn what_has_no_place_to_add_to_is_not_edited() {
        let object = Object::read(b"{}").unwrap();
        let mut edits = Edits::default();
        edits.set((b"{}", &object), "a", "1");
        assert_eq!(edits.apply(&Bytes::from_static(b"[]")), None);
    }
}
