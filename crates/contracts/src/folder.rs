//! All contracts together: finds the one for an exchange and holds the exchange to it.
//!
//! Invariants: every exchange is held to a contract, or is a finding itself; findings do not depend on the order of exchanges.
//! Does not know: files; it gets and gives texts.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::call::{Call, Part};
use crate::compare::compare;
use crate::contract::{Contract, ContractError, observe};
use crate::difference::{Difference, DifferenceKind, Grade};
use crate::exchange::{Exchange, Payload};
use crate::finding::{Finding, Place, sorted};
use crate::ours::Ours;
use crate::shape::Shape;
use crate::{headers, likes, order};

mod accept;
mod typed;

pub use accept::Learned;

/// The stem of the file that says what keyward adds.
pub(crate) const OURS: &str = "keyward";
/// The stem of the contract for an error inside a stream.
const ERROR: &str = "error";

/// The contracts of a folder, by the stems of their files.
#[derive(Clone, Debug, Default)]
pub struct Contracts {
    pub(crate) files: BTreeMap<String, File>,
    pub(crate) ours: Ours,
}

/// A contract and its text.
#[derive(Clone, Debug)]
pub(crate) struct File {
    pub(crate) contract: Contract,
    pub(crate) text: String,
}

/// An exchange, the contract that it is held to, and whether that is for its status and form.
struct Held<'a> {
    exchange: &'a Exchange,
    stem: &'a str,
    contract: &'a Contract,
    call: &'a Call,
}

impl Contracts {
    /// Reads the files of a folder: the stem of each name, as in `chat_completion`, and its text. The file `keyward`
    /// says what keyward adds to answers; see [`Contracts::ours`].
    ///
    /// Errors: names the file and its place that make no sense.
    pub fn read(files: impl IntoIterator<Item = (String, String)>) -> Result<Self, ContractError> {
        let mut contracts = Self::default();
        for (stem, text) in files {
            let in_file = |source| ContractError::File {
                file: stem.clone(),
                source: Box::new(source),
            };
            if stem == OURS {
                contracts.ours = Ours::read(&text).map_err(in_file)?;
                continue;
            }
            let contract = Contract::read(&text).map_err(in_file)?;
            contracts.files.insert(stem, File { contract, text });
        }
        contracts.check_likes()?;
        Ok(contracts)
    }

    /// Everything that a place looks like is there.
    fn check_likes(&self) -> Result<(), ContractError> {
        for (stem, File { contract, .. }) in &self.files {
            let of_events = contract.events.values().flat_map(|event| &event.likes);
            for (path, like) in contract.likes.iter().chain(of_events) {
                let found = self.whole(&like.stem);
                if found.is_none_or(|found| likes::at(&found.shape, &like.path).is_none()) {
                    let source = ContractError::place(path)("what it looks like is not there");
                    return Err(ContractError::File {
                        file: stem.clone(),
                        source: Box::new(source),
                    });
                }
            }
        }
        Ok(())
    }

    /// What keyward adds and changes by design, from the file `keyward`.
    pub fn ours(&self) -> &Ours {
        &self.ours
    }

    /// The contract in the file of this stem.
    pub fn get(&self, stem: &str) -> Option<&Contract> {
        self.files.get(stem).map(|file| &file.contract)
    }

    /// The stems of the files, without `keyward`.
    pub fn stems(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// What differs between exchanges and their contracts: status, headers, body, events and their order, and the
    /// request where it was not refused. Exchanges of one contract are taken together, so that a field which is there
    /// at times is told from one that is never there. An exchange without a contract is a finding.
    ///
    /// [`laws`](crate::laws) has what is no matter of shape.
    pub fn check(&self, exchanges: &[Exchange]) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut held: BTreeMap<&str, Vec<Held<'_>>> = BTreeMap::new();
        for exchange in exchanges {
            match self.hold(exchange) {
                Some(one) => held.entry(one.stem).or_default().push(one),
                None => findings.push(unknown(exchange)),
            }
        }
        for all in held.values() {
            findings.extend(check_together(self, all));
        }
        findings.extend(self.check_errors_in_streams(exchanges));
        findings.extend(self.check_requests(exchanges));
        sorted(findings)
    }

    /// The contract for an exchange: on its route, for its status and form; failing that for its form alone, then for
    /// its status alone, and of several that fit alike the one with the fewest differences.
    fn hold<'a>(&'a self, exchange: &'a Exchange) -> Option<Held<'a>> {
        let candidates = self.files.iter().filter_map(|(stem, file)| {
            let call = file.contract.call.as_ref()?;
            (call.part != Part::Request && call.fits_route(exchange)).then_some(Held {
                exchange,
                stem,
                contract: &file.contract,
                call,
            })
        });
        candidates
            .filter(|held| held.call.has_route() || held.call.fits_status(exchange.status))
            .min_by_key(|held| held.distance(self))
    }

    /// Errors that come as an event of a stream have the contract of errors.
    fn check_errors_in_streams(&self, exchanges: &[Exchange]) -> Vec<Finding> {
        let streams = exchanges
            .iter()
            .filter(|exchange| matches!(exchange.answer, Payload::Events(_)));
        let errors: Vec<&Value> = streams
            .flat_map(Exchange::values)
            .filter(|value| is_error(value))
            .collect();
        match self.get(ERROR) {
            Some(contract) => shape(ERROR, Place::Answer, &contract.shape, &errors),
            None => Vec::new(),
        }
    }

