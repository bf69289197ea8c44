//! Reading and writing contract files.
//!
//! Invariants: none of its own.
//! Does not know: the contracts of this workspace.

use std::collections::BTreeSet;

use proptest::prelude::{any, prop, proptest};

use super::{Contract, Origin};
use crate::Shape;
use crate::shape::tests::values;

fn read(shape: &str) -> Result<Contract, String> {
    let text =
        format!("origin = \"observed\"\nwhen = \"2026-11-22\"\nmodel = \"m\"\n[shape]\n{shape}");
    Contract::read(&text).map_err(|error| error.to_string())
}

#[test]
fn a_file_reads_as_it_is_written() {
    let lines = "\"a\" = \"'it''s' | 'on' | null\"\n\"b\" = \"optional array\"\n\"b[]\" = \"object\"\n\"b[].c\" = \"anything\"\n";
    let contract = read(lines).unwrap();
    assert!(contract.write().ends_with(lines), "{}", contract.write());
    assert_eq!(contract.origin, Origin::Observed);
    let words = contract.shape.fields["a"].shape.words.clone();
    assert_eq!(
        words,
        Some(BTreeSet::from(["it's".to_owned(), "on".to_owned()]))
    );
}

#[test]
fn places_that_make_no_sense_are_named() {
    for (lines, flaw) in [
        ("\"a.b\" = \"string\"", "`a.b`: its parent has no line"),
        (
            "\"a\" = \"string\"\n\"a.b\" = \"string\"",
            "`a.b`: its parent is no object",
        ),
        (
            "\"a\" = \"string\"\n\"a[]\" = \"string\"",
            "`a[]`: its parent is no array",
        ),
        ("\"a\" = \"text\"", "`a`: a type is unknown"),
        ("\"a\" = \"\"", "`a`: a type is unknown"),
        ("\"a\" = \"string or null\"", "`a`: types are separated"),
        ("\"a\" = \"'open\"", "`a`: a word has no closing quote"),
        ("\"a..b\" = \"string\"", "`a..b`: it is no path"),
    ] {
        let error = read(lines).unwrap_err();
        assert!(error.contains(flaw), "{error}");
    }
    assert!(Contract::read("origin = \"guessed\"\nwhen = \"\"\n[shape]\n").is_err());
    assert!(Contract::read("origin = \"observed\"\nwhen = \"\"\nshapes = 1\n[shape]\n").is_err());
}

proptest! {
    #[test]
    fn every_contract_survives_its_file(
        value in values(), other in values(), when in any::<String>(), model in prop::option::of(any::<String>())
    ) {
        let closed = BTreeSet::from(["a".to_owned(), "[]".to_owned()]);
        let shape = Shape::observe(&value, &closed).merged(Shape::observe(&other, &closed));
        let contract = Contract { origin: Origin::Documented, when, model, shape, ..Contract::default() };
        assert_eq!(Contract::read(&contract.write()).unwrap(), contract);
    }
}
