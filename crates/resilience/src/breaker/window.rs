//! The latest outcomes, bounded by time and by count.
//!
//! Invariants: `failures` is the number of failed outcomes held; never more than `WINDOW_CALLS_MAX` are held; the
//! oldest stands first. Each outcome is added once and removed once, so recording is constant time on average.
//! Does not know: what follows from a rate.

use std::collections::VecDeque;
use std::time::Duration;

use super::settings::WINDOW_CALLS_MAX;

/// Outcomes of the last `span`. Exact: buckets would be smaller, and would lose up to one bucket of time at the turn.
#[derive(Debug)]
pub(super) struct Window {
    span: Duration,
    outcomes: VecDeque<Outcome>,
    failures: usize,
}

#[derive(Debug)]
struct Outcome {
    at: Duration,
    failed: bool,
}

impl Window {
    pub(super) fn new(span: Duration) -> Self {
        Self {
            span,
            outcomes: VecDeque::new(),
            failures: 0,
        }
    }

    pub(super) fn record(&mut self, failed: bool, now: Duration) {
        self.forget_older(now);
        if self.outcomes.len() == WINDOW_CALLS_MAX {
            self.forget_oldest();
        }
        self.outcomes.push_back(Outcome { at: now, failed });
        self.failures += usize::from(failed);
    }

    /// Whether at least `percent` of the outcomes failed, and there are at least `calls_min` of them.
    pub(super) fn is_failing(&self, percent: u8, calls_min: u32) -> bool {
        let calls = self.outcomes.len();
        let enough = u32::try_from(calls).is_ok_and(|calls| calls >= calls_min);
        enough && self.failures * 100 >= usize::from(percent) * calls
    }

    fn forget_older(&mut self, now: Duration) {
        while self
            .outcomes
            .front()
            .is_some_and(|oldest| oldest.at.saturating_add(self.span) <= now)
        {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some(outcome) = self.outcomes.pop_front() {
            self.failures -= usize::from(outcome.failed);
        }
    }
}
