//! The suite of budgets on SQLite.
//!
//! Invariants: each test has a file of its own.
//! Does not know: what the suite asks.

use storage::{Role, Seams, Store};

use crate::suite::{Clock, Fresh, on_database};
use crate::world::World;

pub(crate) async fn fresh() -> Fresh {
    let world = World::new();
    let clock = Clock::new();
    let seams = Seams {
        wall: Some(clock.wall()),
        ..Seams::default()
    };
    let store = Store::open_with(world.options(Role::Server), seams).await;
    Fresh {
        store: store.expect("open as server"),
        clock,
        _ground: Box::new(world),
    }
}

on_database!(fresh());
