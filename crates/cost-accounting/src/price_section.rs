//! Reads the typed fields of one TOML table and notes every fault with its line, instead of stopping at the first.
//!
//! Invariants: a field that is absent or faulty reads as `None`, and each fault is noted once; no number literal is ever read as money.
//! Does not know: which fields a price row has.

use std::ops::Range;

use jiff::civil::Date;
use toml_edit::{Item, TableLike, Value};

use crate::decimal::{self, DecimalError};
use crate::money::PicoUsd;
use crate::price_book::PriceSource;
use crate::price_errors::PriceProblem;
use crate::price_meters::MeterForm;
use crate::rates::TokenPrice;

/// Digits after the point of a price: micro-USD per million tokens.
const PRICE_PLACES: u32 = 6;
/// 0.001 USD per million tokens: less than half the cheapest price known, and more than the dearest if that is written per token.
const PRICE_MICRO_USD_MIN: u32 = 1_000;
/// 4,000 USD per million tokens: seven times the dearest price known, and near the end of [`TokenPrice`].
const PRICE_MICRO_USD_MAX: u32 = 4_000_000_000;

/// Collects the faults of one source.
pub(crate) struct Faults<'a> {
    source: &'a PriceSource,
    problems: &'a mut Vec<PriceProblem>,
}

impl<'a> Faults<'a> {
    pub(crate) fn new(source: &'a PriceSource, problems: &'a mut Vec<PriceProblem>) -> Faults<'a> {
        Faults { source, problems }
    }

    pub(crate) fn count(&self) -> usize {
        self.problems.len()
    }

    pub(crate) fn note(
        &mut self,
        span: Option<&Range<usize>>,
        field: String,
        problem: &str,
        remedy: &str,
    ) {
        let line = span.map(|span| self.line_at(span));
        self.problems.push(PriceProblem {
            source: self.source.name.clone(),
            line,
            field,
            problem: problem.to_owned(),
            remedy: remedy.to_owned(),
        });
    }

    pub(crate) fn line_at(&self, span: &Range<usize>) -> usize {
        1 + self
            .source
            .text
            .bytes()
            .take(span.start)
            .filter(|byte| *byte == b'\n')
            .count()
    }
}

/// One table of the file with its path and place.
pub(crate) struct Section<'t> {
    table: &'t dyn TableLike,
    path: String,
    span: Option<Range<usize>>,
}

impl<'t> Section<'t> {
    pub(crate) fn new(
        table: &'t dyn TableLike,
        path: String,
        span: Option<Range<usize>>,
    ) -> Section<'t> {
        Section { table, path, span }
    }

    /// Notes a fault of one field, at its value if it is there, else at the table.
    pub(crate) fn fault(&self, faults: &mut Faults<'_>, field: &str, problem: &str, remedy: &str) {
        let span = self
            .table
            .get_key_value(field)
            .and_then(|(key, item)| item.span().or_else(|| key.span()));
        faults.note(
            span.or_else(|| self.span.clone()).as_ref(),
            self.path_of(field),
            problem,
            remedy,
        );
    }

    pub(crate) fn has(&self, field: &str) -> bool {
        self.table.contains_key(field)
    }

    /// Notes a field that must be there and is not.
    pub(crate) fn require(&self, faults: &mut Faults<'_>, field: &str, remedy: &str) {
        if !self.has(field) {
            self.fault(faults, field, "is missing", remedy);
        }
    }

    /// The line on which the table starts.
    pub(crate) fn line(&self, faults: &Faults<'_>) -> Option<usize> {
        self.span.as_ref().map(|span| faults.line_at(span))
    }

    /// Notes every field that is not one of these.
    pub(crate) fn only(&self, faults: &mut Faults<'_>, known: &[&str]) {
        for (field, _) in self
            .table
            .iter()
            .filter(|(field, _)| !known.contains(field))
        {
            self.fault(
                faults,
                field,
                "is not a field of a price",
                &format!("known here: {}", known.join(", ")),
            );
        }
    }

    pub(crate) fn section(&self, faults: &mut Faults<'_>, field: &str) -> Option<Section<'t>> {
        let item = self.table.get(field)?;
        let Some(table) = item.as_table_like() else {
            self.fault(
                faults,
                field,
                "is not a table",
                "write prices under it, e.g. { input = \"0.15\", output = \"0.60\" }",
            );
            return None;
        };
        Some(Section::new(
            table,
            self.path_of(field),
            item.span().or_else(|| self.span.clone()),
        ))
    }

    pub(crate) fn text(
        &self,
        faults: &mut Faults<'_>,
        field: &str,
        remedy: &str,
    ) -> Option<&'t str> {
        let text = self.table.get(field)?.as_str();
        if text.is_none() {
            self.fault(faults, field, "is not text", remedy);
        }
        text
    }

    pub(crate) fn flag(&self, faults: &mut Faults<'_>, field: &str) -> Option<bool> {
        let flag = self.table.get(field)?.as_bool();
        if flag.is_none() {
            self.fault(
                faults,
                field,
                "is neither true nor false",
                "write it without quotes",
            );
        }
        flag
    }

    pub(crate) fn tokens(&self, faults: &mut Faults<'_>, field: &str) -> Option<u64> {
        let tokens = self
            .table
            .get(field)?
            .as_integer()
            .and_then(|number| u64::try_from(number).ok())
            .filter(|number| *number > 0);
        if tokens.is_none() {
            self.fault(
                faults,
                field,
                "is not a whole number of tokens above zero",
                "write e.g. 128000, without quotes; leave the line out if the number is not known",
            );
        }
        tokens
    }

    pub(crate) fn date(&self, faults: &mut Faults<'_>, field: &str, remedy: &str) -> Option<Date> {
        let date = self.table.get(field)?.as_datetime().and_then(|moment| {
            let date = moment
                .date
                .filter(|_| moment.time.is_none() && moment.offset.is_none())?;
            Date::new(
                i16::try_from(date.year).ok()?,
                i8::try_from(date.month).ok()?,
                i8::try_from(date.day).ok()?,
            )
            .ok()
        });
        if date.is_none() {
            self.fault(faults, field, "is not a date", remedy);
        }
        date
    }

    pub(crate) fn price(&self, faults: &mut Faults<'_>, field: &str) -> Option<TokenPrice> {
        self.money(faults, field, price)
    }

    /// The price of a meter, in pico-USD for the units that its name says.
    pub(crate) fn meter(&self, faults: &mut Faults<'_>, form: &MeterForm) -> Option<u64> {
        self.money(faults, form.field, |text| meter(text, form))
    }

    /// Reads an amount in quotes; `read` tells a fault as a problem and its remedy.
    fn money<T>(
        &self,
        faults: &mut Faults<'_>,
        field: &str,
        read: impl Fn(&str) -> Result<T, (&'static str, &'static str)>,
    ) -> Option<T> {
        let amount = match self.table.get(field)? {
            Item::Value(Value::String(text)) => read(text.value()),
            Item::Value(Value::Integer(_) | Value::Float(_)) => Err((
                "is a number literal",
                "put it in quotes, so that it is read exactly, e.g. \"0.15\"",
            )),
            _ => Err((
                "is not a price",
                "write US dollars in quotes, for the unit that the field names, e.g. \"0.15\"",
            )),
        };
        amount
            .map_err(|(problem, remedy)| self.fault(faults, field, problem, remedy))
            .ok()
    }

    fn path_of(&self, field: &str) -> String {
        if self.path.is_empty() {
            field.to_owned()
        } else {
            format!("{}.{field}", self.path)
        }
    }
}

