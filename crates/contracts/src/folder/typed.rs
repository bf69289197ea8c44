//! Streams whose events have a type each, and a shape for each type.
//!
//! Invariants: an event of an unknown type is one additive finding, whatever is in it; what looks like another
//! contract's place is held to that contract.
//! Does not know: the order of events.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Contracts;
use crate::compare::compare;
use crate::contract::{Contract, EventShape, observe};
use crate::difference::{Difference, DifferenceKind, Grade};
use crate::finding::{Finding, Place};
use crate::likes::{self, Like};
use crate::shape::Shape;
use crate::widen::widen;

impl Contracts {
    /// The contract of one type of event in the file of this stem, with all that it looks like written out.
    pub fn event(&self, stem: &str, kind: &str) -> Option<Contract> {
        let contract = self.get(stem)?;
        let event = contract.events.get(kind)?;
        Some(Contract {
            shape: self.written_out(&event.shape, &event.likes),
            likes: BTreeMap::new(),
            events: BTreeMap::new(),
            ..contract.clone()
        })
    }

    /// The contract in the file of this stem, with all that it looks like written out.
    pub fn whole(&self, stem: &str) -> Option<Contract> {
        let contract = self.get(stem)?;
        Some(Contract {
            shape: self.shape_of(contract),
            likes: BTreeMap::new(),
            ..contract.clone()
        })
    }

    pub(super) fn shape_of(&self, contract: &Contract) -> Shape {
        self.written_out(&contract.shape, &contract.likes)
    }

    fn written_out(&self, shape: &Shape, likes: &BTreeMap<String, Like>) -> Shape {
        likes::resolve(shape, likes, &|stem| {
            let contract = self.get(stem)?;
            Some((&contract.shape, &contract.likes))
        })
    }

    /// What differs between events and the shapes of their types.
    pub(super) fn check_kinds(
        &self,
        stem: &str,
        contract: &Contract,
        values: &[&Value],
    ) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (kind, values) in kinds(values) {
            let Some(event) = contract.events.get(kind) else {
                let difference = unknown(contract, kind);
                findings.push(Finding::new(stem, Place::Answer, difference));
                continue;
            };
            let shape = self.written_out(&event.shape, &event.likes);
            let observed = observe(&shape, &values);
            let differences = observed.map(|observed| compare(&observed, &shape));
            let name = format!("{stem} {kind}");
            let find = |difference| Finding::new(&name, Place::Answer, difference);
            findings.extend(differences.into_iter().flatten().map(find));
        }
        findings
    }

    /// What was observed at places that look like another contract's.
    pub(super) fn seen_elsewhere(
        &self,
        contract: &Contract,
        values: &[&Value],
    ) -> Vec<(Like, Shape)> {
        let mut seen = Vec::new();
        let mut look = |shape: &Shape, likes: &BTreeMap<String, Like>, values: &[&Value]| {
            let Some(observed) = observe(&self.written_out(shape, likes), values) else {
                return;
            };
            for (path, like) in likes {
                if let Some(place) = likes::at(&observed, path) {
                    seen.push((like.clone(), place.clone()));
                }
            }
        };
        if contract.events.is_empty() {
            look(&contract.shape, &contract.likes, values);
        }
        for (kind, values) in kinds(values) {
            if let Some(event) = contract.events.get(kind) {
                look(&event.shape, &event.likes, &values);
            }
        }
        seen
    }
}

/// Makes the shapes of types allow the events.
pub(super) fn widen_kinds(contract: &mut Contract, values: &[&Value]) {
    for (kind, values) in kinds(values) {
        let known = contract.events.get(kind).map(|event| event.shape.clone());
        let Some(observed) = observe(&known.clone().unwrap_or_default(), &values) else {
            continue;
        };
        match contract.events.get_mut(kind) {
            Some(event) => widen(&mut event.shape, &observed),
            None if kind.is_empty() => {}
            None => {
                let event = EventShape {
                    shape: observed,
                    likes: BTreeMap::new(),
                };
                contract.events.insert(kind.to_owned(), event);
            }
        }
    }
}

/// Events by their type; those without one stand under the empty name.
fn kinds<'a>(values: &[&'a Value]) -> BTreeMap<&'a str, Vec<&'a Value>> {
    let mut kinds: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for value in values {
        let kind = value["type"].as_str().unwrap_or_default();
        kinds.entry(kind).or_default().push(value);
    }
    kinds
}

