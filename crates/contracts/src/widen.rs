//! Widens a contract by what was observed, so that it allows both.
//!
//! Invariants: what fitted before still fits; what was observed fits now; a field that was required and is missing
//! becomes optional, a new one is optional.
//! Does not know: files, where observations come from.

use std::collections::BTreeMap;

use crate::exchange::Exchange;
use crate::headers::{HeaderRule, has_meaning};
use crate::shape::{Field, Kind, Shape};

/// Makes `contract` allow what `observed` has.
pub(crate) fn widen(contract: &mut Shape, observed: &Shape) {
    if contract.kinds.is_empty() {
        return;
    }
    let (had_array, had_object) = (contract.has(Kind::Array), contract.has(Kind::Object));
    if !contract.has(Kind::String) {
        contract.words = observed.words.clone();
    } else if let (Some(words), Some(seen)) = (&mut contract.words, &observed.words) {
        words.extend(seen.iter().cloned());
    }
    let is_new = |kind: &&Kind| **kind != Kind::Integer || !contract.has(Kind::Number);
    let new: Vec<Kind> = observed.kinds.iter().filter(is_new).copied().collect();
    contract.kinds.extend(new);
    match (&mut contract.element, &observed.element) {
        (Some(contract), Some(observed)) => widen(contract, observed),
        (None, Some(_)) if !had_array => contract.element = observed.element.clone(),
        _ => {}
    }
    match (had_object, observed.has(Kind::Object)) {
        (true, true) => widen_fields(&mut contract.fields, &observed.fields),
        (false, true) => contract.fields = observed.fields.clone(),
        _ => {}
    }
}

fn widen_fields(contract: &mut BTreeMap<String, Field>, observed: &BTreeMap<String, Field>) {
    for (name, field) in contract.iter_mut() {
        match observed.get(name) {
            Some(seen) => {
                field.optional |= seen.optional;
                widen(&mut field.shape, &seen.shape);
            }
            None => field.optional = true,
        }
    }
    for (name, seen) in observed {
        contract.entry(name.clone()).or_insert_with(|| Field {
            optional: true,
            shape: seen.shape.clone(),
        });
    }
}

/// Makes `rules` allow the heads of answers.
pub(crate) fn widen_headers(rules: &mut BTreeMap<String, HeaderRule>, answers: &[&Exchange]) {
    for (name, rule) in rules.iter_mut() {
        rule.optional |= answers.iter().any(|answer| answer.header(name).is_none());
    }
    let mut new: BTreeMap<String, HeaderRule> = BTreeMap::new();
    for (name, value) in answers.iter().flat_map(|answer| &answer.headers) {
        match rules.get_mut(name) {
            Some(rule) => rule.widen(value),
            None if has_meaning(name) => {
                let rule = new.entry(name.clone()).or_default();
                rule.optional = true;
                rule.learn(name, value);
            }
            None => {}
        }
    }
    rules.extend(new);
}
