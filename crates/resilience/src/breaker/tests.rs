//! The transition table, state by state, on a virtual clock; and what permits promise.
//!
//! Invariants: each case goes through `check`, which plays a script and compares every move and the last state.
//! Does not know: the fields of the machine.

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::tests_script::Step::{
    CloseByHand, Drop, Fail, Ignore, OpenByHand, Refused, Reset, Settle, Start, Succeed, Wait,
};
use super::tests_script::{World, check, check_with, settings};
use super::{BreakerSettings, CircuitBreaker, State, WINDOW_CALLS_MAX};
use crate::{CallError, Classify, Open, Verdict};
use Verdict::{Failure, Ignored, Success};

const IN_A_ROW: &str = "closed > open: consecutive_failures";
const RATE: &str = "closed > open: failure_rate";
const TIME_OVER: &str = "open > half_open: open_time_over";
const PROBE_FAILED: &str = "half_open > open: probe_failed";
const PROBES_SUCCEEDED: &str = "half_open > closed: probes_succeeded";

#[test]
fn closed_stays_closed_below_both_limits() {
    check(&[Fail, Fail, Succeed], &[], "closed");
}

#[test]
fn closed_opens_at_failures_in_a_row() {
    check(&[Fail, Fail, Fail, Refused(5_000)], &[IN_A_ROW], "open");
}

#[test]
fn a_success_between_breaks_the_row() {
    check(
        &[Succeed, Succeed, Succeed, Fail, Fail, Succeed, Fail],
        &[],
        "closed",
    );
}

#[test]
fn an_ignored_outcome_counts_nowhere() {
    check(&[Fail, Ignore, Fail, Ignore, Ignore, Ignore], &[], "closed");
    check(&[Fail, Ignore, Fail, Ignore, Fail], &[IN_A_ROW], "open");
}

#[test]
fn closed_opens_at_the_failure_rate() {
    check(&[Succeed, Fail, Succeed, Fail], &[RATE], "open");
}

#[test]
fn the_rate_needs_its_minimum_of_calls() {
    check(&[Succeed, Fail, Fail], &[], "closed");
}

#[test]
fn only_a_failure_opens() {
    check(&[Fail, Fail, Succeed, Succeed], &[], "closed");
    check(&[Fail, Fail, Succeed, Succeed, Fail], &[RATE], "open");
}

#[test]
fn the_window_forgets_by_time() {
    check(
        &[Succeed, Fail, Fail, Wait(9_999), Succeed, Fail],
        &[RATE],
        "open",
    );
    check(
        &[Succeed, Fail, Fail, Wait(10_000), Succeed, Fail],
        &[],
        "closed",
    );
}

#[test]
fn the_window_forgets_by_count() {
    let slow = BreakerSettings {
        consecutive_failures_max: u32::MAX,
        window: Duration::MAX,
        ..settings()
    };
    let mut world = World::new(slow);
    (0..WINDOW_CALLS_MAX).for_each(|_| world.play(&Succeed));
    (1..WINDOW_CALLS_MAX / 2).for_each(|_| world.play(&Fail));
    assert_eq!(world.breaker.state(), State::Closed);
    world.play(&Fail);
    assert_eq!(world.moves(), [RATE]);
}

#[test]
fn open_refuses_until_its_time_is_over() {
    check(
        &[Fail, Fail, Fail, Wait(4_999), Refused(1)],
        &[IN_A_ROW],
        "open",
    );
    check(
        &[Fail, Fail, Fail, Wait(5_000), Start("probe")],
        &[IN_A_ROW, TIME_OVER],
        "half_open",
    );
}

#[test]
fn half_open_lets_only_its_probes_out() {
    let script = [
        Fail,
        Fail,
        Fail,
        Wait(5_000),
        Start("one"),
        Start("two"),
        Refused(1_000),
    ];
    check(&script, &[IN_A_ROW, TIME_OVER], "half_open");
}

