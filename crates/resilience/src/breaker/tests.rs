//! The transition table, state by state, on a virtual clock.
//!
//! Invariants: each case goes through `check`, which plays a script and compares every move and the last state.
//! Does not know: the fields of the machine.

use std::time::Duration;

use super::tests_script::Step::{
    CloseByHand, Drop, Fail, Ignore, OpenByHand, Refused, Reset, Settle, Start, Succeed, Wait,
};
use super::tests_script::{World, check, check_with, settings};
use super::{BreakerSettings, State, WINDOW_CALLS_MAX};
use crate::Verdict;
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