/// Reads US dollars per million tokens; a fault is a problem and its remedy.
fn price(text: &str) -> Result<TokenPrice, (&'static str, &'static str)> {
    const PER_TOKEN: &str =
        "typed per token instead of per million? multiply by 1,000,000; free is \"0\"";
    const TOO_SMALL: &str = "is below 0.001 USD per million tokens";
    const TOO_LARGE: (&str, &str) = (
        "is above 4,000 USD per million tokens",
        "typed in another unit than US dollars per million tokens?",
    );
    let micro_usd = decimal::read(text, PRICE_PLACES).map_err(|error| match error {
        DecimalError::TooFine { .. } if text.starts_with("0.000") => (TOO_SMALL, PER_TOKEN),
        DecimalError::TooFine { .. } => (
            "is finer than 0.000001 USD per million tokens",
            "write at most six digits after the point",
        ),
        DecimalError::TooLarge => TOO_LARGE,
        DecimalError::Malformed => (
            "is not a plain decimal number",
            "write US dollars per million tokens as digits and at most one point, e.g. \"0.15\"",
        ),
    })?;
    if micro_usd < 0 {
        return Err(("is negative", "a price is zero or more"));
    }
    let micro_usd = u32::try_from(micro_usd)
        .ok()
        .filter(|micro_usd| *micro_usd <= PRICE_MICRO_USD_MAX)
        .ok_or(TOO_LARGE)?;
    if (1..PRICE_MICRO_USD_MIN).contains(&micro_usd) {
        return Err((TOO_SMALL, PER_TOKEN));
    }
    Ok(TokenPrice::from_micro_usd_per_million(micro_usd))
}

/// Reads US dollars for the units of a meter as pico-USD; a fault is a problem and its remedy.
fn meter(text: &str, form: &MeterForm) -> Result<u64, (&'static str, &'static str)> {
    let pico_usd = PicoUsd::from_usd(text).map_err(|error| match error {
        DecimalError::TooFine { .. } => (
            "is finer than a pico-dollar",
            "write at most twelve digits after the point",
        ),
        DecimalError::TooLarge | DecimalError::Malformed => (
            "is not a plain decimal number",
            "write US dollars as digits and at most one point, e.g. \"0.006\"",
        ),
    })?;
    match u64::try_from(pico_usd.pico()) {
        Err(_) if pico_usd < PicoUsd::ZERO => Err(("is negative", "a price is zero or more")),
        Ok(0) => Ok(0),
        Ok(pico_usd) if pico_usd < form.pico_usd_min => Err((
            "is far below any known price",
            "typed for one unit instead of as many as the field names? free is \"0\"",
        )),
        Ok(pico_usd) if pico_usd <= form.pico_usd_max => Ok(pico_usd),
        _ => Err((
            "is far above any known price",
            "typed for more units than the field names, or in another unit than US dollars?",
        )),
    }
}
