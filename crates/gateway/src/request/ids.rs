//! The ids of objects at the upstream that a body names: earlier responses, conversations, files, vector stores, containers.
//!
//! Invariants: every place where the API takes such an id is looked at, however deep; what a caller writes in its own schemas or texts
//! is none.
//! Does not know: who owns what.
//! Source: OpenAI API, create chat completion, response, vector store, batch; input items and tools.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::object::Object;

/// The most ids that one body may name.
pub(crate) const IDS_MAX: usize = 512;

/// Members whose value is an id, or a list of ids, at any depth.
const NAMES: [&str; 10] = [
    "file_id",
    "file_ids",
    "input_file_id",
    "vector_store_id",
    "vector_store_ids",
    "container",
    "container_id",
    "conversation",
    "previous_response_id",
    "part_ids",
];
/// Members in which nothing is an id: what is in them is the caller's own text or schema.
const OPAQUE: [&str; 7] = [
    "parameters",
    "schema",
    "metadata",
    "arguments",
    "attributes",
    "text",
    "instructions",
];

/// The ids that a body names.
#[derive(Debug, Default)]
pub(crate) struct Ids(Vec<String>);

impl Ids {
    /// Those of a body.
    ///
    /// Shape: `None` where they are more than [`IDS_MAX`] or the body can't be read in full.
    pub(crate) fn read(body: &[u8], object: &Object<'_>) -> Option<Vec<String>> {
        if !may_name_any(body) {
            return Some(Vec::new());
        }
        let mut ids = Ids::default();
        for (name, value) in object.members() {
            let mut json = serde_json::Deserializer::from_str(value.get());
            let place = Place::of(name);
            Walk {
                ids: &mut ids,
                place,
            }
            .deserialize(&mut json)
            .ok()?;
        }
        (ids.0.len() <= IDS_MAX).then_some(ids.0)
    }

    fn add(&mut self, id: &str) {
        if self.0.len() <= IDS_MAX && !self.0.iter().any(|known| known == id) {
            self.0.push(id.to_owned());
        }
    }
}

/// A quick look: the names of all these members, and references to items, have one of these in them unless they are escaped.
fn may_name_any(body: &[u8]) -> bool {
    ["_id", "container", "conversation", "item_reference", "\\u"]
        .iter()
        .any(|part| memchr::memmem::find(body, part.as_bytes()).is_some())
}

/// What stands at a place of the body.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// An id, a list of ids, or an object with an id.
    Id,
    /// The caller's own.
    Opaque,
    Other,
}

impl Place {
    fn of(name: &str) -> Place {
        let is = |known: &&str| known.eq_ignore_ascii_case(name);
        if NAMES.iter().any(is) {
            Place::Id
        } else if OPAQUE.iter().any(is) {
            Place::Opaque
        } else {
            Place::Other
        }
    }
}

struct Walk<'ids> {
    ids: &'ids mut Ids,
    place: Place,
}

#[derive(Deserialize)]
struct Name<'json>(#[serde(borrow)] Cow<'json, str>);

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = Option<String>;

    /// Gives the text that the value is, if it is one.
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        if self.place == Place::Opaque {
            return IgnoredAny::deserialize(deserializer).map(|_| None);
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = Option<String>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        if self.place == Place::Id {
            self.ids.add(text);
        }
        Ok(Some(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Self::Value, A::Error> {
        let Walk { ids, place } = self;
        while values.next_element_seed(Walk { ids, place })?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let Walk { ids, place } = self;
        let (mut id, mut kind, mut others) = (None, None, 0);
        while let Some(Name(name)) = members.next_key()? {
            let inside = Walk {
                ids,
                place: Place::of(&name),
            };
            let text = members.next_value_seed(inside)?;
            match &*name {
                "id" => id = text,
                "type" => kind = text,
                _ => others += 1,
            }
        }
        let refers = kind.as_deref() == Some("item_reference") || (kind.is_none() && others == 0);
        if let Some(id) = id.filter(|_| refers || place == Place::Id) {
            ids.add(&id);
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, expected: &[&str]) {
        let object = Object::read(body.as_bytes()).unwrap();
        assert_eq!(
            Ids::read(body.as_bytes(), &object).unwrap(),
            expected,
            "{body}"
        );
    }

    #[test]
    fn every_place_that_takes_an_id_is_read() {
        check(
            r#"{"previous_response_id":"resp_1","conversation":null}"#,
            &["resp_1"],
        );
        check(r#"{"conversation":"conv_1"}"#, &["conv_1"]);
        check(r#"{"conversation":{"id":"conv_1"}}"#, &["conv_1"]);
        check(r#"{"previous_respons\u0065_id":"resp_1"}"#, &["resp_1"]);
        check(
            r#"{"input":[{"role":"user","content":[{"type":"input_file","file_id":"file-1"},{"type":"input_image","file_id":"file-2"}]},
                {"type":"item_reference","id":"msg_1"},{"id":"rs_1"},{"type":"message","id":"msg_2","content":"_id"}]}"#,
            &["file-1", "file-2", "msg_1", "rs_1"],
        );
        check(
            r#"{"tools":[{"type":"file_search","vector_store_ids":["vs_1","vs_2"]},
                {"type":"code_interpreter","container":{"type":"auto","file_ids":["file-3"]}},{"type":"code_interpreter","container":"cntr_1"}]}"#,
            &["vs_1", "vs_2", "file-3", "cntr_1"],
        );
        check(
            r#"{"messages":[{"content":[{"type":"file","file":{"file_id":"file-4"}}]}]}"#,
            &["file-4"],
        );
    }

    #[test]
    fn what_is_the_callers_own_is_no_id() {
        check(r#"{"input":"file_id"}"#, &[]);
        check(
            r#"{"tools":[{"type":"function","name":"f","parameters":{"file_id":"x","container":{"id":"y"}}}],"metadata":{"file_id":"z"}}"#,
            &[],
        );
        check(
            r#"{"messages":[{"role":"tool","tool_call_id":"call_1","content":"x"}]}"#,
            &[],
        );
    }

    #[test]
    fn too_many_are_refused() {
        let many: Vec<String> = (0..=IDS_MAX)
            .map(|number| format!("file-{number}"))
            .collect();
        let body = serde_json::json!({"file_ids": many}).to_string();
        let object = Object::read(body.as_bytes()).unwrap();
        assert!(Ids::read(body.as_bytes(), &object).is_none());
    }
}
