//! Daily sums of one batch of entries, made in memory, and how a sum of money stands in two columns.
//!
//! Invariants: exact; nothing wraps, a sum that leaves 64 bits is an error.
//! Does not know: SQL.

use std::collections::BTreeMap;

use crate::error::StoreErrorKind;
use crate::rows::EntryRow;

/// Pico-USD in the larger of the two columns' unit, a thousandth of a USD.
const PICO_PER_MILLI_USD: i128 = 1_000_000_000;

/// Day, key, project, model, endpoint.
pub(crate) type Group<'r> = (i64, &'r str, &'r str, &'r str, &'r str);

/// The sums of one batch. Ordered, so that rows are touched in the order of the table.
#[derive(Debug, Default)]
pub(crate) struct DailySums<'r> {
    pub(crate) groups: BTreeMap<Group<'r>, Sum>,
    /// Cost by day, `user` or `tag`, and the name of it.
    pub(crate) labels: BTreeMap<(i64, &'static str, &'r str), i128>,
}

#[derive(Debug, Default)]
pub(crate) struct Sum {
    pub(crate) requests: i64,
    pub(crate) attempts: i64,
    /// Input, cached input, cache writes for 30 minutes and for 12 hours, output, reasoning.
    pub(crate) tokens: [i64; 6],
    pub(crate) cost_pico_usd: i128,
    /// The part of the cost that was estimated.
    pub(crate) estimated_pico_usd: i128,
    /// The part of the cost that was charged because nothing was heard.
    pub(crate) unsettled_pico_usd: i128,
}

impl<'r> DailySums<'r> {
    /// Adds one new entry that corrects nothing.
    pub(crate) fn add(&mut self, row: &'r EntryRow) -> Result<(), StoreErrorKind> {
        self.add_correction(row, &row.state)
    }

    /// Adds one new entry that corrects another one of this state.
    pub(crate) fn add_correction(
        &mut self,
        row: &'r EntryRow,
        state: &str,
    ) -> Result<(), StoreErrorKind> {
        let group = (
            row.window_day,
            &*row.key_id,
            &*row.project,
            &*row.model,
            &*row.endpoint,
        );
        let sum = self.groups.entry(group).or_default();
        // What was lost with an instance is no call that anybody can count.
        let counts = row.adjustment == 0 && row.state != "unsettled";
        sum.requests += i64::from(counts && row.attempt <= 1);
        sum.attempts += i64::from(counts && row.attempt >= 1);
        let cost = i128::from(row.cost_pico_usd);
        sum.cost_pico_usd += cost;
        match state {
            "estimated" => sum.estimated_pico_usd += cost,
            "unsettled" => sum.unsettled_pico_usd += cost,
            _ => {}
        }
        let tokens = [
            row.input_tokens,
            row.cached_input_tokens,
            row.cache_write_30m_tokens,
            row.cache_write_12h_tokens,
            row.output_tokens,
            row.reasoning_tokens,
        ];
        for (sum, tokens) in sum.tokens.iter_mut().zip(tokens) {
            *sum = sum
                .checked_add(tokens)
                .ok_or(StoreErrorKind::Overflow { field: "usage" })?;
        }
        if cost != 0 {
            for (kind, value) in row.labels() {
                *self
                    .labels
                    .entry((row.window_day, kind, value))
                    .or_default() += cost;
            }
        }
        Ok(())
    }
}

/// Splits a sum of money into its two columns. The rest is never below zero, also for a negative sum.
pub(crate) fn split_money(cost_pico_usd: i128) -> Result<(i64, i64), StoreErrorKind> {
    let overflow = |_| StoreErrorKind::Overflow { field: "cost" };
    let milli_usd =
        i64::try_from(cost_pico_usd.div_euclid(PICO_PER_MILLI_USD)).map_err(overflow)?;
    let rest = i64::try_from(cost_pico_usd.rem_euclid(PICO_PER_MILLI_USD)).map_err(overflow)?;
    Ok((milli_usd, rest))
}

/// The sum of money that two columns hold.
pub(crate) fn join_money(milli_usd: i64, rest_pico_usd: i64) -> i128 {
    i128::from(milli_usd) * PICO_PER_MILLI_USD + i128::from(rest_pico_usd)
}
