//! One source of settings, read and cleaned: what is wrong in it has become a problem, what is left fits its field.
//!
//! Invariants: a value in a layer has passed the kind of its field; each has a place; later layers win by field.
//! Does not know: the order of the layers, rules between fields.

use std::collections::BTreeMap;

use figment::value::{Dict, Map, Value};
use figment::{Metadata, Profile, Provider};

use crate::error::{Problems, shown_name};
use crate::fields::{self, Field};
use crate::kind::Kind;

/// Whose word a source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Trust {
    /// Files that lie in the directory one happens to stand in: anybody may have put them there.
    Directory,
    /// The program itself, the environment, the command line, and files in a directory named by an absolute path.
    Operator,
}

/// One source of settings.
pub(crate) struct Layer {
    /// Tells layers apart; each has another.
    pub(crate) name: String,
    /// Whose word it is.
    pub(crate) trust: Trust,
    values: BTreeMap<&'static str, (Value, String)>,
}

impl Layer {
    /// An empty one.
    pub(crate) fn new(name: impl Into<String>, trust: Trust) -> Self {
        Self {
            name: name.into(),
            trust,
            values: BTreeMap::new(),
        }
    }

    /// Sets a field that was read at `place`, or says what is wrong with it.
    pub(crate) fn set(
        &mut self,
        field: &Field,
        place: &str,
        read: Result<Value, String>,
        problems: &mut Problems,
    ) {
        match read {
            Ok(value) => {
                self.values.insert(field.name, (value, place.to_owned()));
            }
            Err(wrong) => problems.add(field.name, place, wrong, field.kind.remedy()),
        }
    }

    /// Where a field was set.
    pub(crate) fn place(&self, field: &str) -> Option<&str> {
        self.values.get(field).map(|(_, place)| place.as_str())
    }

    /// Reads the variables that are ours: from the environment or `.env`. An empty one counts as not set.
    pub(crate) fn set_variables<'v>(
        &mut self,
        variables: impl Iterator<Item = Variable<'v>>,
        problems: &mut Problems,
    ) {
        for Variable { name, value, place } in variables {
            match fields::of_variable(name) {
                Some(_) if value.is_empty() => {}
                Some(field) => self.set(field, &place, field.kind.read_text(value), problems),
                None if is_ours(name) => unknown_variable(name, &place, problems),
                None => {}
            }
        }
    }

    /// Reads what the command line sets.
    pub(crate) fn set_options(&mut self, options: &[(String, String)], problems: &mut Problems) {
        const PLACE: &str = "command line";
        for (name, value) in options {
            match fields::named(name) {
                Some(field) if field.kind == Kind::Secret => {
                    let remedy = format!(
                        "set {}: other users of the machine can read a command line",
                        field.variable()
                    );
                    problems.add(field.name, PLACE, "is a secret", remedy);
                }
                Some(field) => self.set(field, PLACE, field.kind.read_text(value), problems),
                None => problems.add(
                    shown_name(name),
                    PLACE,
                    "is no setting",
                    suggestion(
                        name,
                        fields::FIELDS.iter().map(|field| field.name.to_owned()),
                    ),
                ),
            }
        }
    }
}

/// A variable of the environment or of `.env`.
pub(crate) struct Variable<'v> {
    pub(crate) name: &'v str,
    pub(crate) value: &'v str,
    pub(crate) place: String,
}

/// Whether the name claims to be one of keyward's, in whatever case: a variable in lower case would else be lost in silence.
fn is_ours(name: &str) -> bool {
    name.get(..fields::VARIABLE_PREFIX.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(fields::VARIABLE_PREFIX))
}

fn unknown_variable(name: &str, place: &str, problems: &mut Problems) {
    let upper = name.to_ascii_uppercase();
    // `KEYWARD_UPSTREAM__API_KEY` is a good guess for a field that has a name of its own.
    let dotted = upper
        .trim_start_matches(fields::VARIABLE_PREFIX)
        .to_ascii_lowercase()
        .replace("__", ".");
    let remedy = match fields::named(&dotted) {
        Some(field) => format!("write {}", field.variable()),
        None => suggestion(&upper, fields::FIELDS.iter().map(Field::variable)),
    };
    problems.add(shown_name(name), place, "is no setting", remedy);
}

/// The remedy for an unknown name.
pub(crate) fn suggestion(wrong: &str, names: impl Iterator<Item = String>) -> String {
    match fields::nearest(wrong, names) {
        Some(name) => format!("did you mean {name}?"),
        None => "remove it; docs/reference/settings.md lists all settings".to_owned(),
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let mut top = Dict::new();
        let mut sections = BTreeMap::<&str, Dict>::new();
        for (name, (value, _)) in &self.values {
            match name.split_once('.') {
                None => top.insert((*name).to_owned(), value.clone()),
                Some((section, field)) => sections
                    .entry(section)
                    .or_default()
                    .insert(field.to_owned(), value.clone()),
            };
        }
        top.extend(
            sections
                .into_iter()
                .map(|(section, dict)| (section.to_owned(), Value::from(dict))),
        );
        Ok(Profile::Default.collect(top))
    }
}
