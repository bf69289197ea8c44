//! Tests that need nothing but a temporary file.
//!
//! Invariants: the price book under test is the file that ships.
//! Does not know: other crates than this one and the store.

mod entries;
mod escrow;
mod laws;
mod ledger;
mod prices;
mod vectors;

use cost_accounting::{PriceBook, PriceSource, UnknownPrice};

fn shipped() -> PriceBook {
    let source = PriceSource {
        name: "config/prices.toml".to_owned(),
        text: include_str!("../../../../config/prices.toml").to_owned(),
    };
    PriceBook::parse(&[source], UnknownPrice::Refuse).unwrap()
}
