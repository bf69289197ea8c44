//! Scripts for a breaker on a virtual clock.
//!
//! Invariants: a step that can't happen as written fails the test.
//! Does not know: which script is right.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::breaker::{BreakerSettings, CircuitBreaker, Permit, Transition};
use crate::{Clock, Verdict};
use Step::{
    CloseByHand, Drop, Fail, Ignore, OpenByHand, Refused, Reset, Settle, Start, Succeed, Wait,
};
use Verdict::{Failure, Ignored, Success};

/// Opens at 3 in a row, or at 50 % of at least 4 in 10 s; for 5 s; 2 probes.
pub(super) fn settings() -> BreakerSettings {
    BreakerSettings {
        consecutive_failures_max: 3,
        window: Duration::from_secs(10),
        failure_rate_percent: 50,
        calls_min: 4,
        open_for: Duration::from_secs(5),
        half_open_probes: 2,
    }
}

/// One thing that happens to a breaker.
pub(super) enum Step {
    /// A call begins and ends at once.
    Succeed,
    Fail,
    Ignore,
    /// A call begins, to be ended under its name.
    Start(&'static str),
    Settle(&'static str, Verdict),
    Drop(&'static str),
    /// A call is refused, to be retried after so many milliseconds.
    Refused(u64),
    /// Milliseconds.
    Wait(u64),
    OpenByHand,
    CloseByHand,
    Reset,
}

pub(super) struct World {
    pub(super) breaker: CircuitBreaker,
    millis: Arc<AtomicU64>,
    moves: Arc<Mutex<Vec<Transition>>>,
    permits: HashMap<&'static str, Permit>,
}

impl World {
    pub(super) fn new(settings: BreakerSettings) -> Self {
        let millis = Arc::new(AtomicU64::new(1_000));
        let moves = Arc::new(Mutex::new(Vec::new()));
        let clock: Clock = Arc::new({
            let millis = Arc::clone(&millis);
            move || Duration::from_millis(millis.load(Ordering::SeqCst))
        });
        let seen = Arc::clone(&moves);
        let breaker = CircuitBreaker::observed(settings, clock, move |moved| {
            seen.lock().unwrap().push(moved)
        });
        Self {
            breaker,
            millis,
            moves,
            permits: HashMap::new(),
        }
    }

    pub(super) fn play(&mut self, step: &Step) {
        match *step {
            Succeed => self.breaker.permit().unwrap().settle(Success),
            Fail => self.breaker.permit().unwrap().settle(Failure),
            Ignore => self.breaker.permit().unwrap().settle(Ignored),
            Start(name) => assert!(
                self.permits
                    .insert(name, self.breaker.permit().unwrap())
                    .is_none()
            ),
            Settle(name, verdict) => self.permits.remove(name).unwrap().settle(verdict),
            Drop(name) => drop(self.permits.remove(name).unwrap()),
            Refused(millis) => {
                assert_eq!(
                    self.breaker.permit().unwrap_err().retry_after,
                    Duration::from_millis(millis)
                );
            }
            Wait(millis) => {
                self.millis.fetch_add(millis, Ordering::SeqCst);
            }
            OpenByHand => self.breaker.open(),
            CloseByHand => self.breaker.close(),
            Reset => self.breaker.reset(),
        }
    }

    /// Each move as `from > to: reason`.
    pub(super) fn moves(&self) -> Vec<String> {
        let told = |moved: &Transition| {
            format!(
                "{} > {}: {}",
                moved.from.name(),
                moved.to.name(),
                moved.reason.name()
            )
        };
        self.moves.lock().unwrap().iter().map(told).collect()
    }
}

/// Plays the script and compares the moves and the name of the last state.
#[track_caller]
pub(super) fn check(script: &[Step], moves: &[&str], last: &str) {
    check_with(settings(), script, moves, last);
}

#[track_caller]
pub(super) fn check_with(settings: BreakerSettings, script: &[Step], moves: &[&str], last: &str) {
    let mut world = World::new(settings);
    script.iter().for_each(|step| world.play(step));
    assert_eq!(world.moves(), moves);
    assert_eq!(world.breaker.state().name(), last);
}
