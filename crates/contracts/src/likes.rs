//! Places of a contract that look like a place of another, so that one shape is written once: `like response output[]`.
//!
//! Invariants: what is written reads back; a circle of likes ends.
//! Does not know: events, exchanges.

use std::collections::BTreeMap;

use crate::description;
use crate::path::{self, Step};
use crate::shape::Shape;

/// How many likes lead to one shape.
const DEPTH_MAX: usize = 4;
const WORD: &str = "like ";

/// A place of another contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Like {
    /// The stem of its file.
    pub stem: String,
    /// Where in its shape; empty: all of it.
    pub path: String,
}

impl Like {
    /// What a description says, without its `optional`.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let text = text.strip_prefix(description::OPTIONAL).unwrap_or(text);
        let place = text.strip_prefix(WORD)?;
        let (stem, path) = place.split_once(' ').unwrap_or((place, ""));
        Some(Self {
            stem: stem.to_owned(),
            path: path.to_owned(),
        })
    }

    pub(crate) fn write(&self) -> String {
        let Self { stem, path } = self;
        format!("{WORD}{stem} {path}").trim_end().to_owned()
    }
}

/// A contract's shape and what in it looks like others'.
pub(crate) type Found<'a> = (&'a Shape, &'a BTreeMap<String, Like>);

/// The shape with those of other contracts at the places that look like them. `find` gives a contract's shape and
/// likes by its stem; what it does not find is left open.
pub(crate) fn resolve<'a>(
    shape: &Shape,
    likes: &BTreeMap<String, Like>,
    find: &dyn Fn(&str) -> Option<Found<'a>>,
) -> Shape {
    resolve_within(shape, likes, find, DEPTH_MAX)
}

fn resolve_within<'a>(
    shape: &Shape,
    likes: &BTreeMap<String, Like>,
    find: &dyn Fn(&str) -> Option<Found<'a>>,
    depth: usize,
) -> Shape {
    let mut shape = shape.clone();
    if depth == 0 {
        return shape;
    }
    for (path, like) in likes {
        let Some((other, others)) = find(&like.stem) else {
            continue;
        };
        let whole = resolve_within(other, others, find, depth - 1);
        if let (Some(place), Some(found)) = (at_mut(&mut shape, path), at(&whole, &like.path)) {
            *place = found.clone();
        }
    }
    shape
}

/// The shape at a place.
pub(crate) fn at<'s>(shape: &'s Shape, path: &str) -> Option<&'s Shape> {
    path::steps(path)?
        .iter()
        .try_fold(shape, |shape, step| match step {
            Step::Field(name) => shape.fields.get(name).map(|field| &field.shape),
            Step::Element => shape.element.as_deref(),
        })
}

/// The shape at a place, to be changed.
pub(crate) fn at_mut<'s>(shape: &'s mut Shape, path: &str) -> Option<&'s mut Shape> {
    path::steps(path)?
        .iter()
        .try_fold(shape, |shape, step| match step {
            Step::Field(name) => shape.fields.get_mut(name).map(|field| &mut field.shape),
            Step::Element => shape.element.as_deref_mut(),
        })
}

#[cfg(test)]
mod tests {
    use super::Like;

    #[test]
    fn a_like_reads_as_it_is_written() {
        for text in ["like response", "like response output[].content[]"] {
            let like = Like::read(text).unwrap();
            assert_eq!(like.write(), text);
            assert_eq!(Like::read(&format!("optional {text}")), Some(like));
        }
        assert_eq!(Like::read("string"), None);
    }
}
