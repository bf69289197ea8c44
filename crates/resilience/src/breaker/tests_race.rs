//! Many threads at one breaker.
//!
//! Invariants: each test starts all threads at a barrier, and none sleeps.
//! Does not know: the order in which the threads run; what is asserted holds in each.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use super::tests_script::Step::{Fail, Wait};
use super::tests_script::{World, settings};
use crate::{BreakerSettings, State, Verdict};

const THREADS: u32 = 8;
const ROUNDS: u32 = 2_000;
const PROBES: u32 = 3;

/// A breaker whose open time is just over.
fn due() -> World {
    let mut world = World::new(BreakerSettings {
        half_open_probes: PROBES,
        ..settings()
    });
    [Fail, Fail, Fail, Wait(5_000)]
        .iter()
        .for_each(|step| world.play(step));
    world
}

/// Runs the same on all threads at once.
fn race(body: impl Fn() + Sync) {
    let barrier = Barrier::new(THREADS as usize);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                barrier.wait();
                body();
            });
        }
    });
}

#[test]
fn never_more_probes_out_than_allowed() {
    let world = due();
    let (out, out_max, let_through) = (AtomicU32::new(0), AtomicU32::new(0), AtomicU32::new(0));
    race(|| {
        for _ in 0..ROUNDS {
            let Ok(permit) = world.breaker.permit() else {
                continue;
            };
            let now_out = out.fetch_add(1, Ordering::SeqCst) + 1;
            out_max.fetch_max(now_out, Ordering::SeqCst);
            let_through.fetch_add(1, Ordering::SeqCst);
            thread::yield_now();
            out.fetch_sub(1, Ordering::SeqCst);
            drop(permit);
        }
    });
    assert!((1..=PROBES).contains(&out_max.into_inner()));
    assert!(let_through.into_inner() > PROBES, "places were given back");
    assert_eq!(world.breaker.state(), State::HalfOpen { probes: 0 });
}

#[test]
fn exactly_the_probes_close_it_whoever_asks() {
    for _ in 0..50 {
        let world = due();
        let before_closing = AtomicU32::new(0);
        race(|| {
            for _ in 0..20 {
                let Ok(permit) = world.breaker.permit() else {
                    continue;
                };
                // Nobody settles before the state is read, so a permit taken in half-open is counted as one.
                if matches!(world.breaker.state(), State::HalfOpen { .. }) {
                    before_closing.fetch_add(1, Ordering::SeqCst);
                }
                permit.settle(Verdict::Success);
            }
        });
        assert_eq!(before_closing.into_inner(), PROBES);
        assert_eq!(world.breaker.state(), State::Closed);
        assert_eq!(
            world.moves().len(),
            3,
            "opened, half-opened and closed once each"
        );
    }
}

#[test]
fn failures_from_all_sides_open_it_once() {
    let world = World::new(BreakerSettings {
        open_for: Duration::from_secs(1_000),
        ..settings()
    });
    race(|| {
        for _ in 0..ROUNDS {
            if let Ok(permit) = world.breaker.permit() {
                permit.settle(Verdict::Failure);
            }
        }
    });
    assert_eq!(world.moves().len(), 1);
}
