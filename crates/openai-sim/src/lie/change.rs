//! What becomes of one field.
//!
//! Invariants: a field that is not there stays away, unless it is to be added.
//! Does not know: where the field is.

use serde_json::{Map, Value, json};

use super::place::Place;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Say(Value),
    Null,
    Text,
    Number,
    Array,
    Object,
    Add(Value),
    LeaveOut,
    Rename(String),
}

impl Change {
    /// Smaller ones come first.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::Say(_) => 0,
            Self::Null => 1,
            Self::Text => 2,
            Self::Number => 3,
            Self::Array => 4,
            Self::Object => 5,
            Self::Add(_) => 6,
            Self::LeaveOut => 7,
            Self::Rename(_) => 8,
        }
    }

    pub(super) fn apply(&self, value: &mut Value, place: &Place) {
        match self {
            Self::Add(_) => {
                place.visit_for_new(value, &mut |fields, name| self.in_object(fields, name));
            }
            _ => place.visit(value, &mut |fields, name| self.in_object(fields, name)),
        }
    }

    fn in_object(&self, fields: &mut Map<String, Value>, name: &str) {
        if let Self::Add(value) = self {
            fields.insert(name.to_owned(), value.clone());
            return;
        }
        let Some(honest) = fields.get(name) else {
            return;
        };
        match self {
            Self::LeaveOut => drop(fields.remove(name)),
            Self::Rename(other) => {
                if let Some(value) = fields.remove(name) {
                    fields.insert(other.clone(), value);
                }
            }
            _ => {
                if let Some(value) = self.instead_of(honest) {
                    fields.insert(name.to_owned(), value);
                }
            }
        }
    }

    /// Nothing if the honest value stays.
    fn instead_of(&self, honest: &Value) -> Option<Value> {
        match (self, honest) {
            (Self::Null, _) => Some(Value::Null),
            (_, Value::Null) => None,
            (Self::Say(value), _) => Some(value.clone()),
            (Self::Text, Value::Number(_) | Value::Bool(_)) => Some(json!(honest.to_string())),
            (Self::Number, Value::String(text)) => Some(
                text.parse::<i64>()
                    .map_or(json!(text.len()), |number| json!(number)),
            ),
            (Self::Array, other) if !other.is_array() => Some(json!([other])),
            (Self::Object, other) if !other.is_object() => Some(json!({"value": other})),
            _ => None,
        }
    }
}
