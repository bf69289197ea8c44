//! A shape as a file that people read: one line a place, with where and when it was learned.
//!
//! Invariants: what is written reads back the same; every place but the top has its parent in the file.
//! Does not know: folders, HTTP; it gets and gives text.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use crate::call::Call;
use crate::compare::compare;
use crate::description::{self, Term};
use crate::difference::Difference;
use crate::headers::HeaderRule;
use crate::likes::Like;
use crate::order::Rule;
use crate::path::{self, Step};
use crate::shape::{Field, Kind, Shape};

/// Where a contract was learned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// From documents or published types.
    #[default]
    Documented,
    /// From answers of the real API.
    Observed,
}

/// The shape of one kind of answer, and where it was learned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contract {
    /// Documented or observed.
    pub origin: Origin,
    /// The day it was learned, as in `2026-11-22`.
    pub when: String,
    /// The model that gave the answers, if one did.
    pub model: Option<String>,
    /// The upstream that gave the answers, if one did.
    pub upstream: Option<String>,
    /// Which exchanges it is for; `None`: for none by itself.
    pub call: Option<Call>,
    /// The headers of the answers, by their names in lower case.
    pub headers: BTreeMap<String, HeaderRule>,
    /// The order of a stream's events.
    pub order: Vec<Rule>,
    /// What the answers look like; of a stream with `events` what all of them have.
    pub shape: Shape,
    /// The places of the shape that look like another contract's; the shape leaves them open.
    pub likes: BTreeMap<String, Like>,
    /// What the events of a stream look like, by their `type`.
    pub events: BTreeMap<String, EventShape>,
}

/// What one type of event looks like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventShape {
    /// Its fields.
    pub shape: Shape,
    /// The places that look like another contract's; the shape leaves them open.
    pub likes: BTreeMap<String, Like>,
}

/// Why a contract file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ContractError {
    /// It is no TOML, or its fields are not a contract's.
    #[error("read the contract: {0}")]
    Toml(#[from] toml::de::Error),
    /// A line of it makes no sense.
    #[error("read the contract's place `{path}`: {flaw}")]
    Place {
        /// The place as it is written.
        path: String,
        /// What is wrong with it.
        flaw: &'static str,
    },
    /// One file of a folder can't be used.
    #[error("read `{file}`: {source}")]
    File {
        /// The stem of its name.
        file: String,
        /// Why.
        source: Box<ContractError>,
    },
}

impl ContractError {
    pub(crate) fn place(path: &str) -> impl FnOnce(&'static str) -> Self {
        move |flaw| Self::Place {
            path: path.to_owned(),
            flaw,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    origin: Origin,
    when: String,
    model: Option<String>,
    upstream: Option<String>,
    call: Option<BTreeMap<String, String>>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    order: Order,
    #[serde(default)]
    shape: BTreeMap<String, String>,
    #[serde(default)]
    events: BTreeMap<String, BTreeMap<String, String>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    rules: Vec<String>,
}

impl Contract {
    /// Reads a contract file. `[shape]` maps paths to types: `string`, `'one' | 'two' | null`, `optional array`,
    /// `anything`, `like` another file's stem and path. The top is an object unless the empty path says otherwise.
    /// `[events.TYPE]` has a shape for each type of event. `[headers]` maps names to forms,
    /// `[order]` lists rules, `[call]` says which exchanges it is for.
    ///
    /// Errors: names the place that makes no sense.
    pub fn read(text: &str) -> Result<Self, ContractError> {
        let file: File = toml::from_str(text)?;
        let order = file
            .order
            .rules
            .iter()
            .map(|words| Rule::read(words).map_err(ContractError::place(words)));
        Ok(Self {
            origin: file.origin,
            when: file.when,
            model: file.model,
            upstream: file.upstream,
            call: file.call.map(|call| Call::read(&call)).transpose()?,
            headers: read_headers(&file.headers)?,
            order: order.collect::<Result<_, _>>()?,
            likes: read_likes(&file.shape),
            shape: read_shape(&file.shape)?,
            events: file
                .events
                .iter()
                .map(|(kind, lines)| Ok((kind.clone(), EventShape::read(lines)?)))
                .collect::<Result<_, ContractError>>()?,
        })
    }

    /// What differs between answers, taken together, and this contract.
    pub fn check(&self, answers: &[Value]) -> Vec<Difference> {
        let answers: Vec<&Value> = answers.iter().collect();
        self.observe(&answers)
            .map_or_else(Vec::new, |observed| compare(&observed, &self.shape))
    }

    /// The shape of answers, with the words of the sets that this contract closes.
    pub(crate) fn observe(&self, answers: &[&Value]) -> Option<Shape> {
        observe(&self.shape, answers)
    }
}

impl EventShape {
    fn read(lines: &BTreeMap<String, String>) -> Result<Self, ContractError> {
        Ok(Self {
            shape: read_shape(lines)?,
            likes: read_likes(lines),
        })
    }
}

/// The shape of values, with the words of the sets that `shape` closes.
pub(crate) fn observe(shape: &Shape, values: &[&Value]) -> Option<Shape> {
    let mut closed = BTreeSet::new();
    closed_paths("", shape, &mut closed);
    values
        .iter()
        .map(|value| Shape::observe(value, &closed))
        .reduce(Shape::merged)
}

fn read_likes(lines: &BTreeMap<String, String>) -> BTreeMap<String, Like> {
    let like = |(path, text): (&String, &String)| Some((path.clone(), Like::read(text)?));
    lines.iter().filter_map(like).collect()
}

pub(crate) fn read_headers(
    lines: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, HeaderRule>, ContractError> {
    lines
        .iter()
        .map(|(name, text)| {
            let rule = HeaderRule::read(text).map_err(ContractError::place(name))?;
            Ok((name.clone(), rule))
        })
        .collect()
}

pub(crate) fn read_shape(lines: &BTreeMap<String, String>) -> Result<Shape, ContractError> {
    let mut top = Shape {
        kinds: BTreeSet::from([Kind::Object]),
        ..Shape::default()
    };
    // In their order parents come before what is in them.
    for (path, description) in lines {
        place(&mut top, path, description).map_err(ContractError::place(path))?;
    }
    Ok(top)
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

fn describe(text: &str) -> Result<Field, &'static str> {
    let mut shape = Shape::default();
    if Like::read(text).is_some() {
        let optional = text.starts_with(description::OPTIONAL);
        return Ok(Field { optional, shape });
    }
    let (optional, terms) = description::read(text)?;
    if terms == [Term::Name("anything".to_owned())] {
        return Ok(Field { optional, shape });
    }
    for term in terms {
        match term {
            Term::Word(word) => {
                shape.kinds.insert(Kind::String);
                shape.words.get_or_insert_default().insert(word);
            }
            Term::Name(name) => {
                let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name);
                shape.kinds.insert(kind.ok_or("a type is unknown")?);
            }
        }
    }
    Ok(Field { optional, shape })
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

pub(crate) mod text;

#[cfg(test)]
mod tests;
