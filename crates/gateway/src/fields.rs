//! The field table: for each metered operation every field of its body, and what it means for money and policy.
//!
//! Invariants: a field that could raise the cost or reach what is another's is bounded, checked or refused, never free; a field that is
//! not in the table passes or is refused as the settings say, and is counted.
//! Does not know: how a bound is worked out.
//! Source: OpenAI API, request bodies, as of November 2026.

mod chat;
mod media;
mod responses;

use crate::object::Object;
use crate::operation::Operation;
use crate::status::Refusal;

/// What a field means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// It changes neither the bound nor what may be read.
    Free,
    /// It changes the bound, or is checked; the words say how.
    Bounded(&'static str),
    /// It is not taken; the words say why and what to do.
    Refused(&'static str),
}

/// One field of a body.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name, at the outermost level.
    pub name: &'static str,
    /// What it means.
    pub rule: Rule,
}

const fn free(name: &'static str) -> Field {
    Field {
        name,
        rule: Rule::Free,
    }
}

const fn bounded(name: &'static str, how: &'static str) -> Field {
    Field {
        name,
        rule: Rule::Bounded(how),
    }
}

const fn refused(name: &'static str, why: &'static str) -> Field {
    Field {
        name,
        rule: Rule::Refused(why),
    }
}

/// The fields of an operation's body.
#[must_use]
pub fn fields(operation: Operation) -> &'static [Field] {
    match operation {
        Operation::Chat => chat::CHAT,
        Operation::Completions => chat::COMPLETIONS,
        Operation::Responses => responses::RESPONSES,
        Operation::Embeddings => media::EMBEDDINGS,
        Operation::Images => media::IMAGES,
        Operation::Speech => media::SPEECH,
    }
}

/// The most names of fields told apart when they are counted or refused; the rest is cut off.
const NAME_BYTES_MAX: usize = 64;

/// Holds the members of a body to the table. Gives how many are not in it.
///
/// Errors: a refused field with a value; a name that differs by case alone from one in the table, which some upstreams would take for
/// it; one that is not in the table, where `refuse_unknown` is set.
pub(crate) fn check(
    operation: Operation,
    object: &Object<'_>,
    refuse_unknown: bool,
) -> Result<usize, Refusal> {
    let table = fields(operation);
    let mut unknown = 0;
    for (name, value) in object.members() {
        if let Some(field) = table.iter().find(|field| field.name == name) {
            match field.rule {
                Rule::Refused(why) if value.get() != "null" => {
                    let field = field.name;
                    return Err(Refusal::FieldRefused { field, why });
                }
                _ => continue,
            }
        }
        if let Some(field) = table
            .iter()
            .find(|field| field.name.eq_ignore_ascii_case(name))
        {
            return Err(Refusal::InvalidField {
                field: field.name,
                expected: "its name in lower case",
            });
        }
        if refuse_unknown {
            let end = name.floor_char_boundary(NAME_BYTES_MAX);
            return Err(Refusal::FieldUnknown(name[..end].to_owned()));
        }
        unknown += 1;
    }
    Ok(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_one(operation: Operation, body: &str, refuse: bool) -> Result<usize, Refusal> {
        check(operation, &Object::read(body.as_bytes()).unwrap(), refuse)
    }

    #[test]
    fn names_stand_once_in_a_table_and_in_lower_case() {
        for operation in Operation::ALL {
            let names: Vec<&str> = fields(operation).iter().map(|field| field.name).collect();
            for (place, name) in names.iter().enumerate() {
                assert_eq!(*name, name.to_ascii_lowercase());
                assert!(!names[..place].contains(name), "{operation:?} {name}");
            }
            assert!(names.contains(&"model"), "{operation:?}");
        }
    }

    #[test]
    fn every_operation_takes_its_unknown_fields_as_the_settings_say() {
        for operation in Operation::ALL {
            let body = r#"{"model":"m","brand_new":1}"#;
            assert_eq!(check_one(operation, body, false).unwrap(), 1);
            assert!(matches!(
                check_one(operation, body, true),
                Err(Refusal::FieldUnknown(name)) if name == "brand_new"
            ));
        }
    }

    #[test]
    fn a_refused_field_is_refused_by_name_unless_it_is_null() {
        for operation in Operation::ALL {
            for field in fields(operation) {
                let body = |value: &str| format!("{{\"{}\":{value}}}", field.name);
                let outcome = check_one(operation, &body("[1]"), true);
                match field.rule {
                    Rule::Refused(_) => {
                        assert!(
                            matches!(outcome, Err(Refusal::FieldRefused { field: named, .. }) if named == field.name)
                        );
                        assert_eq!(check_one(operation, &body("null"), true).unwrap(), 0);
                    }
                    _ => assert_eq!(outcome.unwrap(), 0),
                }
            }
        }
    }

    #[test]
    fn a_name_in_another_case_is_refused() {
        for name in ["Model", "MESSAGES", "Service_Tier"] {
            let body = format!("{{\"{name}\":1}}");
            assert!(matches!(
                check_one(Operation::Chat, &body, false),
                Err(Refusal::InvalidField { .. })
            ));
        }
    }
}
