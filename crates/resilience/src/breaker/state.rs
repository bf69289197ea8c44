//! The breaker as a pure machine: time and outcomes in, moves out.
//!
//! Invariants: the generation grows with every move, and a ticket of an older generation changes nothing; in half-open
//! probes out + successes ≤ `half_open_probes`; only a failure opens a closed breaker; each call of a method makes at
//! most one move.
//! Does not know: locks, clocks, futures, errors.

use std::time::Duration;

use super::settings::BreakerSettings;
use super::transition::{Reason, State, Transition};
use super::window::Window;
use crate::{Open, Verdict};

/// The guess for callers who come while all probes are out: nobody knows when a probe ends.
const PROBE_RETRY_AFTER_MAX: Duration = Duration::from_secs(1);

/// Leave for one call, bound to the state that gave it.
#[derive(Debug)]
pub(super) struct Ticket {
    generation: u64,
}

#[derive(Debug)]
enum Phase {
    Closed {
        consecutive_failures: u32,
        window: Window,
    },
    Open {
        until: Duration,
    },
    HalfOpen {
        probes: u32,
        successes: u32,
    },
}

#[derive(Debug)]
pub(super) struct Machine {
    settings: BreakerSettings,
    phase: Phase,
    generation: u64,
}

impl Machine {
    pub(super) fn new(settings: BreakerSettings) -> Self {
        let settings = settings.in_range();
        let phase = closed(&settings);
        Self {
            settings,
            phase,
            generation: 0,
        }
    }

    pub(super) fn state(&self) -> State {
        match self.phase {
            Phase::Closed { .. } => State::Closed,
            Phase::Open { until } => State::Open { until },
            Phase::HalfOpen { probes, .. } => State::HalfOpen { probes },
        }
    }

    /// Lets one call begin, or says when to come back.
    pub(super) fn admit(&mut self, now: Duration) -> (Result<Ticket, Open>, Option<Transition>) {
        let moved = match self.phase {
            Phase::Open { until } if now >= until && until != Duration::MAX => Some(self.enter(
                Phase::HalfOpen {
                    probes: 0,
                    successes: 0,
                },
                Reason::OpenTimeOver,
            )),
            _ => None,
        };
        (self.admit_in_phase(now), moved)
    }

    fn admit_in_phase(&mut self, now: Duration) -> Result<Ticket, Open> {
        match &mut self.phase {
            Phase::Closed { .. } => {}
            Phase::Open {
                until: Duration::MAX,
            } => {
                return Err(Open {
                    retry_after: self.settings.open_for,
                });
            }
            Phase::Open { until } => {
                return Err(Open {
                    retry_after: until.saturating_sub(now),
                });
            }
            Phase::HalfOpen { probes, successes } => {
                if *probes + *successes >= self.settings.half_open_probes {
                    return Err(Open {
                        retry_after: self.settings.open_for.min(PROBE_RETRY_AFTER_MAX),
                    });
                }
                *probes += 1;
            }
        }
        Ok(Ticket {
            generation: self.generation,
        })
    }

    /// Takes the outcome of a call that was let through.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a ticket is used up, so nobody settles twice"
    )]
    pub(super) fn settle(
        &mut self,
        ticket: Ticket,
        verdict: Verdict,
        now: Duration,
    ) -> Option<Transition> {
        if ticket.generation != self.generation {
            return None;
        }
        let reason = match &mut self.phase {
            Phase::Closed {
                consecutive_failures,
                window,
            } => watch(&self.settings, consecutive_failures, window, verdict, now)?,
            Phase::HalfOpen { probes, successes } => {
                *probes -= 1;
                judge_probe(&self.settings, successes, verdict)?
            }
            Phase::Open { .. } => {
                debug_assert!(false, "an open breaker gives no tickets");
                return None;
            }
        };
        let next = match reason {
            Reason::ProbesSucceeded => closed(&self.settings),
            _ => Phase::Open {
                until: now.saturating_add(self.settings.open_for),
            },
        };
        Some(self.enter(next, reason))
    }

    pub(super) fn open_by_hand(&mut self) -> Option<Transition> {
        let held = Phase::Open {
            until: Duration::MAX,
        };
        let is_held = matches!(
            self.phase,
            Phase::Open {
                until: Duration::MAX
            }
        );
        (!is_held).then(|| self.enter(held, Reason::ByHand))
    }

    pub(super) fn close_by_hand(&mut self) -> Option<Transition> {
        let is_closed = matches!(self.phase, Phase::Closed { .. });
        (!is_closed).then(|| self.enter(closed(&self.settings), Reason::ByHand))
    }

    pub(super) fn reset(&mut self) -> Option<Transition> {
        let transition = self.enter(closed(&self.settings), Reason::ByHand);
        (transition.from != transition.to).then_some(transition)
    }

    /// The one place where the phase changes, so that no move forgets the generation.
    fn enter(&mut self, next: Phase, reason: Reason) -> Transition {
        let from = self.state();
        self.phase = next;
        self.generation += 1;
        Transition {
            from,
            to: self.state(),
            reason,
        }
    }
}

fn closed(settings: &BreakerSettings) -> Phase {
    Phase::Closed {
        consecutive_failures: 0,
        window: Window::new(settings.window),
    }
}

/// Counts an outcome while closed; the reason if it opens the breaker.
fn watch(
    settings: &BreakerSettings,
    consecutive_failures: &mut u32,
    window: &mut Window,
    verdict: Verdict,
    now: Duration,
) -> Option<Reason> {
    match verdict {
        Verdict::Ignored => return None,
        Verdict::Success => {
            *consecutive_failures = 0;
            window.record(false, now);
            return None;
        }
        Verdict::Failure => {
            *consecutive_failures = consecutive_failures.saturating_add(1);
            window.record(true, now);
        }
    }
    let in_a_row = settings.consecutive_failures_max;
    if in_a_row != u32::MAX && *consecutive_failures >= in_a_row {
        return Some(Reason::ConsecutiveFailures);
    }
    window
        .is_failing(settings.failure_rate_percent, settings.calls_min)
        .then_some(Reason::FailureRate)
}

/// Counts the end of a probe; the reason if it decides.
fn judge_probe(
    settings: &BreakerSettings,
    successes: &mut u32,
    verdict: Verdict,
) -> Option<Reason> {
    match verdict {
        Verdict::Ignored => None,
        Verdict::Failure => Some(Reason::ProbeFailed),
        Verdict::Success => {
            *successes += 1;
            (*successes >= settings.half_open_probes).then_some(Reason::ProbesSucceeded)
        }
    }
}

#[cfg(test)]
mod tests;
