//! One place where two sides differ, as a value and as a sentence.
//!
//! Invariants: a sentence names both sides and holds no text of an answer beyond words of closed sets.
//! Does not know: how differences are found.

use std::fmt;

/// Whether a client that was written against the contract may fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grade {
    /// It may fail.
    Breaking,
    /// It meets something new that it can pass over.
    Additive,
}

impl Grade {
    /// Its name in sentences and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Breaking => "breaking",
            Self::Additive => "additive",
        }
    }
}

impl fmt::Display for Grade {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// One place where an answer differs from the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Where, by the contract's names; for a new field by the answer's. A header's name, an order's rule.
    pub path: String,
    /// What differs.
    pub kind: DifferenceKind,
    /// How bad it is.
    pub grade: Grade,
}

/// What differs at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DifferenceKind {
    /// The contract's field is in no answer, or not in all.
    Missing {
        /// The field is there at times.
        at_times: bool,
    },
    /// The contract's field is missing and one of the same shape has come.
    Renamed {
        /// Its path in the answer.
        to: String,
    },
    /// A field that the contract lacks.
    Added,
    /// Types that the contract does not allow.
    Type {
        /// The contract's, as in its file.
        contract: String,
        /// The answer's.
        observed: String,
    },
    /// Words that the contract does not list.
    Words {
        /// The contract's.
        contract: String,
        /// The new ones.
        observed: String,
    },
    /// A rule of order, or a law between values, does not hold.
    Broken {
        /// How, as in `is not the sum of its parts`.
        flaw: String,
    },
    /// There is no contract for it.
    Unknown,
}

/// What the two sides are called in a sentence.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nouns {
    /// What the place is called that has no path.
    pub(crate) whole: &'static str,
    pub(crate) of_left: &'static str,
    pub(crate) in_left: &'static str,
    pub(crate) of_right: &'static str,
    pub(crate) in_right: &'static str,
}

/// A contract against an answer.
pub(crate) const CONTRACT: Nouns = Nouns {
    whole: "the answer",
    of_left: "of the contract",
    in_left: "in the contract",
    of_right: "of the answer",
    in_right: "in the answer",
};

impl Difference {
    pub(crate) fn new(path: impl Into<String>, kind: DifferenceKind, grade: Grade) -> Self {
        Self {
            path: path.into(),
            kind,
            grade,
        }
    }

    /// A rule or law that does not hold.
    pub(crate) fn broken(path: impl Into<String>, flaw: impl Into<String>) -> Self {
        let flaw = flaw.into();
        Self::new(path, DifferenceKind::Broken { flaw }, Grade::Breaking)
    }

    /// The sentence without its grade.
    pub(crate) fn sentence(&self, nouns: Nouns) -> String {
        let place = if self.path.is_empty() {
            nouns.whole.to_owned()
        } else {
            format!("`{}`", self.path)
        };
        let Nouns {
            of_left,
            in_left,
            of_right,
            in_right,
            ..
        } = nouns;
        match &self.kind {
            DifferenceKind::Missing { at_times: false } => {
                format!("{place} {of_left} is missing {in_right}")
            }
            DifferenceKind::Missing { at_times: true } => {
                format!("{place} {of_left} is missing at times {in_right}")
            }
            DifferenceKind::Renamed { to } => format!("{place} {of_left} is `{to}` {in_right}"),
            DifferenceKind::Added => format!("{place} {of_right} is not {in_left}"),
            DifferenceKind::Type { contract, observed }
            | DifferenceKind::Words { contract, observed } => {
                format!("{place} is {contract} {in_left} and {observed} {in_right}")
            }
            DifferenceKind::Broken { flaw } => format!("{place} {flaw}"),
            DifferenceKind::Unknown => format!("{place} has no contract"),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.grade, self.sentence(CONTRACT))
    }
}