#[test]
fn half_open_asks_for_all_successes_before_it_closes() {
    let opened = [Fail, Fail, Fail, Wait(5_000)];
    let once = [
        Start("one"),
        Settle("one", Success),
        Start("two"),
        Refused(1_000),
    ];
    let script: Vec<_> = opened.into_iter().chain(once).collect();
    check(&script, &[IN_A_ROW, TIME_OVER], "half_open");
    let script = [Fail, Fail, Fail, Wait(5_000), Succeed, Succeed, Succeed];
    check(&script, &[IN_A_ROW, TIME_OVER, PROBES_SUCCEEDED], "closed");
}

#[test]
fn half_open_opens_again_at_one_failed_probe() {
    let script = [
        Fail,
        Fail,
        Fail,
        Wait(5_000),
        Succeed,
        Fail,
        Wait(1_000),
        Refused(4_000),
    ];
    check(&script, &[IN_A_ROW, TIME_OVER, PROBE_FAILED], "open");
}

#[test]
fn a_probe_that_learned_nothing_gives_its_place_back() {
    let script = [
        Fail,
        Fail,
        Fail,
        Wait(5_000),
        Start("one"),
        Start("two"),
        Drop("one"),
        Start("three"),
        Refused(1_000),
        Settle("two", Ignored),
        Settle("three", Success),
        Succeed,
    ];
    check(&script, &[IN_A_ROW, TIME_OVER, PROBES_SUCCEEDED], "closed");
}

#[test]
fn closing_starts_a_clean_count() {
    let script = [
        Succeed,
        Fail,
        Fail,
        Fail,
        Wait(5_000),
        Succeed,
        Succeed,
        Fail,
        Fail,
    ];
    check(&script, &[IN_A_ROW, TIME_OVER, PROBES_SUCCEEDED], "closed");
}

#[test]
fn late_outcomes_of_calls_from_before_change_nothing() {
    // Calls that began closed end in half-open: they are neither probes nor do they free a probe's place.
    let script = [
        Start("old"),
        Start("older"),
        Fail,
        Fail,
        Fail,
        Wait(5_000),
        Start("one"),
        Start("two"),
        Settle("old", Failure),
        Settle("older", Success),
        Refused(1_000),
    ];
    check(&script, &[IN_A_ROW, TIME_OVER], "half_open");
    // A probe of an earlier round ends in the next one.
    let script = [
        Fail,
        Fail,
        Fail,
        Wait(5_000),
        Start("late"),
        Fail,
        Wait(5_000),
        Start("one"),
        Settle("late", Success),
        Succeed,
        Refused(1_000),
    ];
    check(
        &script,
        &[IN_A_ROW, TIME_OVER, PROBE_FAILED, TIME_OVER],
        "half_open",
    );
}

#[test]
fn a_hand_opens_until_a_hand_closes() {
    let script = [
        OpenByHand,
        Refused(5_000),
        Wait(1_000_000),
        Refused(5_000),
        OpenByHand,
    ];
    check(&script, &["closed > open: by_hand"], "open");
    let script = [OpenByHand, CloseByHand, CloseByHand, Succeed];
    check(
        &script,
        &["closed > open: by_hand", "open > closed: by_hand"],
        "closed",
    );
}

#[test]
fn a_hand_holds_open_what_failures_opened() {
    let script = [
        Fail,
        Fail,
        Fail,
        OpenByHand,
        Wait(1_000_000),
        Refused(5_000),
    ];
    check(&script, &[IN_A_ROW, "open > open: by_hand"], "open");
}

#[test]
fn close_keeps_the_counts_of_a_closed_breaker_and_reset_forgets_them() {
    check(&[Fail, Fail, CloseByHand, Fail], &[IN_A_ROW], "open");
    check(
        &[
            Start("old"),
            Fail,
            Fail,
            Reset,
            Fail,
            Fail,
            Settle("old", Failure),
        ],
        &[],
        "closed",
    );
    check(
        &[Fail, Fail, Fail, Reset, Fail],
        &[IN_A_ROW, "open > closed: by_hand"],
        "closed",
    );
}

