//! A difference with the contract and the part of the exchange that it was found in.
//!
//! Invariants: reads as one line; equal findings are one.
//! Does not know: how findings are found.

use std::fmt;

use crate::difference::{CONTRACT, Difference, DifferenceKind, Nouns};

/// The part of an exchange that differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// The body of the answer, or its events.
    Answer,
    /// The body of the request.
    Request,
    /// The headers of the answer.
    Headers,
    /// The order of a stream's events.
    Order,
    /// The status of the answer.
    Status,
    /// A law between values, as a sum.
    Law,
}

impl Place {
    pub(crate) const ALL: [Self; 6] = [
        Self::Answer,
        Self::Request,
        Self::Headers,
        Self::Order,
        Self::Status,
        Self::Law,
    ];

    /// Its name in sentences and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Request => "request",
            Self::Headers => "headers",
            Self::Order => "order",
            Self::Status => "status",
            Self::Law => "law",
        }
    }
}

/// What was held against what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sides {
    /// The contract against what was observed.
    Contract,
    /// What the upstream answers by itself against what it answers through keyward.
    Through,
}

/// Something that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The stem of the contract's file, as in `chat_completion`; for an exchange without one, its call.
    pub contract: String,
    /// The part of the exchange.
    pub place: Place,
    /// What was compared.
    pub sides: Sides,
    /// What differs.
    pub difference: Difference,
}

impl Finding {
    pub(crate) fn new(contract: &str, place: Place, difference: Difference) -> Self {
        Self {
            contract: contract.to_owned(),
            place,
            sides: Sides::Contract,
            difference,
        }
    }

    pub(crate) fn through(contract: &str, place: Place, difference: Difference) -> Self {
        Self {
            sides: Sides::Through,
            ..Self::new(contract, place, difference)
        }
    }

    /// What differs as a sentence, without grade, contract and place. The same for a field that is missing always
    /// and one that is missing at times, so that it names a drift from run to run.
    pub fn sentence(&self) -> String {
        let mut difference = self.difference.clone();
        if let DifferenceKind::Missing { at_times } = &mut difference.kind {
            *at_times = false;
        }
        difference.sentence(self.nouns())
    }

    fn nouns(&self) -> Nouns {
        let whole = match self.place {
            Place::Answer | Place::Law => "the answer",
            Place::Request => "the request",
            Place::Headers => "the head",
            Place::Order => "the order",
            Place::Status => "the status",
        };
        match (self.sides, self.place) {
            (Sides::Contract, Place::Request) => Nouns {
                whole,
                of_right: "of the request",
                in_right: "in the request",
                ..CONTRACT
            },
            (Sides::Contract, _) => Nouns { whole, ..CONTRACT },
            (Sides::Through, _) => Nouns {
                whole,
                of_left: "of the direct answer",
                in_left: "in the direct answer",
                of_right: "of the answer through keyward",
                in_right: "through keyward",
            },
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let grade = self.difference.grade;
        write!(formatter, "{grade}: {}", self.contract)?;
        if self.place != Place::Answer {
            write!(formatter, ", {}", self.place.name())?;
        }
        write!(formatter, ": {}", self.difference.sentence(self.nouns()))
    }
}

/// Breaking first, then by contract, place and path; the same finding once.
pub(crate) fn sorted(mut findings: Vec<Finding>) -> Vec<Finding> {
    let key = |finding: &Finding| {
        let Finding {
            contract,
            place,
            difference,
            ..
        } = finding;
        (
            difference.grade,
            contract.clone(),
            *place,
            difference.path.clone(),
            difference.sentence(CONTRACT),
        )
    };
    findings.sort_by_cached_key(key);
    findings.dedup();
    findings
}

#[cfg(test)]
mod tests {
    use super::{Finding, Place, sorted};
    use crate::difference::{Difference, DifferenceKind, Grade};

    fn missing(at_times: bool) -> Difference {
        Difference::new("a", DifferenceKind::Missing { at_times }, Grade::Breaking)
    }

    #[test]
    fn both_sides_are_named() {
        let check = |finding: Finding, expected: &str| assert_eq!(finding.to_string(), expected);
        check(
            Finding::new("x", Place::Answer, missing(false)),
            "breaking: x: `a` of the contract is missing in the answer",
        );
        check(
            Finding::new("x", Place::Headers, missing(true)),
            "breaking: x, headers: `a` of the contract is missing at times in the answer",
        );
        check(
            Finding::new("x", Place::Request, missing(false)),
            "breaking: x, request: `a` of the contract is missing in the request",
        );
        check(
            Finding::through("x", Place::Answer, missing(false)),
            "breaking: x: `a` of the direct answer is missing through keyward",
        );
        check(
            Finding::new(
                "x",
                Place::Order,
                Difference::broken("done last", "does not hold"),
            ),
            "breaking: x, order: `done last` does not hold",
        );
    }

    #[test]
    fn a_sentence_names_a_drift_from_run_to_run() {
        let [always, at_times] =
            [false, true].map(|at_times| Finding::new("x", Place::Answer, missing(at_times)));
        assert_eq!(always.sentence(), at_times.sentence());
    }

    #[test]
    fn what_breaks_comes_first_and_once() {
        let added = Difference::new("a", DifferenceKind::Added, Grade::Additive);
        let added = Finding::new("x", Place::Answer, added);
        let missing = Finding::new("y", Place::Answer, missing(false));
        let found = sorted(vec![added.clone(), missing.clone(), added.clone()]);
        assert_eq!(found, [missing, added]);
    }
}
