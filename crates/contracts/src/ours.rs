//! What keyward adds to answers and changes in them by design.
//!
//! Invariants: what is written reads back.
//! Does not know: how keyward does it; the file `contracts/keyward.toml` says what.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::contract::text::{self, quote};
use crate::contract::{ContractError, Origin, read_headers, read_shape};
use crate::exchange::{Exchange, Payload};
use crate::headers::HeaderRule;
use crate::shape::Shape;

/// What keyward adds, keeps back and answers itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ours {
    /// Documented or observed.
    pub origin: Origin,
    /// The day it was learned.
    pub when: String,
    /// Headers that it adds or puts in the place of the upstream's.
    pub headers: BTreeMap<String, HeaderRule>,
    /// Headers that it does not pass on; one that ends in `*` stands for all that begin so.
    pub kept_back: Vec<String>,
    /// The header that stands on every answer which came from the upstream, and on no refusal of keyward's own.
    pub mark: String,
    /// Paths whose strings must be the same words directly and through keyward.
    pub words: BTreeSet<String>,
    /// Statuses of the upstream that become others.
    pub statuses: BTreeMap<u16, u16>,
    /// The codes of its own refusals, each with its status.
    pub codes: BTreeMap<String, u16>,
    /// Fields that it adds to bodies and chunks.
    pub shape: Shape,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    origin: Origin,
    when: String,
    #[serde(default)]
    kept_back: Vec<String>,
    #[serde(default)]
    mark: String,
    #[serde(default)]
    words: BTreeSet<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    statuses: BTreeMap<String, u16>,
    #[serde(default)]
    codes: BTreeMap<String, u16>,
    #[serde(default)]
    shape: BTreeMap<String, String>,
}

impl Ours {
    /// Reads the file's text.
    ///
    /// Errors: [`ContractError`].
    pub fn read(text: &str) -> Result<Self, ContractError> {
        let file: File = toml::from_str(text)?;
        let statuses = file.statuses.iter().map(|(upstream, own)| {
            let flaw = ContractError::place(upstream);
            Ok((upstream.parse().map_err(|_| flaw("it is no status"))?, *own))
        });
        Ok(Self {
            origin: file.origin,
            when: file.when,
            headers: read_headers(&file.headers)?,
            kept_back: file.kept_back,
            mark: file.mark,
            words: file.words,
            statuses: statuses.collect::<Result<_, ContractError>>()?,
            codes: file.codes,
            shape: read_shape(&file.shape)?,
        })
    }

    /// The file's text; [`Ours::read`] gives the same back.
    pub fn write(&self) -> String {
        let list = |name: &str, words: &mut dyn Iterator<Item = &String>| {
            let words: Vec<String> = words.map(|word| quote(word)).collect();
            format!("{name} = [{}]\n", words.join(", "))
        };
        let table = |name: &str, lines: &mut dyn Iterator<Item = (String, u16)>| {
            let lines = lines.map(|(key, status)| format!("{} = {status}\n", quote(&key)));
            format!("\n[{name}]\n{}", lines.collect::<String>())
        };
        let mut statuses = self
            .statuses
            .iter()
            .map(|(from, to)| (from.to_string(), *to));
        let mut codes = self
            .codes
            .iter()
            .map(|(code, status)| (code.clone(), *status));
        [
            format!("origin = {}\n", quote(self.origin.name())),
            format!("when = {}\n", quote(&self.when)),
            format!("mark = {}\n", quote(&self.mark)),
            list("kept_back", &mut self.kept_back.iter()),
            list("words", &mut self.words.iter()),
            text::headers(&self.headers),
            table("statuses", &mut statuses),
            table("codes", &mut codes),
            format!("\n[shape]\n{}", text::shape(&self.shape, &BTreeMap::new())),
        ]
        .concat()
    }

    pub(crate) fn keeps_back(&self, header: &str) -> bool {
        self.kept_back
            .iter()
            .any(|kept| match kept.strip_suffix('*') {
                Some(start) => header.starts_with(start),
                None => header == kept,
            })
    }

    /// Whether keyward may answer `own` where the upstream answers `upstream`.
    pub(crate) fn may_answer(&self, upstream: u16, own: u16) -> bool {
        upstream == own || self.statuses.get(&upstream) == Some(&own)
    }

    /// Whether an answer is a refusal of keyward's own.
    pub(crate) fn refused(&self, exchange: &Exchange) -> bool {
        let Payload::Json(body) = &exchange.answer else {
            return false;
        };
        let code = body["error"]["code"].as_str();
        let is_listed = code.and_then(|code| self.codes.get(code)) == Some(&exchange.status);
        is_listed && exchange.header(&self.mark).is_none()
    }
}