#[test]
fn settings_out_of_range_are_moved_into_it() {
    let zero = BreakerSettings {
        consecutive_failures_max: 0,
        window: Duration::ZERO,
        failure_rate_percent: 0,
        calls_min: 0,
        open_for: Duration::ZERO,
        half_open_probes: 0,
    };
    check_with(
        zero,
        &[Succeed, Fail, Succeed],
        &[IN_A_ROW, TIME_OVER, PROBES_SUCCEEDED],
        "closed",
    );
    let rate_only = BreakerSettings {
        consecutive_failures_max: u32::MAX,
        failure_rate_percent: 255,
        calls_min: u32::MAX,
        ..settings()
    };
    let mut world = World::new(rate_only);
    (1..WINDOW_CALLS_MAX).for_each(|_| world.play(&Fail));
    assert_eq!(world.breaker.state(), State::Closed);
    world.play(&Fail);
    assert_eq!(world.moves(), [RATE]);
}

#[test]
fn the_observer_may_ask_the_breaker() {
    let shared: Arc<Mutex<Option<CircuitBreaker>>> = Arc::default();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let breaker = CircuitBreaker::observed(settings(), Arc::new(|| Duration::ZERO), {
        let (shared, asked) = (Arc::clone(&shared), Arc::clone(&asked));
        move |moved| {
            let state = shared.lock().unwrap().as_ref().map(CircuitBreaker::state);
            asked.lock().unwrap().push((moved.to, state));
        }
    });
    *shared.lock().unwrap() = Some(breaker.clone());
    (0..3).for_each(|_| breaker.permit().unwrap().settle(Failure));
    let open = State::Open {
        until: Duration::from_secs(5),
    };
    assert_eq!(*asked.lock().unwrap(), [(open, Some(open))]);
    *shared.lock().unwrap() = None;
}

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("broken")]
struct Broken(Verdict);

impl Classify for Broken {
    fn verdict(&self) -> Verdict {
        self.0
    }
}

#[tokio::test]
async fn call_learns_from_the_result() {
    let world = World::new(settings());
    assert_eq!(
        world.breaker.call(async { Ok::<_, Broken>(7) }).await,
        Ok(7)
    );
    for _ in 0..9 {
        let answer = world
            .breaker
            .call(async { Err::<(), _>(Broken(Ignored)) })
            .await;
        assert_eq!(answer, Err(CallError::Operation(Broken(Ignored))));
    }
    assert_eq!(world.breaker.state(), State::Closed);
    for _ in 0..3 {
        let answer = world
            .breaker
            .call(async { Err::<(), _>(Broken(Failure)) })
            .await;
        assert_eq!(answer, Err(CallError::Operation(Broken(Failure))));
    }
    let unrun = async { panic!("ran behind an open breaker") };
    let answer: Result<(), CallError<Broken>> = world.breaker.call(unrun).await;
    assert_eq!(
        answer,
        Err(CallError::Open(Open {
            retry_after: Duration::from_secs(5)
        }))
    );
}

#[test]
fn a_dropped_call_gives_its_probe_back() {
    let mut world = World::new(BreakerSettings {
        half_open_probes: 1,
        ..settings()
    });
    [Fail, Fail, Fail, Wait(5_000)]
        .iter()
        .for_each(|step| world.play(step));
    {
        let mut call = std::pin::pin!(
            world
                .breaker
                .call(std::future::pending::<Result<(), Broken>>())
        );
        let polled = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(polled, Poll::Pending));
        assert_eq!(world.breaker.state(), State::HalfOpen { probes: 1 });
        assert!(world.breaker.permit().is_err());
    }
    assert_eq!(world.breaker.state(), State::HalfOpen { probes: 0 });
    world.play(&Succeed);
    assert_eq!(world.breaker.state(), State::Closed);
}

#[test]
fn errors_read_after_failed_to() {
    let open = Open {
        retry_after: Duration::from_millis(1_500),
    };
    let text = "call an upstream whose circuit breaker is open, retry after 1500 ms";
    assert_eq!(CallError::<Broken>::Open(open).to_string(), text);
    assert_eq!(CallError::Operation(Broken(Failure)).to_string(), "broken");
}
