//! Whether the writer's last commit was good, readable from any thread.
//!
//! Invariants: failing exactly as long as entries wait after a commit that failed; a good state costs one atomic read.
//! Does not know: what is done about it; commits that neither fail nor end, which the queue tells.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::error::StoreError;
use crate::rows::StoreHealth;

#[derive(Debug)]
pub(crate) struct Health {
    failing: AtomicBool,
    state: Mutex<StoreHealth>,
}

impl Health {
    pub(crate) fn writable() -> Health {
        Health {
            failing: AtomicBool::new(false),
            state: Mutex::new(StoreHealth::Writable),
        }
    }

    pub(crate) fn read(&self) -> StoreHealth {
        if !self.failing.load(Ordering::Acquire) {
            return StoreHealth::Writable;
        }
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Commits that failed in a row; zero while all is well.
    pub(crate) fn commits_failed(&self) -> u32 {
        match self.read() {
            StoreHealth::Writable => 0,
            StoreHealth::Failing { commits_failed, .. } => commits_failed,
        }
    }

    /// Notes a failed commit; returns how many failed in a row.
    pub(crate) fn fail(&self, error: &StoreError, entries_waiting: usize) -> u32 {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let before = match *state {
            StoreHealth::Writable => 0,
            StoreHealth::Failing { commits_failed, .. } => commits_failed,
        };
        let commits_failed = before.saturating_add(1);
        *state = StoreHealth::Failing {
            commits_failed,
            entries_waiting,
            message: error.to_string(),
        };
        self.failing.store(true, Ordering::Release);
        commits_failed
    }

    /// Notes that nothing waits any more; returns whether that is news.
    pub(crate) fn recover(&self) -> bool {
        if !self.failing.load(Ordering::Acquire) {
            return false;
        }
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = StoreHealth::Writable;
        self.failing.store(false, Ordering::Release);
        true
    }
}
