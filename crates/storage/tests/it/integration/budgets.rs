//! The suite of budgets on PostgreSQL.
//!
//! Invariants: each test has a server of its own.
//! Does not know: what the suite asks.

use std::rc::Rc;

use storage::{Role, Seams, Store};

use crate::integration::station::{Station, options};
use crate::suite::{Clock, Fresh, on_database};

/// A store on an empty database of a server that may have had others before.
pub(crate) async fn fresh_on(station: Rc<Station>) -> Fresh {
    station.clear();
    let clock = Clock::new();
    let seams = Seams {
        wall: Some(clock.wall()),
        ..Seams::default()
    };
    let options = options(&station.postgres.url(), Role::Server);
    let store = Store::connect_with(options, seams).await;
    Fresh {
        store: store.expect("connect as server"),
        clock,
        _ground: Box::new(station),
    }
}

on_database!(fresh_on(Rc::new(Station::new())), #[ignore = "starts a PostgreSQL server"]);
