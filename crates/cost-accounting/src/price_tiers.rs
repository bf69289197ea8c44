//! Reads the prices of one row, at every tier, and fills their gaps.
//!
//! Invariants: prices are given only if all of them are sound; long context is never cheaper than the prices below its threshold.
//! Does not know: models, dates, which source the row is from.

use crate::price::{Kind, TierRates, Tiers};
use crate::price_section::{Faults, Section};
use crate::rates::{Class, Rates, StatedRates, TokenPrice};

pub(crate) const RATES: &str = "usd_per_million_tokens";
pub(crate) const THRESHOLD: &str = "long_context_above_input_tokens";
pub(crate) const WRITES_BILLED: &str = "cache_writes_billed";
const LONG_CONTEXT: &str = "long_context";
/// In the order of [`Tiers::others`].
const OTHER_TIERS: [&str; 4] = ["batch", "flex", "priority", "ultrafast"];
/// The prices of a row as they are written.
struct Stated {
    standard: StatedTier,
    /// `None` without a threshold; with one, all of it may be unstated.
    long: Option<StatedRates>,
    others: [Option<StatedTier>; 4],
    writes_billed: bool,
}

/// One tier as it is written. Input and output must be.
#[derive(Clone, Copy)]
struct StatedTier {
    input: TokenPrice,
    output: TokenPrice,
    rates: StatedRates,
}

/// Reads all prices of a row, or notes what keeps them from being read.
pub(crate) fn read(
    faults: &mut Faults<'_>,
    row: &Section<'_>,
    kind: Option<Kind>,
) -> Option<Tiers> {
    row.require(
        faults,
        RATES,
        "add a table [price.usd_per_million_tokens] with input and output",
    );
    let prices = row.section(faults, RATES)?;
    let stated = stated(faults, row, &prices, kind)?;
    let Some(tiers) = fill(&stated) else {
        prices.fault(
            faults,
            "input",
            "is too dear for the prices that are derived from it",
            "state the cache-write and long_context prices too",
        );
        return None;
    };
    if !tiers.standard.long.covers(&tiers.standard.short) {
        prices.fault(
            faults,
            LONG_CONTEXT,
            "is cheaper than the price below the threshold",
            "columns swapped? long context is never cheaper",
        );
        return None;
    }
    Some(tiers)
}

fn stated(
    faults: &mut Faults<'_>,
    row: &Section<'_>,
    prices: &Section<'_>,
    kind: Option<Kind>,
) -> Option<Stated> {
    // A gap is filled only from prices that are all sound, lest one fault is told twice.
    let faults_before = faults.count();
    let classes = Class::ALL.map(Class::name);
    let known = [&classes[..], &[LONG_CONTEXT], &OTHER_TIERS].concat();
    prices.only(faults, &known);
    let standard = tier(faults, prices);
    let long = prices.section(faults, LONG_CONTEXT).map(|section| {
        section.only(faults, &classes);
        rates(faults, &section)
    });
    if long.is_some() && !row.has(THRESHOLD) {
        let remedy = "state long_context_above_input_tokens in [[price]], e.g. 272000";
        prices.fault(faults, LONG_CONTEXT, "has no threshold", remedy);
    }
    let others = OTHER_TIERS.map(|name| {
        let section = prices.section(faults, name)?;
        section.only(faults, &classes);
        tier(faults, &section)
    });
    let writes_billed = row.flag(faults, WRITES_BILLED);
    if writes_billed == Some(false) && has_write_price(prices) {
        let problem = "is false, and yet a cache write has a price";
        row.fault(
            faults,
            WRITES_BILLED,
            problem,
            "delete the line or the price",
        );
    }
    if faults.count() > faults_before {
        return None;
    }
    Some(Stated {
        standard: standard?,
        long: row.has(THRESHOLD).then(|| long.unwrap_or_default()),
        others,
        writes_billed: writes_billed.unwrap_or(may_write(kind)),
    })
}

/// Only models that answer in text have a prompt cache that bills its writes.
fn may_write(kind: Option<Kind>) -> bool {
    matches!(
        kind,
        None | Some(Kind::Chat | Kind::Completion | Kind::Responses)
    )
}

fn has_write_price(prices: &Section<'_>) -> bool {
    prices.has("cache_write_30m") || prices.has("cache_write_12h")
}

fn fill(stated: &Stated) -> Option<Tiers> {
    let StatedTier {
        input,
        output,
        rates,
    } = &stated.standard;
    let short = Rates::standard(rates, *input, *output, stated.writes_billed)?;
    let long = match &stated.long {
        Some(long) => short.long(long)?,
        None => short,
    };
    let mut others = [None; 4];
    for (slot, tier) in others.iter_mut().zip(&stated.others) {
        if let Some(tier) = tier {
            let of_tier = short.tier(rates, &tier.rates, tier.input, tier.output)?;
            *slot = Some(TierRates {
                short: of_tier,
                long: short.long_of_tier(&long, &of_tier)?,
            });
        }
    }
    Some(Tiers {
        standard: TierRates { short, long },
        others,
    })
}

fn tier(faults: &mut Faults<'_>, section: &Section<'_>) -> Option<StatedTier> {
    const REMEDY: &str =
        "state it in quotes; what is free, such as the output of embeddings, is \"0\"";
    section.require(faults, "input", REMEDY);
    section.require(faults, "output", REMEDY);
    let rates = rates(faults, section);
    Some(StatedTier {
        input: rates.get(Class::Input)?,
        output: rates.get(Class::Output)?,
        rates,
    })
}

fn rates(faults: &mut Faults<'_>, section: &Section<'_>) -> StatedRates {
    StatedRates::read(|class| section.price(faults, class.name()))
}
