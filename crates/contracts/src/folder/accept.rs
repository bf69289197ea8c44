//! Widens the contracts of a folder by what was observed, as a small change of their files.
//!
//! Invariants: what was accepted is no finding afterwards, except a body that is neither JSON nor events; comments and
//! order of a file stay; a contract that allowed everything already keeps its text.
//! Does not know: files; it gives texts.

use std::collections::BTreeMap;

use serde_json::Value;

use super::typed::widen_kinds;
use super::{Contracts, ERROR, File, Held, is_error, served};
use crate::call::{Call, Part};
use crate::contract::{Contract, Origin};
use crate::edit::edit;
use crate::exchange::{Exchange, Payload};
use crate::widen::{widen, widen_headers};
use crate::{likes, order};

/// Where observations come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Learned {
    /// The day, as in `2026-11-22`.
    pub when: String,
    /// The model that answered, if it was one.
    pub model: Option<String>,
    /// The upstream's name.
    pub upstream: String,
}

impl Contracts {
    /// Widens the contracts so that `exchanges` fit: new fields are added as optional, missing ones become optional,
    /// types and words add up, broken rules of order go. An exchange on an unknown route or with an unknown status
    /// gets a contract of its own.
    ///
    /// Gives the files that change or are new: name and whole text.
    pub fn accept(&mut self, exchanges: &[Exchange], learned: &Learned) -> Vec<(String, String)> {
        let mut widened: BTreeMap<String, Contract> = BTreeMap::new();
        for (stem, answers) in self.by_contract(exchanges) {
            let contract = match self.get(&stem) {
                Some(contract) => widen_by(contract, &answers),
                None => learn(&answers),
            };
            widened.insert(stem, contract);
        }
        self.widen_elsewhere(exchanges, &mut widened);
        self.widen_values(exchanges, &mut widened);
        widened
            .into_iter()
            .filter_map(|(stem, contract)| self.replace(stem, contract, learned))
            .collect()
    }

    /// The exchanges by the stem of their contract, also of one that is not there yet.
    fn by_contract<'a>(&self, exchanges: &'a [Exchange]) -> BTreeMap<String, Vec<&'a Exchange>> {
        let mut all: BTreeMap<String, Vec<&Exchange>> = BTreeMap::new();
        for exchange in exchanges {
            // A page or an empty body has no shape to learn.
            if matches!(exchange.answer, Payload::Other { .. } | Payload::Empty) {
                continue;
            }
            let stem = match self.hold(exchange) {
                Some(Held { stem, call, .. })
                    if call.fits_status(exchange.status) && call.fits_form(&exchange.answer) =>
                {
                    stem.to_owned()
                }
                _ => stem_of(exchange),
            };
            all.entry(stem).or_default().push(exchange);
        }
        all
    }

    /// Contracts that others look like.
    fn widen_elsewhere(&self, exchanges: &[Exchange], widened: &mut BTreeMap<String, Contract>) {
        let mut seen = Vec::new();
        for (stem, answers) in self.by_contract(exchanges) {
            if let Some(contract) = self.get(&stem) {
                seen.extend(self.seen_elsewhere(contract, &values(contract, &answers)));
            }
        }
        for (like, observed) in seen {
            let Some(known) = self.get(&like.stem) else {
                continue;
            };
            let target = widened.entry(like.stem).or_insert_with(|| known.clone());
            if let Some(place) = likes::at_mut(&mut target.shape, &like.path) {
                widen(place, &observed);
            }
        }
    }

    /// Requests, and errors inside streams.
    fn widen_values(&self, exchanges: &[Exchange], widened: &mut BTreeMap<String, Contract>) {
        for (stem, File { contract, .. }) in &self.files {
            let requests: Vec<&Value> = match &contract.call {
                Some(call) if call.part == Part::Request => served(exchanges, call).collect(),
                _ => continue,
            };
            let mut contract = contract.clone();
            widen_shape(&mut contract, &requests);
            widened.insert(stem.clone(), contract);
        }
        let errors: Vec<&Value> = exchanges
            .iter()
            .filter(|exchange| matches!(exchange.answer, Payload::Events(_)))
            .flat_map(Exchange::values)
            .filter(|value| is_error(value))
            .collect();
        let known = widened.remove(ERROR).or_else(|| self.get(ERROR).cloned());
        if let Some(mut contract) = known {
            widen_shape(&mut contract, &errors);
            widened.insert(ERROR.to_owned(), contract);
        }
    }

    /// Takes a contract in, if it differs from the one that is there.
    fn replace(
        &mut self,
        stem: String,
        mut contract: Contract,
        learned: &Learned,
    ) -> Option<(String, String)> {
        let old = self.files.get(&stem);
        if old.is_some_and(|old| old.contract == contract) {
            return None;
        }
        contract.origin = Origin::Observed;
        contract.when.clone_from(&learned.when);
        contract.model.clone_from(&learned.model);
        contract.upstream = Some(learned.upstream.clone());
        let edited = old.and_then(|old| edit(&old.text, &contract));
        let text = edited.unwrap_or_else(|| contract.write());
        let file = File {
            contract,
            text: text.clone(),
        };
        let name = format!("{stem}.toml");
        self.files.insert(stem, file);
        Some((name, text))
    }
}

