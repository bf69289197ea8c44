//! Holds what the upstream answers through keyward against what it answers by itself.
//!
//! Invariants: the same exchanges on both sides differ in nothing; what keyward does by design is no finding.
//! Does not know: contracts; wording and numbers of answers.

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;

use crate::compare::compare;
use crate::difference::{Difference, DifferenceKind, Grade};
use crate::exchange::{Exchange, Payload};
use crate::finding::{Finding, Place, sorted};
use crate::folder::form;
use crate::headers::{self, HeaderRule, has_meaning};
use crate::ours::Ours;
use crate::path;
use crate::shape::{Field, Kind, Shape};

/// What differs through keyward, beyond `ours`. Equal requests are paired, in their order, and their statuses and
/// forms compared; shapes and headers are compared over all answers of one route, status and form, so that a field
/// which comes and goes by itself is no finding where it did so on both sides.
pub fn between(direct: &[Exchange], through: &[Exchange], ours: &Ours) -> Vec<Finding> {
    let mut findings: Vec<Finding> = pairs(direct, through)
        .into_iter()
        .filter(|(direct, through)| !(direct.is_refused() && ours.refused(through)))
        .filter_map(|(direct, through)| outcome(direct, through, ours))
        .collect();
    let through: Vec<&Exchange> = through
        .iter()
        .filter(|exchange| !ours.refused(exchange))
        .collect();
    let (direct, through) = (groups(direct.iter()), groups(through.into_iter()));
    for (kind, direct) in &direct {
        if let Some(through) = through.get(kind) {
            findings.extend(bodies(kind, direct, through, ours));
            findings.extend(heads(kind, direct, through, ours));
        }
    }
    sorted(findings)
}

/// Each direct exchange with the one through keyward that had the same request and the same turn.
fn pairs<'a>(direct: &'a [Exchange], through: &'a [Exchange]) -> Vec<(&'a Exchange, &'a Exchange)> {
    let mut waiting: BTreeMap<String, VecDeque<&Exchange>> = BTreeMap::new();
    for exchange in through {
        waiting
            .entry(request(exchange))
            .or_default()
            .push_back(exchange);
    }
    let pair = |exchange: &'a Exchange| {
        let through = waiting.get_mut(&request(exchange))?.pop_front()?;
        Some((exchange, through))
    };
    direct.iter().filter_map(pair).collect()
}

fn request(exchange: &Exchange) -> String {
    let body = exchange.request.as_ref().map(Value::to_string);
    let Exchange { method, route, .. } = exchange;
    format!("{method} {route} {}", body.unwrap_or_default())
}

/// Status or form, if they differ.
fn outcome(direct: &Exchange, through: &Exchange, ours: &Ours) -> Option<Finding> {
    let call = format!("{} {}", direct.method, direct.route);
    let (place, contract, observed) = if !ours.may_answer(direct.status, through.status) {
        let [direct, through] = [direct, through].map(|exchange| exchange.status.to_string());
        (Place::Status, direct, through)
    } else if direct.status == through.status && form(&direct.answer) != form(&through.answer) {
        (Place::Answer, form(&direct.answer), form(&through.answer))
    } else {
        return None;
    };
    let kind = DifferenceKind::Type { contract, observed };
    let difference = Difference::new("", kind, Grade::Breaking);
    Some(Finding::through(&call, place, difference))
}

/// Exchanges by what makes them comparable.
fn groups<'a>(
    exchanges: impl Iterator<Item = &'a Exchange>,
) -> BTreeMap<String, Vec<&'a Exchange>> {
    let mut groups: BTreeMap<String, Vec<&Exchange>> = BTreeMap::new();
    for exchange in exchanges {
        let Exchange {
            method,
            route,
            status,
            answer,
            ..
        } = exchange;
        let events = match answer {
            Payload::Events(_) => " (events)",
            _ => "",
        };
        let status = if exchange.is_refused() {
            format!(", {status}")
        } else {
            String::new()
        };
        let kind = format!("{method} {route}{events}{status}");
        groups.entry(kind).or_default().push(exchange);
    }
    groups
}

fn bodies(kind: &str, direct: &[&Exchange], through: &[&Exchange], ours: &Ours) -> Vec<Finding> {
    let shape = |exchanges: &[&Exchange]| {
        exchanges
            .iter()
            .flat_map(|exchange| exchange.values())
            .map(|value| Shape::observe(value, &ours.words))
            .reduce(Shape::merged)
    };
    let (Some(mut direct), Some(through)) = (shape(direct), shape(through)) else {
        return Vec::new();
    };
    let mut differences = Vec::new();
    gone("", &direct, &through, &mut differences);
    for (name, field) in &ours.shape.fields {
        let added = Field {
            optional: true,
            shape: field.shape.clone(),
        };
        direct.fields.entry(name.clone()).or_insert(added);
    }
    differences.extend(compare(&through, &direct));
    differences
        .into_iter()
        .map(|difference| Finding::through(kind, Place::Answer, difference))
        .collect()
}

/// Fields that come and go directly and never come through keyward: to [`compare`] they are optional.
fn gone(path: &str, direct: &Shape, through: &Shape, differences: &mut Vec<Difference>) {
    let comes = through.has(Kind::Object);
    for (name, field) in direct.fields.iter().filter(|_| comes) {
        let place = path::field(path, name);
        match through.fields.get(name) {
            Some(same) => gone(&place, &field.shape, &same.shape, differences),
            None if field.optional => {
                let kind = DifferenceKind::Missing { at_times: false };
                differences.push(Difference::new(&*place, kind, Grade::Breaking));
            }
            None => {}
        }
    }
    if let (Some(direct), Some(through)) = (&direct.element, &through.element) {
        gone(&path::element(path), direct, through, differences);
    }
}

fn heads(kind: &str, direct: &[&Exchange], through: &[&Exchange], ours: &Ours) -> Vec<Finding> {
    let mut rules: BTreeMap<String, HeaderRule> = BTreeMap::new();
    for (name, value) in direct.iter().flat_map(|exchange| &exchange.headers) {
        if has_meaning(name) && !ours.keeps_back(name) && !ours.headers.contains_key(name) {
            let rule = rules.entry(name.clone()).or_default();
            rule.optional = direct.iter().any(|answer| answer.header(name).is_none());
            rule.learn(name, value);
        }
    }
    rules.extend(ours.headers.clone());
    headers::check(through, &rules)
        .into_iter()
        .map(|difference| Finding::through(kind, Place::Headers, difference))
        .collect()
}

#[cfg(test)]
mod tests;
