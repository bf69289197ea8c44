//! What others see of a breaker: its states, its moves, and the reason of each.
//!
//! Invariants: a move always has a reason; the names of reasons and states are a closed set, fit for metric labels.
//! Does not know: who watches.

use std::time::Duration;

/// Where a breaker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Everything passes and is watched.
    Closed,
    /// Nothing passes.
    Open {
        /// On the breaker's clock; [`Duration::MAX`] if only a hand can close it.
        until: Duration,
    },
    /// Probes pass.
    HalfOpen {
        /// How many are out now.
        probes: u32,
    },
}

impl State {
    /// `closed`, `open` or `half_open`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open { .. } => "open",
            Self::HalfOpen { .. } => "half_open",
        }
    }
}

/// One move of a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// Where it stood.
    pub from: State,
    /// Where it stands now.
    pub to: State,
    /// What made it move.
    pub reason: Reason,
}

/// What makes a breaker move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// As many failures in a row as the settings allow.
    ConsecutiveFailures,
    /// The share of failures in the window reached its limit.
    FailureRate,
    /// The open time was over when a call came.
    OpenTimeOver,
    /// A probe failed.
    ProbeFailed,
    /// Enough probes succeeded.
    ProbesSucceeded,
    /// Somebody asked for it.
    ByHand,
}

impl Reason {
    /// The name for a label or a log field, in snake case.
    pub fn name(self) -> &'static str {
        match self {
            Self::ConsecutiveFailures => "consecutive_failures",
            Self::FailureRate => "failure_rate",
            Self::OpenTimeOver => "open_time_over",
            Self::ProbeFailed => "probe_failed",
            Self::ProbesSucceeded => "probes_succeeded",
            Self::ByHand => "by_hand",
        }
    }
}
