//! What is wrong with price files, all of it at once, each fault with its place and its remedy.
//!
//! Invariants: no value of the file is shown, only where it stands; at least one problem.
//! Does not know: TOML, where the files are.

use std::fmt;

/// One fault in a price source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceProblem {
    /// Name of the source, e.g. `config/prices.toml`.
    pub source: String,
    /// Line in it, counted from 1, where it is known.
    pub line: Option<usize>,
    /// Path of the field, e.g. `price[3].usd_per_million_tokens.input`; rows are counted from 1.
    pub field: String,
    /// What is wrong; reads after the field: "is negative".
    pub problem: String,
    /// What to do about it.
    pub remedy: String,
}

impl fmt::Display for PriceProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.source)?;
        if let Some(line) = self.line {
            write!(formatter, ":{line}")?;
        }
        write!(
            formatter,
            ": {} {}; {}",
            self.field, self.problem, self.remedy
        )
    }
}

/// All faults of all price sources, in the order of the sources and their lines.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct PriceErrors {
    /// At least one.
    pub problems: Vec<PriceProblem>,
}

impl fmt::Display for PriceErrors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "read prices: {} to mend", self.problems.len())?;
        self.problems
            .iter()
            .try_for_each(|problem| write!(formatter, "\n  {problem}"))
    }
}
