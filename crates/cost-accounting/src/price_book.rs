//! All prices in force: which row holds for a model on a day.
//!
//! Invariants: a model without a price is refused, never free, unless the book was told otherwise; a look-up that finds
//! a row allocates nothing.
//! Does not know: where the sources come from, who may use which model.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::calendar::date_at;
use crate::price::{Kind, OutputLimitField, PriceRow, TierRates, Tiers};
use crate::price_errors::PriceErrors;
use crate::price_file;
use crate::price_meters::MeterPrices;
use crate::rates::Rates;

/// Text of a price file and the name to call it by in errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceSource {
    /// E.g. `config/prices.toml`.
    pub name: String,
    /// TOML, see `docs/reference/prices.md`.
    pub text: String,
}

/// What happens to a model without a price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownPrice {
    /// It is refused, before anything is sent.
    #[default]
    Refuse,
    /// It costs nothing. For development against local models.
    Zero,
}

/// Why a model has no price.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PriceError {
    /// No row names the model, nor its name without the date.
    #[error("find a price for model {model:?}")]
    Unknown {
        /// As asked for.
        model: String,
    },
    /// The model has prices, but the first of them holds only from a later day.
    #[error("find a price for model {model:?} before {effective_from}")]
    NotYet {
        /// As asked for.
        model: String,
        /// The first UTC day with a price.
        effective_from: Date,
    },
}

/// Every price, by model and day.
#[derive(Clone, Debug)]
pub struct PriceBook {
    /// Rows of a model, by day; no list is empty.
    rows: BTreeMap<Arc<str>, Vec<Arc<PriceRow>>>,
    /// The row of models without a price, where they are free.
    unknown: Option<Arc<PriceRow>>,
}

impl PriceBook {
    /// Reads the sources; a row of a later one replaces that of an earlier one with the same model and day.
    ///
    /// Errors: [`PriceErrors`] with every fault of every source.
    pub fn parse(sources: &[PriceSource], unknown: UnknownPrice) -> Result<PriceBook, PriceErrors> {
        let mut problems = Vec::new();
        let mut rows: BTreeMap<Arc<str>, Vec<Arc<PriceRow>>> = BTreeMap::new();
        for row in sources
            .iter()
            .flat_map(|source| price_file::read(source, &mut problems))
        {
            let of_model = rows.entry(Arc::clone(&row.model)).or_default();
            match of_model.binary_search_by_key(&row.effective_from, |other| other.effective_from) {
                Ok(place) => of_model[place] = Arc::new(row),
                Err(place) => of_model.insert(place, Arc::new(row)),
            }
        }
        if !problems.is_empty() {
            return Err(PriceErrors { problems });
        }
        let unknown = (unknown == UnknownPrice::Zero).then(|| Arc::new(free()));
        Ok(PriceBook { rows, unknown })
    }

    /// The book for an upstream that keeps its processing in one region, which costs more with some models.
    ///
    /// Shape: rows that state an uplift get it, and `+regional` at the end of their id; all others stay. Twice is not dearer than once.
    #[must_use]
    pub fn in_region(mut self) -> PriceBook {
        for row in self.rows.values_mut().flatten() {
            if let Some(raised) = row.in_region() {
                *row = Arc::new(raised);
            }
        }
        self
    }

    /// The row that holds for a model at a moment.
    ///
    /// Shape: the exact name, else the name without a trailing `-YYYY-MM-DD`, else what [`UnknownPrice`] says.
    /// Errors: [`PriceError`] where unknown models are refused.
    pub fn find(&self, model: &str, at: Timestamp) -> Result<Arc<PriceRow>, PriceError> {
        let of_model = self.of_model(model);
        if let Some(row) = in_force(of_model, at).or(self.unknown.as_ref()) {
            return Ok(Arc::clone(row));
        }
        let model = model.to_owned();
        Err(match of_model.first() {
            Some(first) => PriceError::NotYet {
                model,
                effective_from: first.effective_from,
            },
            None => PriceError::Unknown { model },
        })
    }

    /// The same for the model that an answer names, where no price must never mean free.
    ///
    /// Shape: `None` if the book has no row for it, whatever [`UnknownPrice`] says; the model asked for then sets the price.
    #[must_use]
    pub fn find_priced(&self, model: &str, at: Timestamp) -> Option<Arc<PriceRow>> {
        in_force(self.of_model(model), at).cloned()
    }

    /// All rows of a model, by its name or by its name without date or version; none if it is not known.
    fn of_model(&self, model: &str) -> &[Arc<PriceRow>] {
        self.rows
            .get(model)
            .or_else(|| self.rows.get(without_date(model)?))
            .or_else(|| self.rows.get(without_version(model)?))
            .map_or(&[], Vec::as_slice)
    }

    /// Names of all models with a price, in order.
    pub fn models(&self) -> impl Iterator<Item = &str> {
        self.rows.keys().map(AsRef::as_ref)
    }

    /// All rows: by model, then by day.
    pub fn rows(&self) -> impl Iterator<Item = &PriceRow> {
        self.rows.values().flatten().map(AsRef::as_ref)
    }
}

/// The latest row whose day has come.
fn in_force(rows: &[Arc<PriceRow>], at: Timestamp) -> Option<&Arc<PriceRow>> {
    let day = date_at(at);
    rows.iter().rev().find(|row| row.effective_from <= day)
}

/// `gpt-4o` of `gpt-4o-2024-11-20`.
fn without_date(model: &str) -> Option<&str> {
    const SHAPE: &[u8; 11] = b"-0000-00-00";
    let (name, date) = model.as_bytes().split_last_chunk::<11>()?;
    let dated = date.iter().zip(SHAPE).all(|(byte, shape)| {
        if *shape == b'-' {
            *byte == b'-'
        } else {
            byte.is_ascii_digit()
        }
    });
    if dated {
        std::str::from_utf8(name).ok()
    } else {
        None
    }
}

/// `text-embedding-ada-002` of `text-embedding-ada-002-v2`, `gpt-3.5-turbo-instruct` of `gpt-3.5-turbo-instruct:20230824-v2`: how
/// answers of older models name the version that served.
fn without_version(model: &str) -> Option<&str> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (name, version) = model.rsplit_once("-v")?;
    if !is_number(version) {
        return None;
    }
    match name.rsplit_once(':') {
        Some((name, day)) if day.len() == 8 && is_number(day) => Some(name),
        Some(_) => None,
        None => Some(name),
    }
}

/// The row of every model without a price, at every tier.
fn free() -> PriceRow {
    let tier = TierRates {
        short: Rates::FREE,
        long: Rates::FREE,
    };
    PriceRow {
        id: "unpriced".into(),
        model: "unpriced".into(),
        kind: Kind::Chat,
        effective_from: Date::MIN,
        input_tokens_max: None,
        output_tokens_max: None,
        image_tokens_low_max: None,
        image_tokens_high_max: None,
        output_limit_field: OutputLimitField::MaxTokens,
        long_context_above: None,
        tiers: Tiers {
            standard: tier,
            others: [Some(tier); 4],
        },
        regional: None,
        meters: MeterPrices::FREE,
    }
}

#[cfg(test)]
pub(crate) mod tests;
