//! Laws and cases of observing and merging.
//!
//! Invariants: none of its own.
//! Does not know: contracts.

use std::collections::BTreeSet;

use proptest::prelude::{Just, Strategy, any, prop, prop_oneof, proptest};
use serde_json::{Value, json};

use super::{Kind, Shape};

pub(crate) fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        Just(json!(0.5)),
        "[a-c]{0,2}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-c.\"\\[ ]{0,2}", inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn observe(value: &Value) -> Shape {
    Shape::observe(value, &BTreeSet::from(["a".to_owned(), "b[]".to_owned()]))
}

fn check(values: &[Value], field: &str, optional: bool, expected: &str) {
    let shape = values.iter().map(observe).reduce(Shape::merged).unwrap();
    assert_eq!(
        (
            shape.fields[field].optional,
            shape.fields[field].shape.describe()
        ),
        (optional, expected.to_owned())
    );
}

#[test]
fn fields_become_optional_and_types_add_up() {
    check(&[json!({"x": 1})], "x", false, "integer");
    check(
        &[json!({"x": 1}), json!({"x": null})],
        "x",
        false,
        "integer | null",
    );
    check(&[json!({"x": 1}), json!({})], "x", true, "integer");
    check(&[json!({}), json!({"x": 1})], "x", true, "integer");
    // A null says nothing about the fields of an object.
    check(&[json!({"x": 1}), json!(null)], "x", false, "integer");
}

#[test]
fn only_closed_strings_are_kept() {
    check(
        &[
            json!({"a": "stop"}),
            json!({"a": "length"}),
            json!({"a": null}),
        ],
        "a",
        false,
        "'length' | 'stop' | null",
    );
    check(&[json!({"x": "stop"})], "x", false, "string");
    assert!(
        !format!(
            "{:?}",
            observe(&json!({"x": ["private"], "y": {"a": "private"}}))
        )
        .contains("private")
    );
}

#[test]
fn elements_have_one_shape_together() {
    let shape = observe(&json!([{"x": 1}, {"x": 0.5, "y": []}]));
    let element = shape.element.unwrap();
    assert_eq!(
        element.fields["x"].shape.kinds,
        BTreeSet::from([Kind::Integer, Kind::Number])
    );
    assert!(element.fields["y"].optional && element.fields["y"].shape.element.is_none());
}

proptest! {
    #[test]
    fn merging_is_commutative_and_idempotent(left in values(), right in values()) {
        let (left, right) = (observe(&left), observe(&right));
        assert_eq!(left.clone().merged(right.clone()), right.clone().merged(left.clone()));
        assert_eq!(left.clone().merged(left.clone()), left);
        let both = left.clone().merged(right);
        assert_eq!(both.clone().merged(left), both);
    }
}
