//! Reads one price source: TOML text to price rows.
//!
//! Invariants: every fault of the text is noted, and the rows are of use only if none was; model and day are unique within
//! the source.
//! Does not know: other sources, which row is in force, clocks.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::civil::Date;
use toml_edit::{ImDocument, Item, Table};

use crate::price::{Kind, OutputLimitField, PriceRow, Tiers};
use crate::price_book::PriceSource;
use crate::price_errors::PriceProblem;
use crate::price_meters::{Meter, MeterPrices};
use crate::price_section::{Faults, Section};
use crate::price_tiers::{self, RATES, THRESHOLD, WRITES_BILLED};

const OUTPUT_LIMIT_FIELD: &str = "output_limit_field";
const UPLIFT: &str = "regional_uplift_percent";
/// No uplift above this is believed: the known one is 10.
const UPLIFT_PERCENT_MAX: u64 = 100;
/// Beside the fields of [`Meter`].
const ROW_FIELDS: [&str; 12] = [
    "model",
    "kind",
    "effective_from",
    "input_tokens_max",
    "output_tokens_max",
    "image_tokens_low_max",
    "image_tokens_high_max",
    OUTPUT_LIMIT_FIELD,
    UPLIFT,
    THRESHOLD,
    WRITES_BILLED,
    RATES,
];

/// Reads the rows of a source and adds its faults to `problems`, by line.
pub(crate) fn read(source: &PriceSource, problems: &mut Vec<PriceProblem>) -> Vec<PriceRow> {
    let first = problems.len();
    let rows = rows(&mut Faults::new(source, problems), &source.text);
    problems[first..].sort_by_key(|problem| problem.line);
    rows
}

fn rows(faults: &mut Faults<'_>, text: &str) -> Vec<PriceRow> {
    let document = match ImDocument::parse(text) {
        Ok(document) => document,
        Err(error) => {
            // The parser's first words only: what it adds is a copy of the line.
            let cause = error.message().lines().next().unwrap_or_default();
            let problem = format!("is not TOML: {cause}");
            let remedy = "mend the line; prices are tables that start with [[price]]";
            faults.note(error.span().as_ref(), "file".to_owned(), &problem, remedy);
            return Vec::new();
        }
    };
    let root = Section::new(document.as_table(), String::new(), None);
    root.only(faults, &["price"]);
    let tables = match document.get("price") {
        None => return Vec::new(),
        Some(Item::ArrayOfTables(tables)) => tables,
        Some(_) => {
            let remedy = "start each price with [[price]]";
            root.fault(faults, "price", "is not a list of tables", remedy);
            return Vec::new();
        }
    };
    let mut seen = HashMap::new();
    tables
        .iter()
        .enumerate()
        .filter_map(|(index, table)| row(faults, &mut seen, index + 1, table))
        .collect()
}

/// Reads one `[[price]]`, or notes what keeps it from being read.
fn row(
    faults: &mut Faults<'_>,
    seen: &mut HashMap<Arc<str>, usize>,
    number: usize,
    table: &Table,
) -> Option<PriceRow> {
    let row = Section::new(table, format!("price[{number}]"), table.span());
    let meters = Meter::ALL.map(|meter| meter.form().field);
    row.only(faults, &[&ROW_FIELDS[..], &meters].concat());
    let model = model(faults, &row);
    let kind = kind(faults, &row);
    let effective_from = effective_from(faults, &row);
    let input_tokens_max = row.tokens(faults, "input_tokens_max");
    let output_tokens_max = row.tokens(faults, "output_tokens_max");
    let image_tokens_low_max = row.tokens(faults, "image_tokens_low_max");
    let image_tokens_high_max = row.tokens(faults, "image_tokens_high_max");
    let output_limit_field = output_limit_field(faults, &row, kind);
    let long_context_above = row.tokens(faults, THRESHOLD);
    let tiers = price_tiers::read(faults, &row, kind);
    let regional = regional(faults, &row, tiers.as_ref());
    let meters = MeterPrices::read(|form| row.meter(faults, form));
    let id = unique_id(faults, seen, &row, model?, effective_from?)?;
    Some(PriceRow {
        id,
        model: model?.into(),
        kind: kind?,
        effective_from: effective_from?,
        input_tokens_max,
        output_tokens_max,
        image_tokens_low_max,
        image_tokens_high_max,
        output_limit_field,
        long_context_above,
        tiers: tiers?,
        regional,
        meters,
    })
}

