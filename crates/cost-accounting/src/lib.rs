//! What a call costs, and the ledger that remembers it: money exact to the pico-dollar, effective-dated prices, disjoint usage.
//!
//! Invariants: no float and no rounding anywhere; a missing price is never zero; a bound is never below a cost within it; what is
//! settled and leased of a budget never passes its limit by a grant.
//! Does not know: HTTP, wire formats, budgets' owners, where price files lie.
//!
//! A [`PriceBook`] is read from the text of price files. It finds the [`PriceRow`] of a model on a day, and the row turns [`Usage`] into
//! [`PicoUsd`]. A [`Ledger`] keeps an [`Entry`] per attempt and sums them up in a [`Report`].
//!
//! [`Budgets`] are limits for a scope and a window. An [`Escrow`] holds the bound of a call in every budget that binds it before the
//! call is sent; a [`Hold`] that is settled gives the [`Charges`] with which the entry is recorded, and the rest is free at once.
//! So no budget is ever exceeded, and what a crash interrupts is found and charged at the next start.
//!
//! ```
//! use cost_accounting::{PriceBook, PriceSource, UnknownPrice, Usage};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let text = r#"
//!     [[price]]
//!     model = "gpt-4o-mini"
//!     kind = "chat"
//!     effective_from = 2026-01-01
//!     cache_writes_billed = false
//!     [price.usd_per_million_tokens]
//!     input = "0.15"
//!     cached_input = "0.075"
//!     output = "0.60"
//! "#;
//! let source = PriceSource { name: "prices.toml".to_owned(), text: text.to_owned() };
//! let book = PriceBook::parse(&[source], UnknownPrice::Refuse)?;
//!
//! // A dated name has the price of its family, unless it has one of its own.
//! let row = book.find("gpt-4o-mini-2024-07-18", "2026-11-22T12:00:00Z".parse()?)?;
//! assert_eq!(row.id(), "gpt-4o-mini@2026-01-01");
//!
//! // Before the call: the most it can cost. After it: what it did cost.
//! let bound = row.bound(1_000, 500);
//! let usage = Usage { input: 400, cached_input: 600, output: 200, ..Usage::default() };
//! assert_eq!(row.cost(&usage).to_string(), "0.000225");
//! assert_eq!(bound.to_string(), "0.00045");
//!
//! // What is not priced is refused, not free.
//! assert!(book.find("gpt-unheard-of", "2026-11-22T12:00:00Z".parse()?).is_err());
//! # Ok(())
//! # }
//! ```
#![deny(clippy::float_arithmetic)]

mod bound;
mod budget;
mod budgets;
mod calendar;
mod decimal;
mod entry;
mod escrow;
mod explanation;
mod ledger;
mod money;
mod price;
mod price_book;
mod price_errors;
mod price_file;
mod price_meters;
mod price_section;
mod price_tiers;
mod rates;
mod report;
#[cfg(test)]
mod tests;
mod usage;

pub use bound::{Limits, Modalities};
pub use budget::{
    Budget, BudgetScope, BudgetTextError, BudgetUnreadable, BudgetWindow, LIMIT_MAX,
    SCOPE_VALUE_BYTES_MAX, read_limit,
};
pub use budgets::{BudgetError, Budgets};
pub use calendar::day_of;
pub use decimal::DecimalError;
pub use entry::{Entry, EntryError, EntryState};
pub use escrow::{
    ACCOUNTS_MAX, BudgetRefusal, CallScope, Charges, Closed, EVENTS_MAX, Escrow, EscrowEvent,
    EscrowSettings, HOLDS_MAX, Hold, RefusalReason, Refused, WAITERS_MAX,
};
pub use explanation::{BudgetStanding, BudgetVerdict, Explanation};
pub use ledger::{Ledger, LedgerError, Receipt};
pub use money::PicoUsd;
pub use price::{Kind, OutputLimitField, PriceRow, Tier};
pub use price_book::{PriceBook, PriceError, PriceSource, UnknownPrice};
pub use price_errors::{PriceErrors, PriceProblem};
pub use rates::TokenPrice;
pub use report::{Report, ReportBy, ReportQuery, ReportRow};
pub use usage::Usage;
