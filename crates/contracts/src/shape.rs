//! What JSON values look like: types, fields, elements, small closed sets of words.
//!
//! Invariants: merging is commutative, and merging a shape with itself changes nothing; strings are kept only at paths
//! that were named as closed.
//! Does not know: contracts, files.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

use crate::{description, path};

/// A type of JSON. A whole number is an integer; where numbers are expected, integers fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Its elements have one shape together.
    Array,
    /// True or false.
    Boolean,
    /// A number without a fraction.
    Integer,
    /// Null.
    Null,
    /// Any other number.
    Number,
    /// Its fields have a shape each.
    Object,
    /// Text.
    String,
}

impl Kind {
    pub(crate) const ALL: [Self; 7] = [
        Self::Array,
        Self::Boolean,
        Self::Integer,
        Self::Null,
        Self::Number,
        Self::Object,
        Self::String,
    ];

    /// Its name in a contract file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Array => "array",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Null => "null",
            Self::Number => "number",
            Self::Object => "object",
            Self::String => "string",
        }
    }

    fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(_) => Self::Boolean,
            Value::Number(number) if number.is_f64() => Self::Number,
            Value::Number(_) => Self::Integer,
            Value::String(_) => Self::String,
            Value::Array(_) => Self::Array,
            Value::Object(_) => Self::Object,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The shape of one or more values at the same place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// The types that were seen; none: anything goes.
    pub kinds: BTreeSet<Kind>,
    /// The strings that were seen, where they are a closed set.
    pub words: Option<BTreeSet<String>>,
    /// Of the objects among the values.
    pub fields: BTreeMap<String, Field>,
    /// Of the arrays among the values, over all their elements; `None` if there was no element.
    pub element: Option<Box<Shape>>,
}

/// A field of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Whether objects lack it at times.
    pub optional: bool,
    /// What its values look like.
    pub shape: Shape,
}

impl Shape {
    /// The shape of one value. `closed`: the paths whose strings are words of a closed set, as in
    /// `choices[].finish_reason`; no other string is kept.
    pub fn observe(value: &Value, closed: &BTreeSet<String>) -> Self {
        Self::observe_at("", value, closed)
    }

    fn observe_at(path: &str, value: &Value, closed: &BTreeSet<String>) -> Self {
        let mut shape = Self {
            kinds: BTreeSet::from([Kind::of(value)]),
            ..Self::default()
        };
        match value {
            Value::String(text) if closed.contains(path) => {
                shape.words = Some(BTreeSet::from([text.clone()]))
            }
            Value::Array(values) => {
                let path = path::element(path);
                let elements = values
                    .iter()
                    .map(|value| Self::observe_at(&path, value, closed));
                shape.element = elements.reduce(Self::merged).map(Box::new);
            }
            Value::Object(fields) => {
                let field = |(name, value): (&String, &Value)| {
                    let shape = Self::observe_at(&path::field(path, name), value, closed);
                    (
                        name.clone(),
                        Field {
                            optional: false,
                            shape,
                        },
                    )
                };
                shape.fields = fields.iter().map(field).collect();
            }
            _ => {}
        }
        shape
    }

    /// The shape of the values of both. A field that only one side's objects have becomes optional.
    pub fn merged(self, other: Self) -> Self {
        let both_objects = self.has(Kind::Object) && other.has(Kind::Object);
        let words = match (
            self.words.is_some() || !self.has(Kind::String),
            other.words.is_some() || !other.has(Kind::String),
        ) {
            (true, true) => self
                .words
                .into_iter()
                .chain(other.words)
                .reduce(|left, right| &left | &right),
            _ => None,
        };
        let element = match (self.element, other.element) {
            (Some(left), Some(right)) => Some(Box::new(left.merged(*right))),
            (left, right) => left.or(right),
        };
        let mut fields = self.fields;
        if both_objects {
            let lacking = |(name, field): (&String, &mut Field)| {
                field.optional |= !other.fields.contains_key(name)
            };
            fields.iter_mut().for_each(lacking);
        }
        for (name, field) in other.fields {
            let merged = match fields.remove(&name) {
                Some(known) => Field {
                    optional: known.optional || field.optional,
                    shape: known.shape.merged(field.shape),
                },
                None => Field {
                    optional: field.optional || both_objects,
                    shape: field.shape,
                },
            };
            fields.insert(name, merged);
        }
        Self {
            kinds: &self.kinds | &other.kinds,
            words,
            fields,
            element,
        }
    }

    /// Whether a value of this type was seen.
    pub fn has(&self, kind: Kind) -> bool {
        self.kinds.contains(&kind)
    }

    /// The types and words in the form of a contract file, as in `string | null`.
    pub fn describe(&self) -> String {
        let is_plain = |kind: &&Kind| self.words.is_none() || **kind != Kind::String;
        let kinds = self.kinds.iter().filter(is_plain).map(|kind| kind.name());
        let all = description::write(self.words.iter().flatten(), kinds);
        if all.is_empty() {
            "anything".to_owned()
        } else {
            all
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