    fn check_requests(&self, exchanges: &[Exchange]) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (stem, File { contract, .. }) in &self.files {
            let Some(call) = contract
                .call
                .as_ref()
                .filter(|call| call.part == Part::Request)
            else {
                continue;
            };
            let requests: Vec<&Value> = served(exchanges, call).collect();
            let wanted = self.shape_of(contract);
            findings.extend(shape(stem, Place::Request, &wanted, &requests));
        }
        findings
    }
}

/// The requests of a call that were not refused: a refused one may be wrong on purpose.
pub(crate) fn served<'a>(
    exchanges: &'a [Exchange],
    call: &'a Call,
) -> impl Iterator<Item = &'a Value> {
    exchanges
        .iter()
        .filter(|exchange| call.fits_route(exchange) && !exchange.is_refused())
        .filter_map(|exchange| exchange.request.as_ref())
}

impl Held<'_> {
    /// How badly the contract fits, by status, form, breadth and shape.
    fn distance(&self, contracts: &Contracts) -> (bool, bool, u16, usize) {
        let Self { exchange, call, .. } = self;
        let wanted = contracts.shape_of(self.contract);
        (
            !call.fits_status(exchange.status),
            !call.fits_form(&exchange.answer),
            call.breadth(),
            observe(&wanted, &exchange.values())
                .map_or(0, |observed| compare(&observed, &wanted).len()),
        )
    }
}

/// What differs between exchanges that are held to one contract, and it.
fn check_together(contracts: &Contracts, all: &[Held<'_>]) -> Vec<Finding> {
    let Some(Held {
        stem,
        contract,
        call,
        ..
    }) = all.first()
    else {
        return Vec::new();
    };
    let exchanges: Vec<&Exchange> = all.iter().map(|held| held.exchange).collect();
    let find = |place: Place, difference| Finding::new(stem, place, difference);
    let mut findings = Vec::new();
    for exchange in &exchanges {
        if !call.fits_status(exchange.status) {
            findings.push(find(Place::Status, other_status(call, exchange.status)));
        }
        if !call.fits_form(&exchange.answer) {
            findings.push(find(Place::Answer, other_form(call, &exchange.answer)));
        }
        let broken = order::check(exchange, &contract.order).into_iter();
        findings.extend(broken.map(|difference| find(Place::Order, difference)));
    }
    let heads = headers::check(&exchanges, &contract.headers).into_iter();
    findings.extend(heads.map(|difference| find(Place::Headers, difference)));
    let of_form = exchanges
        .into_iter()
        .filter(|exchange| call.fits_form(&exchange.answer));
    let values: Vec<&Value> = of_form
        .flat_map(Exchange::values)
        .filter(|value| call.part == Part::Json || !is_error(value))
        .collect();
    if contract.events.is_empty() {
        let wanted = contracts.shape_of(contract);
        findings.extend(shape(stem, Place::Answer, &wanted, &values));
    } else {
        findings.extend(contracts.check_kinds(stem, contract, &values));
    }
    findings
}

fn shape(stem: &str, place: Place, wanted: &Shape, values: &[&Value]) -> Vec<Finding> {
    let observed = observe(wanted, values);
    let differences = observed.map(|observed| compare(&observed, wanted));
    let find = |difference| Finding::new(stem, place, difference);
    differences.into_iter().flatten().map(find).collect()
}

fn is_error(value: &Value) -> bool {
    value.get("error").is_some()
}

fn other_status(call: &Call, status: u16) -> Difference {
    let written = call.write().into_iter().find(|(name, _)| *name == "status");
    let kind = DifferenceKind::Type {
        contract: written.map(|(_, status)| status).unwrap_or_default(),
        observed: status.to_string(),
    };
    Difference::new("", kind, Grade::Breaking)
}

fn other_form(call: &Call, answer: &Payload) -> Difference {
    let contract = match call.part {
        Part::Events => "a stream of events",
        Part::Bytes => "no JSON",
        Part::Json | Part::Request => "JSON",
    };
    let kind = DifferenceKind::Type {
        contract: contract.to_owned(),
        observed: form(answer),
    };
    Difference::new("", kind, Grade::Breaking)
}

/// What an answer is, in words.
pub(crate) fn form(answer: &Payload) -> String {
    match answer {
        Payload::Json(_) => "JSON".to_owned(),
        Payload::Events(_) => "a stream of events".to_owned(),
        Payload::Other { content_type, .. } => {
            let essence = content_type.split(';').next().unwrap_or_default();
            format!("a body of type '{essence}'")
        }
        Payload::Empty => "nothing".to_owned(),
    }
}

fn unknown(exchange: &Exchange) -> Finding {
    let Exchange {
        method,
        route,
        status,
        ..
    } = exchange;
    let call = format!("{method} {route}, {status}");
    let difference = Difference::new(&*call, DifferenceKind::Unknown, Grade::Breaking);
    Finding::new(&call, Place::Answer, difference)
}

#[cfg(test)]
mod tests;
