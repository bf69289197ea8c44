//! All routes, by what is done with them.
//!
//! Invariants: a row comes before any that would also match its paths; the routes of hot paths come first.
//! Does not know: how a path is matched.

mod core;
mod objects;
mod refused;

use crate::routes::{Leaves, Makes, Meter, Route, Serve};

/// Every method.
pub(crate) const ANY: &str = "ANY";

const fn row(
    (method, template): (&'static str, &'static str),
    permission: &'static str,
    (meter, leaves, makes): (Meter, Leaves, Makes),
    serve: Serve,
) -> Route {
    Route {
        method,
        template,
        permission,
        meter,
        leaves,
        makes,
        serve,
    }
}

/// All rows, in the order in which they are looked at.
pub fn routes() -> impl Iterator<Item = &'static Route> {
    [core::ROWS, objects::ROWS, refused::ROWS]
        .into_iter()
        .flatten()
}
