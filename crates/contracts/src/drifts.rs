//! Drifts of a compatible upstream that were looked at and accepted: a list in a file.
//!
//! Invariants: what is written reads back, in a stable order; the reasons that people added stay.
//! Does not know: files, which upstream it is.

use serde::Deserialize;

use crate::contract::ContractError;
use crate::contract::text::quote;
use crate::difference::Grade;
use crate::finding::{Finding, Place, sorted};
use crate::folder::Learned;

/// The accepted drifts of one upstream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drifts {
    /// In the order of the file.
    pub drifts: Vec<Drift>,
}

/// A difference that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    /// The stem of the contract that it differs from.
    pub contract: String,
    /// The part of the exchange.
    pub place: Place,
    /// [`Finding::sentence`].
    pub difference: String,
    /// How bad it is.
    pub grade: Grade,
    /// The day it was accepted.
    pub when: String,
    /// The model that showed it, if one did.
    pub model: Option<String>,
    /// Why it may stay, by whom it concerns.
    pub why: Option<String>,
}

/// Findings, by what is known of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// Those that were accepted.
    pub accepted: Vec<Finding>,
    /// Those that were not.
    pub new: Vec<Finding>,
    /// What was accepted and is not found any more.
    pub gone: Vec<Drift>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    drift: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    contract: String,
    place: String,
    difference: String,
    grade: String,
    when: String,
    model: Option<String>,
    why: Option<String>,
}

impl Drifts {
    /// Reads a file of `[[drift]]` entries; an empty text is an empty list.
    ///
    /// Errors: [`ContractError`].
    pub fn read(text: &str) -> Result<Self, ContractError> {
        let file: File = toml::from_str(text)?;
        let drifts = file.drift.into_iter().map(Entry::read);
        Ok(Self {
            drifts: drifts.collect::<Result<_, _>>()?,
        })
    }

    /// The file's text; [`Drifts::read`] gives the same list back.
    pub fn write(&self) -> String {
        let texts = self.drifts.iter().map(Drift::write);
        texts.collect::<Vec<_>>().join("\n")
    }

    /// Tells accepted findings from new ones, and names what is gone.
    pub fn split(&self, findings: Vec<Finding>) -> Split {
        let mut split = Split::default();
        for finding in findings {
            if self.drifts.iter().any(|drift| drift.is(&finding)) {
                split.accepted.push(finding);
            } else {
                split.new.push(finding);
            }
        }
        let is_gone = |drift: &&Drift| !split.accepted.iter().any(|finding| drift.is(finding));
        split.gone = self.drifts.iter().filter(is_gone).cloned().collect();
        split
    }

    /// Makes `findings` the accepted ones: adds what is new, takes out what is gone, leaves the others as they are.
    pub fn accept(&mut self, findings: &[Finding], learned: &Learned) {
        let split = self.split(sorted(findings.to_vec()));
        self.drifts.retain(|drift| !split.gone.contains(drift));
        for finding in split.new {
            let drift = Drift {
                difference: finding.sentence(),
                contract: finding.contract,
                place: finding.place,
                grade: finding.difference.grade,
                when: learned.when.clone(),
                model: learned.model.clone(),
                why: None,
            };
            // Findings that differ in nothing but how often a field is missing are one drift.
            if !self.drifts.contains(&drift) {
                self.drifts.push(drift);
            }
        }
        self.drifts
            .sort_by(|left, right| left.key().cmp(&right.key()));
    }
}

impl Entry {
    fn read(self) -> Result<Drift, ContractError> {
        let place = Place::ALL
            .into_iter()
            .find(|place| place.name() == self.place)
            .ok_or("the place is unknown");
        let grade = [Grade::Breaking, Grade::Additive]
            .into_iter()
            .find(|grade| grade.name() == self.grade)
            .ok_or("the grade is unknown");
        Ok(Drift {
            place: place.map_err(ContractError::place(&self.place))?,
            grade: grade.map_err(ContractError::place(&self.grade))?,
            contract: self.contract,
            difference: self.difference,
            when: self.when,
            model: self.model,
            why: self.why,
        })
    }
}

impl Drift {
    fn is(&self, finding: &Finding) -> bool {
        self.contract == finding.contract
            && self.place == finding.place
            && self.grade == finding.difference.grade
            && self.difference == finding.sentence()
    }

    fn key(&self) -> (Grade, &str, Place, &str) {
        (self.grade, &self.contract, self.place, &self.difference)
    }

    fn write(&self) -> String {
        let mut lines = vec![
            ("contract", self.contract.as_str()),
            ("place", self.place.name()),
            ("difference", &self.difference),
            ("grade", self.grade.name()),
            ("when", &self.when),
        ];
        lines.extend(self.model.as_deref().map(|model| ("model", model)));
        lines.extend(self.why.as_deref().map(|why| ("why", why)));
        let lines = lines
            .into_iter()
            .map(|(name, value)| format!("{name} = {}\n", quote(value)));
        "[[drift]]\n".to_owned() + &lines.collect::<String>()
    }
}

impl std::fmt::Display for Drift {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (grade, place) = (self.grade, self.place.name());
        write!(
            formatter,
            "{grade}: {}, {place}: {}",
            self.contract, self.difference
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{Drifts, Learned};
    use crate::difference::{Difference, DifferenceKind, Grade};
    use crate::finding::{Finding, Place};

    fn finding(path: &str, at_times: bool) -> Finding {
        let kind = DifferenceKind::Missing { at_times };
        Finding::new(
            "x",
            Place::Answer,
            Difference::new(path, kind, Grade::Breaking),
        )
    }

    fn learned() -> Learned {
        Learned {
            when: "2026-11-22".to_owned(),
            model: Some("m \"1\"".to_owned()),
            upstream: "u".to_owned(),
        }
    }

    #[test]
    fn what_was_accepted_is_known_again_and_what_is_gone_is_named() {
        let mut drifts = Drifts::default();
        drifts.accept(
            &[finding("b", false), finding("a", false), finding("a", true)],
            &learned(),
        );
        assert_eq!(drifts.drifts.len(), 2, "{drifts:?}");
        assert_eq!(Drifts::read(&drifts.write()).unwrap(), drifts);
        let split = drifts.split(vec![finding("a", true), finding("c", false)]);
        assert_eq!(split.accepted, [finding("a", true)]);
        assert_eq!(split.new, [finding("c", false)]);
        assert_eq!(split.gone, drifts.drifts[1..]);
    }

    #[test]
    fn reasons_stay_and_accepting_again_changes_nothing() {
        let mut drifts = Drifts::default();
        drifts.accept(&[finding("a", false)], &learned());
        drifts.drifts[0].why = Some("known".to_owned());
        let before = drifts.clone();
        drifts.accept(
            &[finding("a", true)],
            &Learned {
                when: "2027-01-01".to_owned(),
                ..learned()
            },
        );
        assert_eq!(drifts, before);
        drifts.accept(&[], &learned());
        assert_eq!(drifts.write(), "");
    }

    #[test]
    fn an_unknown_place_or_grade_is_named() {
        let text = |place: &str, grade: &str| {
            format!(
                "[[drift]]\ncontract = \"x\"\nplace = \"{place}\"\ndifference = \"d\"\ngrade = \"{grade}\"\nwhen = \"\"\n"
            )
        };
        assert!(Drifts::read(&text("answer", "breaking")).is_ok());
        for (place, grade) in [("body", "breaking"), ("answer", "bad")] {
            let error = Drifts::read(&text(place, grade)).unwrap_err().to_string();
            assert!(error.contains("unknown"), "{error}");
        }
    }
}