fn unknown(contract: &Contract, kind: &str) -> Difference {
    if kind.is_empty() {
        let missing = DifferenceKind::Missing { at_times: true };
        return Difference::new("type", missing, Grade::Breaking);
    }
    let words = |words: BTreeSet<String>| {
        let shape = Shape {
            words: Some(words),
            ..Shape::default()
        };
        shape.describe()
    };
    let kind = DifferenceKind::Words {
        contract: words(contract.events.keys().cloned().collect()),
        observed: words(BTreeSet::from([kind.to_owned()])),
    };
    Difference::new("type", kind, Grade::Additive)
}

#[cfg(test)]
mod tests {
    use super::super::{Contracts, Learned};
    use crate::exchange::{Exchange, Payload};
    use serde_json::{Value, json};

    fn typed() -> Contracts {
        let whole = r#"
        origin = "documented"
        when = ""
        [call]
        method = "POST"
        route = "/r"
        also = "GET /r/{id}"
        [shape]
        "id" = "string"
        "items" = "array"
        "items[]" = "object" # of any type
        "items[].type" = "'message' | 'call'"
    "#;
        let events = r#"
        origin = "documented"
        when = ""
        [call]
        method = "POST"
        route = "/r"
        part = "events"
        [shape]
        "type" = "string"
        [events."r.begun"]
        "type" = "'r.begun'"
        "r" = "like whole"
        [events."r.item"]
        "type" = "'r.item'"
        "item" = "optional like whole items[]"
    "#;
        let files = [("whole", whole), ("events", events)];
        let files = files.map(|(stem, text)| (stem.to_owned(), text.to_owned()));
        Contracts::read(files).unwrap()
    }

    fn stream(values: &[Value]) -> Exchange {
        let body: String = values
            .iter()
            .map(|value| format!("data: {value}\n\n"))
            .collect();
        Exchange {
            method: "POST".to_owned(),
            route: "/r".to_owned(),
            status: 200,
            headers: Vec::new(),
            request: None,
            answer: Payload::read("text/event-stream", body.as_bytes()),
        }
    }

    #[test]
    fn events_are_held_to_the_shape_of_their_type_and_what_it_looks_like() {
        let contracts = typed();
        let good = [
            json!({"type": "r.begun", "r": {"id": "a", "items": []}}),
            json!({"type": "r.item", "item": {"type": "call"}}),
        ];
        assert_eq!(contracts.check(&[stream(&good)]), []);
        let odd = [
            json!({"type": "r.begun", "r": {"id": 7, "items": [{"type": "call"}]}}),
            json!({"type": "r.item", "item": {"kind": "call"}}),
            json!({"type": "r.new", "any": 1}),
            json!({"any": 1}),
        ];
        let found: Vec<String> = contracts
            .check(&[stream(&odd)])
            .iter()
            .map(ToString::to_string)
            .collect();
        let expected = [
            "breaking: events: `type` of the contract is missing at times in the answer",
            "breaking: events r.begun: `r.id` is string in the contract and integer in the answer",
            "breaking: events r.item: `item.type` of the contract is `item.kind` in the answer",
            "additive: events: `type` is 'r.begun' | 'r.item' in the contract and 'r.new' in the answer",
        ];
        assert_eq!(found, expected);
        let event = contracts.event("events", "r.item").unwrap();
        assert!(
            event
                .examples()
                .iter()
                .any(|example| example.value["item"]["type"] == "call")
        );
    }

    #[test]
    fn what_events_show_is_accepted_where_it_is_written() {
        let mut contracts = typed();
        let new = [
            json!({"type": "r.begun", "r": {"id": null, "items": [{"type": "search"}]}, "more": 1}),
            json!({"type": "r.new", "any": 1}),
        ];
        let learned = Learned {
            when: "2026-11-23".to_owned(),
            model: None,
            upstream: "u".to_owned(),
        };
        let files = contracts.accept(&[stream(&new)], &learned);
        let text = |name: &str| &files.iter().find(|(file, _)| file == name).unwrap().1;
        assert!(text("whole.toml").contains("\"id\" = \"null | string\""));
        assert!(
            text("whole.toml").contains("'search'") && text("whole.toml").contains("# of any type")
        );
        assert!(text("events.toml").contains("\"r\" = \"like whole\""));
        assert!(text("events.toml").contains("\"more\" = \"optional integer\""));
        assert!(text("events.toml").contains("r.new"));
        assert_eq!(contracts.check(&[stream(&new)]), []);
    }

    #[test]
    fn a_place_that_looks_like_nothing_is_refused() {
        let text = r#"
        origin = "documented"
        when = ""
        [shape]
        "a" = "like nowhere"
    "#;
        let error = Contracts::read([("x".to_owned(), text.to_owned())]).unwrap_err();
        assert!(error.to_string().contains("`a`"), "{error}");
    }
}
