//! A contract as the text of a file.
//!
//! Invariants: reading gives the same contract back; a place comes after its parent.
//! Does not know: files that are there already, and their comments.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

use super::{Contract, Origin};
use crate::description::OPTIONAL;
use crate::headers::HeaderRule;
use crate::likes::Like;
use crate::path;
use crate::shape::{Kind, Shape};

impl Contract {
    /// The file's text; [`Contract::read`] gives the same contract back.
    pub fn write(&self) -> String {
        let mut text = line("origin", self.origin.name());
        text += &line("when", &self.when);
        for (name, value) in [("model", &self.model), ("upstream", &self.upstream)] {
            text += &value
                .as_ref()
                .map(|value| line(name, value))
                .unwrap_or_default();
        }
        if let Some(call) = &self.call {
            text += "\n[call]\n";
            for (name, value) in call.write() {
                text += &line(name, &value);
            }
        }
        if !self.headers.is_empty() {
            text += &headers(&self.headers);
        }
        if !self.order.is_empty() {
            text += "\n[order]\nrules = [\n";
            for rule in &self.order {
                text += &format!("    {},\n", quote(rule.name()));
            }
            text += "]\n";
        }
        text += "\n[shape]\n";
        text += &shape(&self.shape, &self.likes);
        for (kind, event) in &self.events {
            text += &format!("\n[events.{}]\n", quote(kind));
            text += &shape(&event.shape, &event.likes);
        }
        text
    }
}

impl Origin {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Documented => "documented",
            Self::Observed => "observed",
        }
    }
}

/// The section of headers.
pub(crate) fn headers(headers: &BTreeMap<String, HeaderRule>) -> String {
    let lines = headers
        .iter()
        .map(|(name, rule)| format!("{} = {}\n", quote(name), quote(&rule.write())));
    "\n[headers]\n".to_owned() + &lines.collect::<String>()
}

/// The lines of a shape.
pub(crate) fn shape(shape: &Shape, likes: &BTreeMap<String, Like>) -> String {
    let lines = lines(shape, likes).into_iter();
    lines
        .map(|(path, text)| format!("{} = {}\n", quote(&path), quote(&text)))
        .collect()
}

/// A shape's places in the order of a file, with what is said of them.
pub(crate) fn lines(shape: &Shape, likes: &BTreeMap<String, Like>) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    if shape.kinds != BTreeSet::from([Kind::Object]) {
        lines.push((String::new(), shape.describe()));
    }
    lines_below("", shape, &mut lines);
    for (path, text) in &mut lines {
        if let Some(like) = likes.get(path) {
            let optional = text.starts_with(OPTIONAL);
            let optional = if optional { OPTIONAL } else { "" };
            *text = optional.to_owned() + &like.write();
        }
    }
    lines
}

fn lines_below(path: &str, shape: &Shape, lines: &mut Vec<(String, String)>) {
    for (name, field) in &shape.fields {
        let place = path::field(path, name);
        let optional = if field.optional { OPTIONAL } else { "" };
        lines.push((place.clone(), optional.to_owned() + &field.shape.describe()));
        lines_below(&place, &field.shape, lines);
    }
    if let Some(element) = &shape.element {
        let place = path::element(path);
        lines.push((place.clone(), element.describe()));
        lines_below(&place, element, lines);
    }
}

fn line(name: &str, value: &str) -> String {
    format!("{name} = {}\n", quote(value))
}

/// A basic string of TOML: JSON's escapes, and one character more that TOML wants escaped.
pub(crate) fn quote(text: &str) -> String {
    Value::from(text).to_string().replace('\u{7f}', "\\u007F")
}
