//! Holds an observed shape against a contract's and names what differs.
//!
//! Invariants: a shape does not differ from itself; below a field that is missing, new or renamed nothing more is named.
//! Does not know: files, where shapes come from.

use std::collections::BTreeSet;

use crate::difference::{Difference, DifferenceKind, Grade};
use crate::path;
use crate::shape::{Field, Kind, Shape};

/// What differs between answers and a contract: breaking first, then by path.
pub fn compare(observed: &Shape, contract: &Shape) -> Vec<Difference> {
    let mut differences = Vec::new();
    walk("", observed, contract, &mut differences);
    differences.sort_by(|left, right| (left.grade, &left.path).cmp(&(right.grade, &right.path)));
    differences
}

fn walk(path: &str, observed: &Shape, contract: &Shape, differences: &mut Vec<Difference>) {
    if contract.kinds.is_empty() {
        return;
    }
    let fits =
        |kind: &Kind| contract.has(*kind) || (*kind == Kind::Integer && contract.has(Kind::Number));
    if !observed.kinds.iter().all(fits) {
        let kind = DifferenceKind::Type {
            contract: contract.describe(),
            observed: observed.describe(),
        };
        differences.push(Difference {
            path: path.to_owned(),
            kind,
            grade: Grade::Breaking,
        });
    }
    differences.extend(words(path, observed, contract));
    if let (Some(observed), Some(contract)) = (&observed.element, &contract.element) {
        walk(&path::element(path), observed, contract, differences);
    }
    if observed.has(Kind::Object) && contract.has(Kind::Object) {
        fields(path, observed, contract, differences);
    }
}

fn words(path: &str, observed: &Shape, contract: &Shape) -> Option<Difference> {
    let listed = contract.words.as_ref()?;
    let new: BTreeSet<String> = observed
        .words
        .as_ref()?
        .difference(listed)
        .cloned()
        .collect();
    if new.is_empty() {
        return None;
    }
    // A single word is what tells one object from another; of several, clients must expect more.
    let grade = if listed.len() == 1 {
        Grade::Breaking
    } else {
        Grade::Additive
    };
    let new = Shape {
        words: Some(new),
        ..Shape::default()
    };
    let kind = DifferenceKind::Words {
        contract: contract.describe(),
        observed: new.describe(),
    };
    Some(Difference {
        path: path.to_owned(),
        kind,
        grade,
    })
}

fn fields(path: &str, observed: &Shape, contract: &Shape, differences: &mut Vec<Difference>) {
    let mut added: Vec<(&String, &Field)> = observed
        .fields
        .iter()
        .filter(|(name, _)| !contract.fields.contains_key(*name))
        .collect();
    for (name, wanted) in &contract.fields {
        let place = path::field(path, name);
        let kind = match observed.fields.get(name) {
            Some(field) => {
                walk(&place, &field.shape, &wanted.shape, differences);
                (field.optional && !wanted.optional)
                    .then_some(DifferenceKind::Missing { at_times: true })
            }
            None if wanted.optional => None,
            None => match added
                .iter()
                .position(|(_, field)| is_alike(&field.shape, &wanted.shape))
            {
                Some(at) => Some(DifferenceKind::Renamed {
                    to: path::field(path, added.swap_remove(at).0),
                }),
                None => Some(DifferenceKind::Missing { at_times: false }),
            },
        };
        differences.extend(kind.map(|kind| Difference {
            path: place,
            kind,
            grade: Grade::Breaking,
        }));
    }
    let is_new = |(name, _): (&String, &Field)| Difference {
        path: path::field(path, name),
        kind: DifferenceKind::Added,
        grade: Grade::Additive,
    };
    differences.extend(added.into_iter().map(is_new));
}

/// Whether a new field could be a missing one under another name.
fn is_alike(observed: &Shape, contract: &Shape) -> bool {
    let mut differences = Vec::new();
    walk("", observed, contract, &mut differences);
    !contract.kinds.is_empty() && differences.is_empty()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::proptest;
    use serde_json::{Value, json};

    use super::compare;
    use crate::Shape;
    use crate::shape::tests::values;

    fn shape(values: &[Value]) -> Shape {
        let closed = BTreeSet::from(["object".to_owned(), "reason".to_owned()]);
        values
            .iter()
            .map(|value| Shape::observe(value, &closed))
            .reduce(Shape::merged)
            .unwrap()
    }

    fn check(contract: &[Value], observed: &[Value], expected: &[&str]) {
        let differences: Vec<String> = compare(&shape(observed), &shape(contract))
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(differences, expected);
    }

    #[test]
    fn what_a_client_would_miss_breaks() {
        let contract = [json!({"a": {"b": 1}, "c": "x"})];
        check(
            &contract,
            &[json!({"c": "x"})],
            &["breaking: `a` of the contract is missing in the answer"],
        );
        check(
            &contract,
            &[json!({"a": {}, "c": "x"})],
            &["breaking: `a.b` of the contract is missing in the answer"],
        );
        let once = [json!({"a": {"b": 1}, "c": "x"}), json!({"a": {"b": 1}})];
        check(
            &contract,
            &once,
            &["breaking: `c` of the contract is missing at times in the answer"],
        );
        let null = [json!({"a": null, "c": "x"})];
        check(
            &contract,
            &null,
            &["breaking: `a` is object in the contract and null in the answer"],
        );
        check(
            &contract,
            &[json!([])],
            &["breaking: the answer is object in the contract and array in the answer"],
        );
    }

    #[test]
    fn a_renamed_field_is_named_on_both_sides() {
        let (contract, observed) = (
            json!([{"embedding": [0.5], "index": 0}]),
            json!([{"vector": [0.5], "index": 0}]),
        );
        check(
            &[contract],
            &[observed],
            &["breaking: `[].embedding` of the contract is `[].vector` in the answer"],
        );
    }

    #[test]
    fn what_is_new_is_additive() {
        check(
            &[json!({})],
            &[json!({"new": {"deep": 1}})],
            &["additive: `new` of the answer is not in the contract"],
        );
        let reasons = [json!({"reason": "stop"}), json!({"reason": "length"})];
        let expected =
            "additive: `reason` is 'length' | 'stop' in the contract and 'cut' in the answer";
        check(&reasons, &[json!({"reason": "cut"})], &[expected]);
        let expected = "breaking: `object` is 'list' in the contract and 'page' in the answer";
        check(
            &[json!({"object": "list"})],
            &[json!({"object": "page"})],
            &[expected],
        );
    }

    #[test]
    fn optional_fields_integers_and_empty_arrays_fit() {
        let contract = [
            json!({"a": 0.5, "b": [1], "c": 1}),
            json!({"a": 0.5, "b": [1]}),
        ];
        check(&contract, &[json!({"a": 1, "b": []})], &[]);
    }

    proptest! {
        #[test]
        fn a_shape_does_not_differ_from_itself_nor_from_a_wider_one(one in values(), other in values()) {
            let (one, both) = (shape(std::slice::from_ref(&one)), shape(&[one, other]));
            assert_eq!(compare(&one, &one), []);
            assert_eq!(compare(&one, &both), []);
        }
    }
}