fn widen_by(contract: &Contract, answers: &[&Exchange]) -> Contract {
    let mut contract = contract.clone();
    widen_headers(&mut contract.headers, answers);
    let broken: Vec<String> = answers
        .iter()
        .flat_map(|answer| order::check(answer, &contract.order))
        .map(|difference| difference.path)
        .collect();
    contract
        .order
        .retain(|rule| !broken.iter().any(|path| path == rule.name()));
    let values = values(&contract, answers);
    if contract.events.is_empty() {
        widen_shape(&mut contract, &values);
    } else {
        widen_kinds(&mut contract, &values);
    }
    contract
}

/// The values that a contract is held to.
fn values<'a>(contract: &Contract, answers: &[&'a Exchange]) -> Vec<&'a Value> {
    let call = contract.call.as_ref();
    let is_stream = call.is_some_and(|call| call.part == Part::Events);
    answers
        .iter()
        .flat_map(|answer| answer.values())
        .filter(|value| !is_stream || !is_error(value))
        .collect()
}

fn widen_shape(contract: &mut Contract, values: &[&Value]) {
    if let Some(observed) = contract.observe(values) {
        widen(&mut contract.shape, &observed);
    }
}

/// A contract from nothing but answers.
fn learn(answers: &[&Exchange]) -> Contract {
    let mut contract = Contract::default();
    if let Some(first) = answers.first() {
        let part = match first.answer {
            Payload::Events(_) => Part::Events,
            _ => Part::Json,
        };
        contract.call = Some(Call {
            method: Some(first.method.clone()),
            route: Some(first.route.clone()),
            also: Vec::new(),
            status: (first.status, first.status),
            part,
        });
    }
    let values: Vec<&Value> = answers.iter().flat_map(|answer| answer.values()).collect();
    contract.shape = contract.observe(&values).unwrap_or_default();
    widen_headers(&mut contract.headers, answers);
    contract
}

/// A name for what has none: `get_files.200`.
fn stem_of(exchange: &Exchange) -> String {
    let route: String = exchange
        .route
        .chars()
        .filter(|letter| *letter != '{' && *letter != '}')
        .map(|letter| {
            if letter.is_ascii_alphanumeric() {
                letter
            } else {
                '_'
            }
        })
        .collect();
    let events = match exchange.answer {
        Payload::Events(_) => ".events",
        _ => "",
    };
    let method = exchange.method.to_ascii_lowercase();
    format!("{method}{route}.{}{events}", exchange.status)
}
