//! The machine against a model that keeps every outcome and counts again each time.
//!
//! Invariants: after every step both agree on the state, on who is let through, and on the wait told to the others.
//! Does not know: generations and rings; the model keeps the number of the era with each call instead.

use std::time::Duration;

use proptest::prelude::*;

use super::{Machine, Ticket};
use crate::breaker::{BreakerSettings, State, WINDOW_CALLS_MAX};
use crate::{Open, Verdict};

#[derive(Clone, Debug)]
enum Act {
    Call,
    /// The nth of the running calls ends.
    End(prop::sample::Index, Verdict),
    Wait(u64),
    OpenByHand,
    CloseByHand,
    Reset,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let verdict = prop_oneof![
        Just(Verdict::Success),
        Just(Verdict::Failure),
        Just(Verdict::Ignored)
    ];
    let act = prop_oneof![
        8 => Just(Act::Call),
        8 => (any::<prop::sample::Index>(), verdict).prop_map(|(index, verdict)| Act::End(index, verdict)),
        3 => (0_u64..4_000).prop_map(Act::Wait),
        1 => prop_oneof![Just(Act::OpenByHand), Just(Act::CloseByHand), Just(Act::Reset)],
    ];
    prop::collection::vec(act, 0..200)
}

fn some_settings() -> impl Strategy<Value = BreakerSettings> {
    (
        1_u32..5,
        1_u64..8_000,
        1_u8..=100,
        1_u32..8,
        0_u64..5_000,
        1_u32..4,
    )
        .prop_map(
            |(in_a_row, window, percent, calls_min, open_for, probes)| BreakerSettings {
                consecutive_failures_max: in_a_row,
                window: Duration::from_millis(window),
                failure_rate_percent: percent,
                calls_min,
                open_for: Duration::from_millis(open_for),
                half_open_probes: probes,
            },
        )
}

struct Model {
    settings: BreakerSettings,
    state: State,
    era: usize,
    /// Every verdict of this era but ignored ones, with its time.
    history: Vec<(Duration, Verdict)>,
}

impl Model {
    fn enter(&mut self, state: State) {
        self.state = state;
        self.era += 1;
        self.history.clear();
    }

    fn successes(&self) -> u32 {
        self.history
            .iter()
            .filter(|(_, verdict)| *verdict == Verdict::Success)
            .count() as u32
    }

    fn call(&mut self, now: Duration) -> Result<usize, Open> {
        if let State::Open { until } = self.state
            && until != Duration::MAX
            && now >= until
        {
            self.enter(State::HalfOpen { probes: 0 });
        }
        let successes = self.successes();
        match &mut self.state {
            State::Closed => {}
            State::Open {
                until: Duration::MAX,
            } => {
                return Err(Open {
                    retry_after: self.settings.open_for,
                });
            }
            State::Open { until } => {
                return Err(Open {
                    retry_after: *until - now,
                });
            }
            State::HalfOpen { probes } if *probes + successes < self.settings.half_open_probes => {
                *probes += 1
            }
            State::HalfOpen { .. } => {
                return Err(Open {
                    retry_after: self.settings.open_for.min(Duration::from_secs(1)),
                });
            }
        }
        Ok(self.era)
    }

    fn end(&mut self, era: usize, verdict: Verdict, now: Duration) {
        if era != self.era {
            return;
        }
        if verdict != Verdict::Ignored {
            self.history.push((now, verdict));
        }
        let successes = self.successes();
        let open = State::Open {
            until: now + self.settings.open_for,
        };
        let is_over = verdict == Verdict::Failure && self.is_over(now);
        match &mut self.state {
            State::HalfOpen { probes } => {
                *probes -= 1;
                match verdict {
                    Verdict::Failure => self.enter(open),
                    Verdict::Success if successes == self.settings.half_open_probes => {
                        self.enter(State::Closed)
                    }
                    _ => {}
                }
            }
            State::Closed if is_over => self.enter(open),
            _ => {}
        }
    }

    fn is_over(&self, now: Duration) -> bool {
        let failed = |(_, verdict): &&(Duration, Verdict)| *verdict == Verdict::Failure;
        let in_a_row = self.history.iter().rev().take_while(failed).count() as u32;
        let mut window: Vec<_> = self.history.iter().rev().take(WINDOW_CALLS_MAX).collect();
        window.retain(|(at, _)| now - *at < self.settings.window);
        let failures = window
            .iter()
            .filter(|(_, verdict)| *verdict == Verdict::Failure)
            .count();
        in_a_row >= self.settings.consecutive_failures_max
            || (window.len() >= self.settings.calls_min as usize
                && failures as f64 / window.len() as f64 * 100.0
                    >= f64::from(self.settings.failure_rate_percent) - 1e-9)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_machine_agrees_with_the_model(settings in some_settings(), acts in acts()) {
        let mut machine = Machine::new(settings.clone());
        let mut model = Model { settings, state: State::Closed, era: 0, history: Vec::new() };
        let mut running: Vec<(Ticket, usize)> = Vec::new();
        let mut now = Duration::ZERO;
        for act in acts {
            match act {
                Act::Wait(millis) => now += Duration::from_millis(millis),
                Act::Call => match (machine.admit(now).0, model.call(now)) {
                    (Ok(ticket), Ok(era)) => running.push((ticket, era)),
                    (Err(open), Err(expected)) => prop_assert_eq!(open, expected),
                    (admitted, expected) => prop_assert!(false, "{:?} but {:?}", admitted, expected),
                },
                Act::End(index, verdict) if !running.is_empty() => {
                    let (ticket, era) = running.swap_remove(index.index(running.len()));
                    machine.settle(ticket, verdict, now);
                    model.end(era, verdict, now);
                }
                Act::End(..) => {}
                Act::OpenByHand => {
                    machine.open_by_hand();
                    if model.state != (State::Open { until: Duration::MAX }) {
                        model.enter(State::Open { until: Duration::MAX });
                    }
                }
                Act::CloseByHand => {
                    machine.close_by_hand();
                    if model.state != State::Closed {
                        model.enter(State::Closed);
                    }
                }
                Act::Reset => {
                    machine.reset();
                    model.enter(State::Closed);
                }
            }
            prop_assert_eq!(machine.state(), model.state);
        }
    }
}
