//! A shape as a file that people read: one line a place, with where and when it was learned.
//!
//! Invariants: what is written reads back the same; every place but the top has its parent in the file.
//! Does not know: folders, HTTP; it gets and gives text.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use crate::compare::{Difference, compare};
use crate::path::{self, Step};
use crate::shape::{Field, Kind, Shape};

/// Where a contract was learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// From documents or published types.
    Documented,
    /// From answers of the real API.
    Observed,
}

/// The shape of one kind of answer, and where it was learned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contract {
    /// Documented or observed.
    pub origin: Origin,
    /// The day it was learned, as in `2026-11-22`.
    pub when: String,
    /// The model that gave the answers, if one did.
    pub model: Option<String>,
    /// What the answers look like.
    pub shape: Shape,
}

/// Why a contract file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ContractError {
    /// It is no TOML, or its fields are not a contract's.
    #[error("read the contract: {0}")]
    Toml(#[from] toml::de::Error),
    /// A line of `[shape]` makes no sense.
    #[error("read the contract's place `{path}`: {flaw}")]
    Place {
        /// The place as it is written.
        path: String,
        /// What is wrong with it.
        flaw: &'static str,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    origin: Origin,
    when: String,
    model: Option<String>,
    shape: BTreeMap<String, String>,
}

impl Contract {
    /// Reads a contract file. `[shape]` maps paths to types: `string`, `'one' | 'two' | null`, `optional array`,
    /// `anything`. The top is an object unless the empty path says otherwise.
    ///
    /// Errors: names the place that makes no sense.
    pub fn read(text: &str) -> Result<Self, ContractError> {
        let file: File = toml::from_str(text)?;
        let mut top = Shape {
            kinds: BTreeSet::from([Kind::Object]),
            ..Shape::default()
        };
        // In their order parents come before what is in them.
        for (path, description) in &file.shape {
            place(&mut top, path, description).map_err(|flaw| ContractError::Place {
                path: path.clone(),
                flaw,
            })?;
        }
        Ok(Self {
            origin: file.origin,
            when: file.when,
            model: file.model,
            shape: top,
        })
    }

    /// The file's text; [`Contract::read`] gives the same contract back.
    pub fn write(&self) -> String {
        let origin = match self.origin {
            Origin::Documented => "documented",
            Origin::Observed => "observed",
        };
        let model = self
            .model
            .as_ref()
            .map(|model| format!("model = {}\n", quote(model)))
            .unwrap_or_default();
        let mut text = format!(
            "origin = \"{origin}\"\nwhen = {}\n{model}\n[shape]\n",
            quote(&self.when)
        );
        if self.shape.kinds != BTreeSet::from([Kind::Object]) {
            text += &line("", "", &self.shape);
        }
        write_below("", &self.shape, &mut text);
        text
    }

    /// What differs between answers, taken together, and this contract.
    pub fn check(&self, answers: &[Value]) -> Vec<Difference> {
        let mut closed = BTreeSet::new();
        closed_paths("", &self.shape, &mut closed);
        let observed = answers
            .iter()
            .map(|answer| Shape::observe(answer, &closed))
            .reduce(Shape::merged);
        observed.map_or_else(Vec::new, |observed| compare(&observed, &self.shape))
    }
}

fn place(top: &mut Shape, path: &str, description: &str) -> Result<(), &'static str> {
    let steps = path::steps(path).ok_or("it is no path")?;
    let described = describe(description)?;
    let Some((last, parents)) = steps.split_last() else {
        *top = described.shape;
        return Ok(());
    };
    let mut parent = top;
    for step in parents {
        parent = match step {
            Step::Field(name) => parent.fields.get_mut(name).map(|field| &mut field.shape),
            Step::Element => parent.element.as_deref_mut(),
        }
        .ok_or("its parent has no line")?;
    }
    match last {
        Step::Field(name) if parent.has(Kind::Object) => {
            parent.fields.insert(name.clone(), described);
        }
        Step::Element if parent.has(Kind::Array) && !described.optional => {
            parent.element = Some(Box::new(described.shape));
        }
        Step::Field(_) => return Err("its parent is no object"),
        Step::Element => return Err("its parent is no array, or it is optional"),
    }
    Ok(())
}

fn describe(description: &str) -> Result<Field, &'static str> {
    let (optional, mut rest) = match description.strip_prefix("optional ") {
        Some(rest) => (true, rest),
        None => (false, description),
    };
    let mut shape = Shape::default();
    if rest == "anything" {
        return Ok(Field { optional, shape });
    }
    loop {
        rest = match rest.strip_prefix('\'') {
            Some(quoted) => {
                let (word, after) = word(quoted).ok_or("a word has no closing quote")?;
                shape.kinds.insert(Kind::String);
                shape.words.get_or_insert_default().insert(word);
                after
            }
            None => {
                let name = rest.split(' ').next().unwrap_or_default();
                let kind = Kind::ALL
                    .into_iter()
                    .find(|kind| kind.name() == name)
                    .ok_or("a type is unknown")?;
                shape.kinds.insert(kind);
                &rest[name.len()..]
            }
        };
        if rest.is_empty() {
            return Ok(Field { optional, shape });
        }
        rest = rest
            .strip_prefix(" | ")
            .ok_or("types are separated by ` | `")?;
    }
}

/// A word up to its closing quote, and what follows. Two quotes stand for one inside.
fn word(quoted: &str) -> Option<(String, &str)> {
    let mut word = String::new();
    let mut rest = quoted;
    loop {
        let (part, after) = rest.split_once('\'')?;
        word += part;
        match after.strip_prefix('\'') {
            Some(after) => rest = after,
            None => return Some((word, after)),
        }
        word.push('\'');
    }
}

fn write_below(path: &str, shape: &Shape, text: &mut String) {
    for (name, field) in &shape.fields {
        let place = path::field(path, name);
        *text += &line(
            &place,
            if field.optional { "optional " } else { "" },
            &field.shape,
        );
        write_below(&place, &field.shape, text);
    }
    if let Some(element) = &shape.element {
        let place = path::element(path);
        *text += &line(&place, "", element);
        write_below(&place, element, text);
    }
}

fn line(path: &str, optional: &str, shape: &Shape) -> String {
    format!(
        "{} = {}\n",
        quote(path),
        quote(&format!("{optional}{}", shape.describe()))
    )
}

/// A basic string of TOML: JSON's escapes, and one character more that TOML wants escaped.
fn quote(text: &str) -> String {
    Value::from(text).to_string().replace('\u{7f}', "\\u007F")
}

fn closed_paths(path: &str, shape: &Shape, closed: &mut BTreeSet<String>) {
    if shape.words.is_some() {
        closed.insert(path.to_owned());
    }
    for (name, field) in &shape.fields {
        closed_paths(&path::field(path, name), &field.shape, closed);
    }
    if let Some(element) = &shape.element {
        closed_paths(&path::element(path), element, closed);
    }
}

#[cfg(test)]
mod tests;