fn unique_id(
    faults: &mut Faults<'_>,
    seen: &mut HashMap<Arc<str>, usize>,
    row: &Section<'_>,
    model: &str,
    from: Date,
) -> Option<Arc<str>> {
    let id: Arc<str> = format!("{model}@{from}").into();
    if let Some(first) = seen.get(&id) {
        let problem =
            format!("has two prices from the same day; the other one starts on line {first}");
        let remedy = "delete one, or give it another effective_from";
        row.fault(faults, "model", &problem, remedy);
        return None;
    }
    seen.insert(Arc::clone(&id), row.line(faults).unwrap_or_default());
    Some(id)
}

fn model<'t>(faults: &mut Faults<'_>, row: &Section<'t>) -> Option<&'t str> {
    const REMEDY: &str = "write the name that requests use, e.g. model = \"gpt-4o-mini\"";
    row.require(faults, "model", REMEDY);
    let model = row.text(faults, "model", REMEDY)?;
    let strange = |letter: char| letter.is_whitespace() || letter.is_control();
    if model.is_empty() || model.contains(strange) {
        row.fault(faults, "model", "is empty or has spaces", REMEDY);
        return None;
    }
    Some(model)
}

fn kind(faults: &mut Faults<'_>, row: &Section<'_>) -> Option<Kind> {
    const KINDS: [(&str, Kind); 9] = [
        ("chat", Kind::Chat),
        ("completion", Kind::Completion),
        ("responses", Kind::Responses),
        ("embedding", Kind::Embedding),
        ("image", Kind::Image),
        ("transcription", Kind::Transcription),
        ("speech", Kind::Speech),
        ("moderation", Kind::Moderation),
        ("realtime", Kind::Realtime),
    ];
    const REMEDY: &str = "write one of \"chat\", \"completion\", \"responses\", \"embedding\", \"image\", \"transcription\", \"speech\", \"moderation\", \"realtime\"";
    row.require(faults, "kind", REMEDY);
    let name = row.text(faults, "kind", REMEDY)?;
    let kind = KINDS.iter().find(|(known, _)| *known == name);
    if kind.is_none() {
        row.fault(faults, "kind", "is not a known kind", REMEDY);
    }
    kind.map(|(_, kind)| *kind)
}

/// The field that is stated, or that of the kind.
fn output_limit_field(
    faults: &mut Faults<'_>,
    row: &Section<'_>,
    kind: Option<Kind>,
) -> OutputLimitField {
    const REMEDY: &str =
        "write one of \"max_completion_tokens\", \"max_tokens\", \"max_output_tokens\"";
    if let Some(name) = row.text(faults, OUTPUT_LIMIT_FIELD, REMEDY) {
        let known = OutputLimitField::ALL
            .into_iter()
            .find(|field| field.name() == name);
        if let Some(field) = known {
            return field;
        }
        row.fault(faults, OUTPUT_LIMIT_FIELD, "is not a known field", REMEDY);
    }
    match kind {
        Some(Kind::Completion) => OutputLimitField::MaxTokens,
        Some(Kind::Responses) => OutputLimitField::MaxOutputTokens,
        _ => OutputLimitField::MaxCompletionTokens,
    }
}

/// The prices of regional processing, where the row states an uplift.
fn regional(faults: &mut Faults<'_>, row: &Section<'_>, tiers: Option<&Tiers>) -> Option<Tiers> {
    let percent = row.tokens(faults, UPLIFT)?;
    let believed = u32::try_from(percent)
        .ok()
        .filter(|_| percent <= UPLIFT_PERCENT_MAX);
    let Some(percent) = believed else {
        let remedy = "write the percent that are added, e.g. 10";
        row.fault(faults, UPLIFT, "is above 100 percent", remedy);
        return None;
    };
    let raised = tiers?.raised(percent);
    if raised.is_none() {
        let problem = "raises a price above what can be counted";
        row.fault(faults, UPLIFT, problem, "lower the uplift or the prices");
    }
    raised
}

fn effective_from(faults: &mut Faults<'_>, row: &Section<'_>) -> Option<Date> {
    const REMEDY: &str =
        "state the first UTC day of the price, e.g. effective_from = 2026-01-01, without quotes";
    row.require(faults, "effective_from", REMEDY);
    row.date(faults, "effective_from", REMEDY)
}

#[cfg(test)]
mod tests;
